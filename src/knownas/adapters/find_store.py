"""The indexes of the shards in the store, for queries. What is read of a shard's directory is kept and added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import read_entry, read_profile
from knownas.adapters.redis import Command, Link, pack
from knownas.errors import WorldFault
from knownas.find import planes
from knownas.find.algebra import Operand
from knownas.find.asking import Ask, Shown, Told
from knownas.find.view import View, Wanted
from knownas.nouns import Entry, Profile, shard_of

PACKED: Final = 512


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
        self.said_oldest = self.said_latest = self.said_made = ""
        self.has_zones = False
        self.is_complete = True
        self.events: dict[str, int] = {}
        self.properties: dict[str, int] = {}
        self.dictionaries: dict[str, Dictionary] = {}
        self.has: dict[str, bool] = {}
        """Of planes that were looked at, whether anybody was in them."""

    @property
    def oldest(self) -> int:
        """The oldest day that has planes."""
        return int(self.said_oldest or 0)

    @property
    def latest(self) -> int | None:
        """The day after which nobody was seen; None: it is not known."""
        return int(self.said_latest) if self.said_latest else None

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

    def lacks(self, plane: str) -> bool:
        """Whether nobody was in a plane when it was looked at."""
        return not self.has.get(plane, True)

    def rests_on(self, wanted: Wanted, absent: Sequence[str]) -> tuple[Any, ...]:
        """What a plan for such a query rests on, as `find.lua` checks it."""
        empty = absent if self.has_zones else (*absent, planes.ZONE)
        said = self.said_oldest, self.said_latest, self.said_made
        found: list[Any] = [self.fields, *said, tuple(map(_operand, empty))]
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
    """The indexes as the store has them. Its views are shared by all queries and only ever learn; where a rebuild has
    made a shard anew, and may have given out other numbers, a view begins anew too, beside the one of queries under
    way: what they rest on is refused."""

    def __init__(self, link: Link, keys: Keys, shards: int) -> None:
        self._link, self._keys, self.count = link, keys, shards
        self._views = [StoredView() for _ in range(shards)]
        self._has_names = False
        self._packed: dict[int, tuple[Ask, bytes, bytes]] = {}

    async def views(self, wanted: Wanted, *, fresh: bool) -> Sequence[View]:
        """Views: names in one round trip, then values; only what is not known, or may be known no more."""
        if fresh or not self._has_names:
            await self._read_names()
        views = list(self._views)
        await self._read_codes(views, wanted, fresh=fresh)
        return views

    async def look(self, named: Mapping[int, Iterable[str]]) -> bool:
        """See whether anybody is in planes that were not looked at yet; whether there were any."""
        unseen = {
            shard: new for shard, some in named.items()
            if (new := [plane for plane in some if plane not in self._views[shard].has])
        }  # fmt: skip
        commands = [
            self._link.script("planes", (self._of(shard) + k.INDEX,), self._of(shard), pack(some))
            for shard, some in unseen.items()
        ]
        if commands:
            for (shard, some), answer in zip(unseen.items(), await self._link.run(commands), strict=True):
                self._views[shard].has |= zip(some, map(b"1".__contains__, answer), strict=True)
        return bool(commands)

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
        return [[read_entry(raw) for raw in answer] for answer in answers]

    def _of(self, shard: int) -> str:
        return self._keys.shard(shard)

    def _timeline(self, profile_id: str) -> str:
        return self._of(shard_of(profile_id, self.count)) + k.timeline(profile_id)

    async def _read_names(self) -> None:
        commands: list[Command] = []
        for shard in range(self.count):
            prefix = self._of(shard)
            commands += [
                ("HLEN", prefix + k.INDEX), ("HMGET", prefix + k.INDEX, "oldest", "latest", k.INDEX_MADE, "complete"),
                ("EXISTS", prefix + k.plane(planes.ZONE)), ("HEXISTS", prefix + k.AT, "watermarks"),
            ]  # fmt: skip
        answers = await self._link.run(commands)
        grown = []
        for shard in range(self.count):
            fields, (*said, complete), zones, has_begun = answers[shard * 4 : shard * 4 + 4]
            oldest, latest, made = ((raw or b"").decode() for raw in said)
            if made != self._views[shard].said_made:
                self._views[shard] = StoredView()
            view = self._views[shard]
            view.said_oldest, view.said_latest, view.said_made = oldest, latest, made
            view.has = {plane: True for plane, has in view.has.items() if has}
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

    async def _read_codes(self, views: Sequence[StoredView], wanted: Wanted, *, fresh: bool) -> None:
        """Dictionaries only grow: what is known stays; what is lacking is asked for again where one has grown."""
        asked = [
            (shard, of, texts)
            for shard, view in enumerate(views)
            for of, texts in view.asked(wanted).items()
            if not _is_known(view, of, texts, fresh=fresh)
        ]
        if not asked:
            return
        lengths = await self._link.run([("HLEN", self._of(shard) + k.codes(of)) for shard, of, _ in asked])
        commands: list[Command] = []
        missing = []
        for (shard, of, texts), length in zip(asked, lengths, strict=True):
            held = views[shard].dictionaries.setdefault(of, Dictionary())
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

    def _written(self, ask: Ask) -> tuple[bytes, bytes]:
        """What a program rests on, and its steps, as they are sent: who asks again, or for the next page, asks with the
        same."""
        program = ask.program
        held = self._packed.get(id(program))
        if held is None or held[0].rests_on != ask.rests_on:
            if len(self._packed) >= PACKED:
                self._packed.clear()
            steps = [(step.operation, step.register, *map(_operand, step.operands)) for step in program.steps]
            held = self._packed[id(program)] = ask, pack(ask.rests_on), pack(steps)
        return held[1:]

    def _command(self, ask: Ask) -> Command:
        results = [_operand(result) for result in ask.program.results]
        outputs: list[Any] = []
        for result in ask.counts:
            outputs += ("n", results[result], 0)
        for result, most in ask.members:
            outputs += ("b", results[result], most)
        page = _page(ask.shown, results[ask.shown.result]) if ask.shown is not None else False
        prefix = self._of(ask.shard)
        return self._link.script("find", (prefix + k.INDEX,), prefix, pack((outputs, page)), *self._written(ask))


def _is_known(view: StoredView, of: str, texts: frozenset[str] | None, *, fresh: bool) -> bool:
    held = view.dictionaries.get(of)
    if held is None:
        return False
    return (texts is not None and texts <= held.codes.keys()) or not (fresh or held.lacks(texts))


def _operand(operand: Operand | None) -> Operand:
    """An operand as `find.lua` takes it: with a mark where it is a plane that may be kept as a list."""
    if isinstance(operand, str):
        return f"?{operand}" if planes.may_be_list(operand) else operand
    return "" if operand is None else operand


def _page(shown: Shown, operand: str | int) -> Any:
    begins = shown.begins
    return (
        operand, shown.most, shown.order.planes, begins.value, begins.number, planes.pack(shown.others),
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
