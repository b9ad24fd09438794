"""The indexes of the shards in the store, for queries. What is read of a shard's directory is kept and added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import read_profile
from knownas.adapters.redis import Command, Link, pack
from knownas.errors import WorldFault
from knownas.find import planes
from knownas.find.algebra import Program
from knownas.find.asking import Ask, Shown, Told
from knownas.find.view import View, Wanted
from knownas.nouns import Entry, Profile, shard_of

PACKED: Final = 512

_read_entry: Final = msgspec.msgpack.Decoder(Entry).decode


class Dictionary:
    """The codes of a property or field as far as they are known; `whole` where all of them are."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.lacking: set[str] = set()
        self.length = 0
        self.whole = False

    def lacks(self, texts: frozenset[str] | None) -> bool:
        """Whether it cannot tell of these."""
        if texts is None:
            return not self.whole
        return not self.whole and any(text not in self.codes and text not in self.lacking for text in texts)


class StoredView:
    """A shard's directory as read at some moment."""

    def __init__(self) -> None:
        self.fields = 0
        self.said_oldest = ""
        self.has_zones = False
        self.is_complete = True
        self.events: dict[str, int] = {}
        self.properties: dict[str, int] = {}
        self.dictionaries: dict[str, Dictionary] = {}

    @property
    def oldest(self) -> int:
        """The oldest day that has planes."""
        return int(self.said_oldest or 0)

    @property
    def knows_all_events(self) -> bool:
        """Whether every event has a number."""
        return len(self.events) < planes.EVENTS

    @property
    def knows_all_properties(self) -> bool:
        """Whether every property has a number."""
        return len(self.properties) < planes.PROPERTIES

    def event(self, name: str) -> int | None:
        """The number of an event."""
        return self.events.get(name)

    def number_of(self, property_: str) -> int | None:
        """The number of a property."""
        return self.properties.get(property_)

    def names(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """All events and properties."""
        return self.events, self.properties

    def code(self, of: str, text: str) -> int | None:
        """The code of a value."""
        return self.dictionaries[of].codes.get(text)

    def codes(self, of: str) -> Mapping[str, int]:
        """All codes."""
        return self.dictionaries[of].codes

    def rests_on(self, wanted: Wanted) -> tuple[Any, ...]:
        """What a plan for such a query rests on, as `find.lua` checks it."""
        found: list[Any] = [self.fields, self.said_oldest, "1" if self.has_zones else "0"]
        for of, texts in self.asked(wanted).items():
            held = self.dictionaries[of]
            if texts is None or not texts <= held.codes.keys():
                found += (of, held.length)
        return tuple(found)

    def asked(self, wanted: Wanted) -> dict[str, frozenset[str] | None]:
        """The dictionaries that are wanted, by what has them."""
        named = {str(number): texts for name, texts in wanted.properties.items()
                 if (number := self.properties.get(name)) is not None}  # fmt: skip
        return {of: texts for of, texts in {**named, **wanted.fields}.items() if texts is None or texts}


class StoredShards:
    """The indexes as the store has them. Its views are shared by all queries and only ever learn."""

    def __init__(self, link: Link, keys: Keys, shards: int) -> None:
        self._link, self._keys, self.count = link, keys, shards
        self._views = [StoredView() for _ in range(shards)]
        self._has_names = False
        self._packed: dict[int, tuple[Program, bytes]] = {}

    async def views(self, wanted: Wanted, *, fresh: bool) -> Sequence[View]:
        """Views: names in one round trip, then values; only what is not known, or may be known no more."""
        if fresh or not self._has_names:
            await self._read_names()
        await self._read_codes(wanted, fresh=fresh)
        return self._views

    async def ask(self, asks: Sequence[Ask]) -> list[Told | None]:
        """Run programs, all in one round trip."""
        answers = await self._link.run([self._command(ask) for ask in asks])
        return [_told(ask, answer) if answer else None for ask, answer in zip(asks, answers, strict=True)]

    async def people(self, numbers: Mapping[int, Sequence[int]]) -> dict[int, list[Profile | None]]:
        """Profiles by shard and number."""
        wanted = {shard: some for shard, some in numbers.items() if some}
        commands = [
            self._link.script("people", (self._of(shard) + k.INDEX_IDS,), self._of(shard), planes.pack(some))
            for shard, some in wanted.items()
        ]
        answers = await self._link.run(commands) if commands else []
        return {
            shard: [read_profile(raw) if raw else None for raw in answer]
            for shard, answer in zip(wanted, answers, strict=True)
        }

    async def timelines(self, profiles: Sequence[Profile], newest: int = 0) -> list[list[Entry]]:
        """What each of these did."""
        answers = await self._link.run([("LRANGE", self._timeline(one.id), -newest, -1) for one in profiles])
        return [[_read_entry(raw) for raw in answer] for answer in answers]

    def _of(self, shard: int) -> str:
        return self._keys.shard(shard)

    def _timeline(self, profile_id: str) -> str:
        return self._of(shard_of(profile_id, self.count)) + k.timeline(profile_id)

    async def _read_names(self) -> None:
        commands: list[Command] = []
        for shard in range(self.count):
            prefix = self._of(shard)
            commands += [
                ("HLEN", prefix + k.INDEX), ("HMGET", prefix + k.INDEX, "oldest", "complete"),
                ("EXISTS", prefix + k.plane(planes.ZONE)), ("HEXISTS", prefix + k.AT, "watermarks"),
            ]  # fmt: skip
        answers = await self._link.run(commands)
        grown = []
        for shard, view in enumerate(self._views):
            fields, (oldest, complete), zones, has_begun = answers[shard * 4 : shard * 4 + 4]
            view.said_oldest = oldest.decode() if oldest else ""
            view.is_complete, view.has_zones = complete == b"1" or not has_begun, bool(zones)
            if fields != view.fields:
                grown.append((view, fields, shard))
        if grown:
            flats = await self._link.run([("HGETALL", self._of(shard) + k.INDEX) for _, _, shard in grown])
            for (view, fields, _), flat in zip(grown, flats, strict=True):
                _learn_names(view, flat)
                view.fields = fields
        self._has_names = all(view.is_complete for view in self._views)
        if not self._has_names:
            raise WorldFault("the index is still being made; ask again in a while")

    async def _read_codes(self, wanted: Wanted, *, fresh: bool) -> None:
        """Dictionaries only grow: what is known stays; what is lacking is asked for again where one has grown."""
        asked = [
            (shard, of, texts)
            for shard, view in enumerate(self._views)
            for of, texts in view.asked(wanted).items()
            if not self._is_known(shard, of, texts, fresh=fresh)
        ]
        if not asked:
            return
        lengths = await self._link.run([("HLEN", self._of(shard) + k.codes(of)) for shard, of, _ in asked])
        commands: list[Command] = []
        missing = []
        for (shard, of, texts), length in zip(asked, lengths, strict=True):
            held = self._views[shard].dictionaries.setdefault(of, Dictionary())
            if length != held.length:
                held.lacking.clear()
                held.whole, held.length = False, length
            if held.lacks(texts):
                key = self._of(shard) + k.codes(of)
                commands.append(("HGETALL", key) if texts is None else ("HMGET", key, *sorted(texts)))
                missing.append((held, texts))
        answers = await self._link.run(commands) if commands else []
        for (held, texts), answer in zip(missing, answers, strict=True):
            _learn_codes(held, texts, answer)

    def _is_known(self, shard: int, of: str, texts: frozenset[str] | None, *, fresh: bool) -> bool:
        held = self._views[shard].dictionaries.get(of)
        if held is None:
            return False
        return (texts is not None and texts <= held.codes.keys()) or not (fresh or held.lacks(texts))

    def _steps(self, program: Program) -> bytes:
        """A program's steps as they are sent: those who ask again, or for the next page, ask with the same."""
        held = self._packed.get(id(program))
        if held is None:
            if len(self._packed) >= PACKED:
                self._packed.clear()
            steps = pack([(step.operation, step.register, *step.operands) for step in program.steps])
            held = self._packed[id(program)] = program, steps
        return held[1]

    def _command(self, ask: Ask) -> Command:
        program = ask.program
        outputs: list[Any] = []
        for result in ask.counts:
            outputs += ("n", _operand(program.results[result]), 0)
        for result, most in ask.members:
            outputs += ("b", _operand(program.results[result]), most)
        page = _page(ask.shown, program.results[ask.shown.result]) if ask.shown is not None else False
        prefix = self._of(ask.shard)
        return self._link.script(
            "find",
            (prefix + k.INDEX,),
            prefix,
            pack((ask.rests_on, outputs, page)),
            self._steps(program),
        )


def _operand(operand: str | int | None) -> str | int:
    return "" if operand is None else operand


def _page(shown: Shown, operand: str | int | None) -> Any:
    begins = shown.begins
    return (
        _operand(operand), shown.most, shown.order.planes, begins.value, begins.number, planes.pack(shown.others),
    )  # fmt: skip


def _told(ask: Ask, answer: list[Any]) -> Told:
    counts, members = len(ask.counts), len(ask.members)
    flat = answer[counts + members] if ask.shown is not None else []
    shown = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
    return Told(answer[:counts], answer[counts : counts + members], shown)


def _learn_names(view: StoredView, flat: list[bytes]) -> None:
    for name, number in zip(flat[::2], flat[1::2], strict=True):
        kind, named = name[:2], name[2:].decode("utf-8", "surrogatepass")
        if kind == b"e:":
            view.events[named] = int(number)
        elif kind == b"p:":
            view.properties[named] = int(number)


def _learn_codes(held: Dictionary, texts: frozenset[str] | None, answer: list[Any]) -> None:
    if texts is None:
        pairs = zip(answer[::2], answer[1::2], strict=True)
        held.codes = {text.decode("utf-8", "surrogatepass"): int(code) for text, code in pairs}
        held.whole, held.length = True, len(held.codes)
        return
    for text, code in zip(sorted(texts), answer, strict=True):
        if code is None:
            held.lacking.add(text)
        else:
            held.codes[text] = int(code)
