"""The identity rules: who wins a record that carries identities, and what a login does to the device's binding.

In words (the numbers are the ledger's and the tests'):

0  nobody speaks yet      bound to the owner, or to a new profile; no guest, no link
1  guest, nothing owned   claim: the guest becomes identified under its own id
2  guest, owned by P      link: the device moves to P, the guest's events stay the guest's
3  P, all owned by P      nothing about identity changes
4  P, some by nobody      those are added to P
5  P, none owned          switch: a new profile; P is untouched
6  P, owned by Q          switch: the device moves to Q; P is untouched, nothing is linked
7  owned by several       the first in the declared order wins, the others stay with their owners and are refused
8  no usable identity     the record goes to whom the device speaks for (in `decide`)

Identities that nobody owns are added to whoever wins. A claim names the record that made it, so a record that is
seen again after a crash finds its own claims and takes the same way.

A release raises an identity's generation, and every decision says at which it found each identity: so the ledger tells
the order of uses, releases and new claims. A suppressed identity turns every record away but the one that claimed it.
Records about a profile as a whole (a deletion, say) claim nothing: they go to the one owner of what they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from knownas.nouns import Fact, Identity, Names, Outcome, Owner, Position

Owners = Mapping[Identity, Owner | None]
Manner = Literal["login", "add", "address"]
"""How a record uses identities: it logs a device in, adds to the device's person, or only says whose it is."""


class Move(NamedTuple):
    """What a login does: the reason the ledger gives, and the kind of its extra row (a link or a switch)."""

    reason: str
    rebinds: bool
    row: Literal["linked", "switched"] | None = None


MOVES: Final[dict[tuple[str, str], Move]] = {
    # the device speaks for, the winner is: what happens
    ("nobody", "other"): Move("login", rebinds=True),
    ("guest", "same"): Move("claim", rebinds=True),
    ("guest", "other"): Move("link", rebinds=True, row="linked"),
    ("identified", "same"): Move("add", rebinds=False),
    ("identified", "other"): Move("switch", rebinds=True, row="switched"),
}


class Settled(NamedTuple):
    """Who wins, which identities (by place in the list) it gains, which stay with others, what is still to claim, and
    at which generation each was found (`Outcome.seen`)."""

    profile: str
    claimed: tuple[int, ...]
    refused: tuple[int, ...]
    to_claim: tuple[int, ...]
    seen: tuple[int, ...] = ()


def settle(
    manner: Manner, usable: tuple[Identity, ...], owners: Owners, speaker: Fact, here: Position, names: Names
) -> Settled:
    """Decide who wins a record with usable identities."""
    mine, owned, free = [], [], []
    for place, identity in enumerate(usable):
        owner = owners[identity]
        if owner is None or not owner.profile:
            free.append(place)
        elif _is_own(owner, here):
            mine.append(place)
        else:
            owned.append(place)
    if manner == "add":
        winner = speaker.profile
    elif mine or owned:
        winner = _owner(owners, usable[(mine or owned)[0]]).profile
    elif manner == "login" and speaker.state == "guest":
        winner = speaker.profile
    else:
        winner = names.person(usable[0], generation(owners[usable[0]]))
    refused = tuple(place for place in owned if _owner(owners, usable[place]).profile != winner)
    seen = _told([generation(owners[identity]) for identity in usable])
    return Settled(winner, tuple(sorted(mine + free)), refused, tuple(free), seen)


def resettle(outcome: Outcome) -> Settled:
    """What was settled before a crash, taken from what was stored; nothing is left to claim."""
    return Settled(outcome.profile, outcome.claimed, outcome.refused, (), outcome.seen)


def look_up(usable: tuple[Identity, ...], owners: Owners, here: Position) -> Outcome:
    """Whose the identities are, for a record that claims none: the one owner's, or nobody's and why. A claim of a later
    record is not seen: a store that was got back may have that, though of this record nothing had been sent."""
    found = [_as_of(owners[identity], here) for identity in usable]
    profiles = dict.fromkeys(owner.profile for owner in found if owner is not None and owner.profile)
    seen = _told([generation(o) if o is not None and o.profile else -1 - generation(o) for o in found])
    if len(profiles) == 1:
        return Outcome(next(iter(profiles)), seen=seen)
    return Outcome("", seen=seen, reason="different_owners" if profiles else "nobody_owns")


def _as_of(owner: Owner | None, here: Position) -> Owner | None:
    """An owner row as a record has found it, as far as its own partition tells."""
    if owner is None or (owner.topic, owner.partition) != here[:2] or owner.offset <= here.offset or not owner.profile:
        return owner
    return Owner("", owner.generation, "", -1, -1, owner.suppressed)


def owned(usable: tuple[Identity, ...], outcome: Outcome) -> list[Identity]:
    """Those of the identities that had an owner when they were looked up."""
    return [identity for place, identity in enumerate(usable) if not outcome.seen or outcome.seen[place] >= 0]


def is_suppressed(usable: tuple[Identity, ...], owners: Owners, here: Position) -> bool:
    """Whether one of the identities is suppressed; what the record itself claimed, it claimed before that."""
    found = [owner for identity in usable if (owner := owners[identity]) is not None]
    return any(owner.suppressed for owner in found) and not any(_is_own(owner, here) for owner in found)


def move(speaker: Fact, winner: str) -> Move:
    """The row of the table that a login takes."""
    return MOVES[speaker.state, "same" if winner == speaker.profile else "other"]


def generation(owner: Owner | None) -> int:
    """How often an identity has been released; a profile made for it is named by this number too."""
    return 0 if owner is None else owner.generation


def _owner(owners: Owners, identity: Identity) -> Owner:
    owner = owners[identity]
    if owner is None:
        raise AssertionError(f"an identity of kind {identity.kind} was counted as owned and is not")
    return owner


def _is_own(owner: Owner, here: Position) -> bool:
    return (owner.topic, owner.partition, owner.offset) == here


def _told(generations: list[int]) -> tuple[int, ...]:
    """Generations as they are kept and sent: nothing where all are the first."""
    return tuple(generations) if any(generations) else ()
