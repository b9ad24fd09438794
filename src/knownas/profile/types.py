"""Which type a profile has, and the channels that reach it now.

`customer` once a `Charged` event is recorded, for ever; else `addressable` if it owns an identity or an e-mail or a
push token reaches it; else `anonymous`. A channel reaches unless its opt-out (`MSG-email`, `MSG-push`, `MSG-sms`) is
false, or the shown e-mail or phone itself is opted out.
"""

from __future__ import annotations

from knownas.nouns import Profile, ProfileType
from knownas.profile.subscriptions import is_open

PURCHASE = "Charged"


def reachable(profile: Profile) -> list[str]:
    """The channels that work now: `email`, `push`, `sms`, in this order."""
    channels = []
    if _may_write_to(profile, "email", "Email") and not _opted_out(profile, "MSG-email"):
        channels.append("email")
    if profile.tokens and not _opted_out(profile, "MSG-push"):
        channels.append("push")
    if _may_write_to(profile, "phone", "Phone") and not _opted_out(profile, "MSG-sms"):
        channels.append("sms")
    return channels


def type_of(profile: Profile, channels: list[str]) -> ProfileType:
    """The one type of a profile."""
    if profile.type == "customer" or PURCHASE in profile.events:
        return "customer"
    if profile.identities or "email" in channels or "push" in channels:
        return "addressable"
    return "anonymous"


def _may_write_to(profile: Profile, channel: str, field: str) -> bool:
    held = profile.properties.get(field)
    if held is None or type(held.value) not in (str, int) or held.value in ("", 0):
        return False
    return is_open(profile, channel, held.value)


def _opted_out(profile: Profile, field: str) -> bool:
    held = profile.properties.get(field)
    return held is not None and held.value is False
