"""A device's bindings are facts at positions; who it speaks for is the last fact strictly before a record.

Strictly before: a login found again after a crash sees the world as it was when it first came, and writes the same
fact again, so a replay never sees later logins. Facts are only ever added.
"""

from __future__ import annotations

from typing import Final

from knownas.nouns import Fact

Facts = tuple[Fact, ...]

KEPT: Final = 64
"""How many facts of a device are kept at hand; the ledger has all of them for ever."""

NOBODY: Final = Fact(-1, "nobody", "", 0)


def speaker(facts: Facts, offset: int) -> Fact:
    """The fact that holds for a record at this offset."""
    for fact in reversed(facts):
        if fact.offset < offset:
            return fact
    return NOBODY


def with_fact(facts: Facts, new: Fact) -> Facts:
    """The facts with one more, in order of position. The same fact found again changes nothing."""
    if not facts or facts[-1].offset < new.offset:
        return (*facts, new)
    rest = [fact for fact in facts if fact.offset != new.offset]
    return tuple(sorted([*rest, new], key=lambda fact: fact.offset))


def trimmed(facts: Facts, settled: int) -> Facts:
    """Let go of the oldest facts beyond `KEPT`, but of none that a record from offset `settled` on may ask for."""
    if len(facts) <= KEPT:
        return facts
    needed = next((i for i in range(len(facts) - 1, -1, -1) if facts[i].offset < settled), 0)
    return facts[min(len(facts) - KEPT, needed) :]
