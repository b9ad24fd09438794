"""Opt-ins and opt-outs of single addresses: they belong to the address, so a new one is open again.

The newest `ts` of an address wins, ties by arrival. A profile keeps `ADDRESSES` of them; beyond, the oldest go.
"""

from __future__ import annotations

from typing import Any, Final

from knownas.nouns import Identity, Profile, Property, Timestamp
from knownas.records.identities import normalize

ADDRESSES: Final = 100


def note(
    profile: Profile, given: dict[str, dict[str, bool]], ts: Timestamp, region: str | None
) -> list[tuple[str, str]]:
    """Remember what a record says of addresses; returns what is refused: key and reason."""
    refused = []
    for channel, addresses in given.items():
        for address, is_open in addresses.items():
            normal = normalize(channel, address, region)
            if isinstance(normal, Identity):
                _set(profile.subscriptions, f"{channel}:{normal.value}", ts, is_open=is_open)
            else:
                refused.append((f"subscriptions.{channel}", normal.reason))
    return refused


def opted_out(profile: Profile) -> list[str]:
    """The addresses, as `channel:address`, that are not to be written to."""
    return [address for address, held in profile.subscriptions.items() if held.value is False]


def is_open(profile: Profile, channel: str, shown: Any) -> bool:
    """Whether the shown e-mail or phone may be used. A phone that is no identity is shown as it came, with its country
    code: its digits tell which it is."""
    if not profile.subscriptions:
        return True
    text = str(shown).strip()
    address = text.lower() if channel == "email" else "+" + "".join(filter(str.isdigit, text)).lstrip("0")
    held = profile.subscriptions.get(f"{channel}:{address}")
    return held is None or held.value is not False


def _set(subscriptions: dict[str, Property], address: str, ts: Timestamp, *, is_open: bool) -> None:
    held = subscriptions.get(address)
    if held is None:
        subscriptions[address] = Property(is_open, ts)
        if len(subscriptions) > ADDRESSES:
            del subscriptions[min(subscriptions, key=lambda one: (subscriptions[one].ts, one))]
    elif ts >= held.ts:
        held.value, held.ts = is_open, ts
