"""What the ledger and the topics say of the state that stage 1 once had: bindings, owners, outcomes. Pure.

The rules, in words. Ledger rows may be taken in any order and twice. A binding is a fact at its row's position. Of an
identity the row of the highest generation counts, and of two of the same generation the one that owns: a claim makes
generation g somebody's, its release begins generation g + 1. Suppressed once, an identity is suppressed for ever.

What was decided for a record that may come again is known by what was sent of it: its message tells the profile
and the generations, a rejection the reason, and its ledger rows, which are sent before, what was gained and refused.
Where nothing but rows was sent they tell the profile too; where nothing was, nobody has seen a decision, and it is
decided anew. Of the rows the first may have been sent and the rest not: what the record gained beside that it gains
now, where it is known how it came to its profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from knownas.identity.facts import Facts, trimmed
from knownas.identity.looking import NEVER_CLAIMED
from knownas.identity.rules import generation
from knownas.nouns import Fact, Identity, LedgerRow, Names, Outcome, Owner

OWNING: Final = ("claimed", "released", "suppressed")
"""The kinds of rows that say whose an identity is."""

OTHERS: Final = "owned_by_another"


class Sent(NamedTuple):
    """What was sent of a record: its profile, or the reason for which it was rejected; and at which generations its
    identities were found."""

    profile: str = ""
    generations: tuple[int, ...] = ()
    reason: str = ""


def owner_after(owner: Owner | None, row: LedgerRow) -> Owner | None:
    """An owner row with what one more ledger row says of it."""
    if row.kind == "suppressed":
        return msgspec.structs.replace(owner or NEVER_CLAIMED, suppressed=True)
    said = row.generation or 0
    claimed = row.kind == "claimed"
    new = Owner(row.profile, said, *row.position) if claimed else Owner("", said + 1, *row.position)
    if owner is None:
        return new
    newer = (new.generation, bool(new.profile)) >= (owner.generation, bool(owner.profile))
    return msgspec.structs.replace(new if newer else owner, suppressed=owner.suppressed)


def facts_after(facts: Facts, rows: Iterable[LedgerRow], settled: int) -> Facts:
    """A device's facts with those of more ledger rows; as many of the oldest go as the store lets go of."""
    found = {fact.offset: fact for fact in facts}
    for row in rows:
        assert row.state is not None, f"a binding without a state at {row.position}"
        offset = row.position.offset
        found[offset] = Fact(offset, row.state, row.profile, row.epoch or 0)
    return trimmed(tuple(found[offset] for offset in sorted(found)), settled)


def outcome_of_record(
    usable: Sequence[Identity],
    sent: Sent | None,
    rows: Sequence[LedgerRow],
    owners: Mapping[Identity, Owner | None],
    names: Names,
) -> tuple[Outcome | None, tuple[int, ...]]:
    """What was decided for a record with these identities, None where nothing was sent of it; and which of them have
    still to be made its profile's."""
    left = _left_to_claim(usable, sent, rows, owners, names)
    return _outcome(usable, sent, rows, owners, left, names), left


def _outcome(
    usable: Sequence[Identity],
    sent: Sent | None,
    rows: Sequence[LedgerRow],
    owners: Mapping[Identity, Owner | None],
    left: Collection[int],
    names: Names,
) -> Outcome | None:
    if sent is not None and sent.reason:
        return Outcome("", seen=sent.generations, reason=sent.reason)
    hashes = [(identity.kind, names.identity(identity)) for identity in usable]
    claims = {row.identity: row.generation or 0 for row in rows if row.kind == "claimed"}
    refused = {row.identity for row in rows if row.kind == "refused" and row.reason == OTHERS}
    taken = tuple(place for place, key in enumerate(hashes) if key in claims or place in left)
    others = tuple(place for place, key in enumerate(hashes) if key in refused)
    if sent is not None:
        return Outcome(sent.profile, taken, others, sent.generations)
    if not rows or any(row.kind == "suppressed" for row in rows):
        return None
    seen = [claims.get(key, generation(owners[one])) for one, key in zip(usable, hashes, strict=True)]
    return Outcome(rows[0].profile, taken, others, tuple(seen) if any(seen) else ())


def _left_to_claim(
    usable: Sequence[Identity],
    sent: Sent | None,
    rows: Sequence[LedgerRow],
    owners: Mapping[Identity, Owner | None],
    names: Names,
) -> tuple[int, ...]:
    """Which of its identities a record gained though no row that was sent says so: its profile has still to be made
    their owner. The rows of what is gained stand before all others but the binding's. Nothing, where nobody can tell
    how the record came to its profile: that hinges on another of which nothing was sent either."""
    if sent is not None or not rows or rows[-1].kind not in ("bound", "claimed"):
        return ()
    first, found = rows[0], [owners[one] for one in usable]
    gained_all = first.reason == "claim" or first.profile == names.person(usable[0], generation(found[0]))
    is_owner = any(
        one is not None and one.profile == first.profile and (one.topic, one.partition, one.offset) != first.position
        for one in found
    )
    if not (gained_all or first.reason == "add" or is_owner):
        return ()
    claimed = {row.identity for row in rows}
    return tuple(
        place
        for place, (identity, owner) in enumerate(zip(usable, found, strict=True))
        if (identity.kind, names.identity(identity)) not in claimed
        and (owner is None or (gained_all and not owner.profile))
    )


def outcome_of_release(rows: Sequence[LedgerRow]) -> Outcome | None:
    """What was decided for a release that a shard asked for; None where it wrote no row: it is decided anew."""
    for row in rows:
        if row.kind == "released":
            return Outcome(row.profile, seen=(row.generation or 0,))
    return None
