"""How people name what they ask about: a profile id, a device, or kind:value of an identity."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from knownas.adapters.reader import Reader
from knownas.errors import WrongInput
from knownas.nouns import Identity, Profile
from knownas.records.identities import Unusable, normalize
from knownas.settings import Settings

PROFILE_ID: Final = re.compile(r"[0-9a-f]{32}")
_EPOCH: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_MILLISECONDS_FROM: Final = 1e11
"""A number from here on counts milliseconds: as seconds it would be past the year 5000."""
_YEAR_10000_MS: Final = 253_402_300_800_000


class Who(NamedTuple):
    """What somebody named: `text` as typed; `value` is the profile's id or the device."""

    text: str
    about: Literal["profile", "device", "identity"]
    value: str
    identity: Identity | None = None


def parse_who(text: str, settings: Settings, bare: Literal["profile", "device"]) -> Who:
    """Read a name; `bare` says what one without a kind is."""
    kind, colon, value = text.partition(":")
    if not (value if colon else text).strip():
        what = text or "an empty name"
        raise WrongInput(f"{what} names nobody: give a profile id, device:ID, or kind:value of an identity")
    if not colon:
        return Who(text, bare, text)
    if kind == "device":
        return Who(text, "device", value)
    return Who(text, "identity", value, _identity(settings, kind, value))


def _identity(settings: Settings, kind: str, value: str) -> Identity:
    if kind not in settings.identity_kinds:
        declared = ", ".join(settings.identity_kinds)
        raise WrongInput(
            f"{kind} is no declared identity kind; declared are {declared} (KNOWNAS_IDENTITY_KINDS, fixed at a "
            f"store's first use); a device whose id holds a colon is device:{kind}:{value}"
        )
    normal = normalize(kind, value, settings.phone_region)
    if isinstance(normal, Unusable):
        raise WrongInput(f"{value!r} cannot be anybody's {kind} ({normal.reason})")
    return normal


async def find(reader: Reader, who: Who) -> Profile:
    """The profile that is meant now, or a line that says why there is none."""
    profile_id = await _id_of(reader, who)
    found = await reader.profile(profile_id)
    if found is not None:
        return found
    if await reader.is_deleted(profile_id):
        raise WrongInput(f"{profile_id} is deleted; `knownas explain {profile_id}` says when and why")
    raise WrongInput(f"nobody is known as {who.text}{meant(who)}")


def meant(who: Who) -> str:
    """What somebody may have meant whose name, without a kind, was taken for another thing than it looks like."""
    if ":" in who.text or (who.about == "profile" and PROFILE_ID.fullmatch(who.value)):
        return ""
    if "@" in who.text:
        return f"; an e-mail is email:{who.text}"
    taken, other = ("a profile's id", f"device:{who.text}") if who.about == "profile" else ("a device", "kind:value")
    return f"; it was taken for {taken}, {'a device' if who.about == 'profile' else 'an identity'} is {other}"


async def _id_of(reader: Reader, who: Who) -> str:
    hint = f"`knownas explain {who.text}` says since when and why"
    if who.about == "profile":
        return who.value
    if who.about == "device":
        facts = await reader.facts(who.value)
        if facts and not facts[-1].profile:
            raise WrongInput(f"{who.text} speaks for nobody until its next record, which makes a fresh guest; {hint}")
        if facts:
            return facts[-1].profile
        raise WrongInput(f"nobody is known as {who.text}")
    assert who.identity is not None
    row = await reader.owner_row(who.identity)
    if row is None:
        raise WrongInput(f"nobody is known as {who.text}")
    if not row.profile:
        what = "suppressed: records that carry it are rejected" if row.suppressed else "nobody's any more"
        raise WrongInput(f"{who.text} is {what}; {hint}")
    return row.profile


def parse_time(text: str) -> int:
    """A moment in milliseconds since 1970: ISO 8601 (UTC where it says no zone), or seconds or milliseconds since 1970.

    A moment given in whole seconds means the end of that second, so what is shown with a time is found by that time.
    """
    said = text.strip()
    unreadable = WrongInput(f"{text!r} is no time; write 2026-01-31, 2026-01-31T14:30:00Z, or seconds since 1970")
    if _EPOCH.fullmatch(said):
        number = float(said)
        moment = number if number >= _MILLISECONDS_FROM else number * 1000
        if moment >= _YEAR_10000_MS:
            raise unreadable
        return int(moment) if "." in said or number >= _MILLISECONDS_FROM else int(moment) + 999
    try:
        read = datetime.fromisoformat(said.removesuffix(" UTC"))
    except ValueError:
        raise unreadable from None
    if read.tzinfo is None:
        read = read.replace(tzinfo=UTC)
    moment = read.timestamp() * 1000
    return round(moment) if read.microsecond or len(said) <= len("2026-01-31") else round(moment) + 999
