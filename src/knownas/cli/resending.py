"""Which rejected records are sent again, what in their place, and the sending."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from knownas.adapters.kafka import KafkaOutlet
from knownas.cli.send import AT_ONCE, until_acknowledged
from knownas.errors import WrongInput
from knownas.nouns import Position
from knownas.operate.fate import place_of
from knownas.operate.rejects import Rejected, rejected_records
from knownas.operate.resend import Again, Left, Mender, Resent, batches, how_it_came
from knownas.operate.world import World
from knownas.topics import Layout

_ONLY_BY_NAME: Final = frozenset({"deleted"})
"""Sent again only where somebody says this reason or the record: it would make a deleted person anew."""


class _Edit(msgspec.Struct):
    topic: str
    partition: int
    offset: int
    value: msgspec.Raw


_read_edit: Final = msgspec.json.Decoder(_Edit).decode


class Desk(NamedTuple):
    """What is at hand to send records again."""

    world: World
    layout: Layout
    edits: dict[Position, bytes]

    async def chosen(self, named: set[Position], reasons: frozenset[str], *, every: bool) -> list[Rejected]:
        """The records that are meant; one that is named and not rejected is a mistake."""
        some = []
        async for one in rejected_records(self.world.log, self.layout):
            of_all = every and one.reason not in _ONLY_BY_NAME
            if one.position in named or one.reason in reasons or of_all:
                some.append(one)
        missing = named - {one.position for one in some}
        if missing:
            places = (place_of(position, self.layout) for position in sorted(missing))
            raise WrongInput("\n".join(f"{place} is no rejected record" for place in places))
        return some

    async def looked_at(self, some: Sequence[Rejected], *, again: bool) -> tuple[list[Again], list[Left]]:
        """Those that can be sent, and those that are left out."""
        world, layout = self.world, self.layout
        before = set() if again else await Resent(world.link(), world.keys).of([one.position for one in some])
        left = [Left(position, "it was sent again before; --again does it once more") for position in sorted(before)]
        some = [one for one in some if one.position not in before]
        came = await how_it_came(world.log, layout, world.names, some)
        mender = Mender(world.settings.identity_rules(), layout, int(time.time() * 1000))
        looked = [mender.again(one, self.edits.get(one.position), came[one.position]) for one in some]
        ready = [one for one in looked if isinstance(one, Again)]
        return ready, [*left, *(one for one in looked if isinstance(one, Left))]

    async def send(self, ready: Sequence[Again]) -> None:
        """Send them, and note that they are sent."""
        outlet, resent = KafkaOutlet(self.world.kafka), Resent(self.world.link(), self.world.keys)
        try:
            for start in range(0, len(ready), AT_ONCE):
                some = ready[start : start + AT_ONCE]
                await until_acknowledged(outlet, batches(some))
                await resent.note([one.position for one in some], int(time.time() * 1000))
        finally:
            await outlet.close()


def edits_in(path: Path, layout: Layout) -> dict[Position, bytes]:
    """What a file puts in the place of records."""
    if not path.is_file():
        raise WrongInput(f"there is no file {path}")
    found, problems = {}, []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            said = _read_edit(line)
        except msgspec.DecodeError as error:
            problems.append(f"{path}:{number}: a line has topic, partition, offset and value: {error}")
            continue
        found[Position(layout.short(said.topic), said.partition, said.offset)] = bytes(said.value)
    if problems:
        raise WrongInput("\n".join(problems))
    return found
