"""What changed about a profile, as published on `profile-changed`.

A change is told relative to the one published before (`since`), and carries the profile as it is after its last
record that changed more than counts and times: so the newest message of a profile says the same in whatever chunks
its records were folded. Counting alone is published only where a setting asks for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from knownas.nouns import Profile, Timestamp
from knownas.profile.view import facts_about, test_mark, values, view

MESSAGE_BYTES = 900_000
"""A message above this would be refused by a broker with Kafka's default limit of 1 MiB; it is told shorter."""


class Before(NamedTuple):
    """A profile as it was published last: what a change is told against."""

    changed: int
    facts: dict[str, Any]
    properties: dict[str, Any]
    counts: dict[str, int]
    test: str | None


def before(profile: Profile, with_counts: bool) -> Before:
    """Remember a profile before a record changes it."""
    counts = {name: count.count for name, count in profile.events.items()} if with_counts else {}
    facts, properties = (facts_about(profile), values(profile)) if profile.version else ({}, {})
    return Before(profile.changed, facts, properties, counts, test_mark(profile) if profile.version else None)


def message(then: Before, profile: Profile, ts: Timestamp, at: int, with_counts: bool) -> bytes:
    """One message for everything that changed since `then`; ages are those of the last changing record's time `at`."""
    facts, properties = facts_about(profile), values(profile)
    changed = {
        field: {"from": then.facts.get(field), "to": facts.get(field)}
        for field in [*facts, *(field for field in then.facts if field not in facts)]
        if then.facts.get(field) != facts.get(field) and (facts.get(field) or then.facts)
    }
    changed |= _differences("properties", then.properties, properties)
    if test_mark(profile) != (then.test or "No"):
        changed["system.ct_is_test_user"] = {"from": then.test, "to": test_mark(profile)}
    if with_counts:
        changed |= _differences("events", then.counts, {name: c.count for name, c in profile.events.items()})
    told: dict[str, Any] = {"id": profile.id, "since": then.changed, "version": profile.version, "type": profile.type}
    if then.facts and then.facts["type"] != profile.type:
        told["previousType"] = then.facts["type"]
    known = set(then.facts.get("guests", ()))
    told |= {
        "ts": ts,
        "changed": changed,
        "links": [guest for guest in profile.guests if guest not in known],
        "profile": view(profile, at, facts, properties),
    }
    encoded = orjson.dumps(told)
    return encoded if len(encoded) <= MESSAGE_BYTES else _shortened(told, facts)


def _differences(group: str, then: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    names = [*now, *(name for name in then if name not in now)]
    return {
        f"{group}.{name}": {"from": then.get(name), "to": now.get(name)}
        for name in names
        if then.get(name) != now.get(name) or type(then.get(name)) is not type(now.get(name))
    }


def _shortened(told: dict[str, Any], facts: dict[str, Any]) -> bytes:
    """Who it is and the names of what changed; the values are to be asked for. No profile stops a partition."""
    short = {**told, "changed": dict.fromkeys(told["changed"]), "profile": {"id": told["id"], **facts}}
    encoded = orjson.dumps(short | {"truncated": True})
    return encoded if len(encoded) <= MESSAGE_BYTES else orjson.dumps(short | {"changed": {}, "truncated": True})
