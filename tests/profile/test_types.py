"""The type of a profile and the channels that reach it, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.nouns import FORMAT, Count, Identity, Profile, Property
from knownas.profile.types import reachable, type_of

Case = tuple[dict[str, Any], dict[str, Any], list[str], str]
CASES: list[Case] = [
    # properties, more about the profile, the channels that reach it, its type
    ({}, {}, [], "anonymous"),
    ({"Email": "a@x.ie"}, {}, ["email"], "addressable"),
    ({"Email": "a@x.ie", "MSG-email": False}, {}, [], "anonymous"),
    ({"Email": "a@x.ie", "MSG-email": True}, {}, ["email"], "addressable"),
    ({"Email": "a@x.ie", "MSG-email": None}, {}, ["email"], "addressable"),
    ({"Email": "a@x.ie", "MSG-email": 0}, {}, ["email"], "addressable"),
    ({"Email": "a@x.ie", "MSG-push": False, "MSG-sms": False}, {}, ["email"], "addressable"),
    ({"Email": "a@x.ie"}, {"subscriptions": {"email:a@x.ie": Property(False, 0)}}, [], "anonymous"),
    ({"Email": " A@x.ie"}, {"subscriptions": {"email:a@x.ie": Property(False, 0)}}, [], "anonymous"),
    ({"Email": "a@x.ie"}, {"subscriptions": {"email:a@x.ie": Property(True, 0)}}, ["email"], "addressable"),
    ({"Email": "a@x.ie"}, {"subscriptions": {"email:b@x.ie": Property(False, 0)}}, ["email"], "addressable"),
    ({"Email": "a@x.ie", "MSG-email": False}, {"subscriptions": {"email:a@x.ie": Property(True, 0)}}, [], "anonymous"),
    ({"Phone": "+353861234567"}, {"subscriptions": {"phone:+353861234567": Property(False, 0)}}, [], "anonymous"),
    ({"Phone": 353861234567}, {"subscriptions": {"phone:+353861234567": Property(False, 0)}}, [], "anonymous"),
    ({"Phone": "00353 86 123 4567"}, {"subscriptions": {"phone:+353861234567": Property(False, 0)}}, [], "anonymous"),
    ({"Phone": "+353861234567"}, {"subscriptions": {"email:+353861234567": Property(False, 0)}}, ["sms"], "anonymous"),
    ({"Email": ""}, {}, [], "anonymous"),
    ({"Email": None}, {}, [], "anonymous"),
    ({"Email": True}, {}, [], "anonymous"),
    ({"Email": ["a@x.ie"]}, {}, [], "anonymous"),
    ({"Phone": "+353861234567"}, {}, ["sms"], "anonymous"),
    ({"Phone": 353861234567, "MSG-sms": False}, {}, [], "anonymous"),
    ({"Phone": 353861234567}, {}, ["sms"], "anonymous"),
    ({}, {"tokens": {"d-1": "t"}}, ["push"], "addressable"),
    ({"MSG-push": False}, {"tokens": {"d-1": "t"}}, [], "anonymous"),
    ({}, {"identities": [Identity("identity", "X")]}, [], "addressable"),
    ({}, {"events": {"Viewed": Count(1, 0, 0)}}, [], "anonymous"),
    ({}, {"events": {"Charged": Count(1, 0, 0)}}, [], "customer"),
    ({"Email": "a@x.ie"}, {"events": {"Charged": Count(1, 0, 0)}}, ["email"], "customer"),
    ({}, {"type": "customer"}, [], "customer"),
    ({"Email": "a@x.ie", "Phone": "1"}, {"tokens": {"d-1": "t"}}, ["email", "push", "sms"], "addressable"),
]


@pytest.mark.parametrize(("properties", "more", "channels", "kind"), CASES)
def test_a_profile_has_one_type_and_the_channels_that_work(
    properties: dict[str, Any], more: dict[str, Any], channels: list[str], kind: str
) -> None:
    held = {key: Property(value, 0) for key, value in properties.items()}
    profile = Profile(format=FORMAT, id="p", properties=held, **more)
    assert reachable(profile) == channels
    assert type_of(profile, channels) == kind
