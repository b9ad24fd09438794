"""What the simulated system holds and has sent, against what the plain model says, to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from knownas.adapters.reader import read_profile
from knownas.identity.facts import KEPT
from knownas.nouns import CHANGED, COUNTED, EVENTS, LEDGER, REJECTED, RESOLVED, SEGMENTS, UPDATES, LedgerRow, Position
from knownas.plain import Answer, LogRecord, Told, find_order, indexing, run
from knownas.plain.counting import Noted, figures, noted_in
from knownas.plain.folding import Shard
from knownas.plain.leaving import idle_guests, told_of
from knownas.plain.order import Said, said_in, what_was_said
from knownas.plain.segmenting import segments_of
from knownas.stages.figures import Figures
from tests.engines import unnumbered
from tests.harness import index_of
from tests.simulation.world import TIMELINE_ENTRIES, World

encode = msgspec.msgpack.Encoder().encode
_read_row = msgspec.json.Decoder(LedgerRow).decode


def differences(world: World) -> list[str]:
    """Feed the model in the order that the simulated Kafka recorded, and name everything that differs."""
    setting, found = world.setting, []
    logs, messages = logs_of(world), messages_of(world)
    rows = rows_of(world)
    answer = model(world, messages)
    decisions = answer.decisions
    found += [f"no copy of {copy.origin}" for copy in decisions.missing()]
    found += [f"message {source} is unknown to the model" for source in answer.unknown]
    found += [f"message {source} was never sent" for source in answer.absent]
    found += [f"nobody asked for the control record of {origin}, or not so" for origin in answer.unasked]
    found += [f"the control record of {origin} was never sent" for origin in answer.unsent]
    wanted_rows = [*decisions.rows, *(row for shard in answer.shards for row in shard.rows)]
    found += _differing("ledger row", rows, {(row.position, row.index): row for row in wanted_rows})
    owners = {setting.names.identity(identity): owner for identity, owner in world.store.owners.items()}
    found += _differing("owner of", owners, decisions.owners)
    facts = {device: list(msgspec.msgpack.decode(raw))[-KEPT:] for (_, device), raw in world.store.facts.items()}
    found += _differing("facts of", facts, {device: f[-KEPT:] for device, f in decisions.facts.items() if f})
    for (topic, number), noted in noted_in(decisions, logs, setting).items():
        found += _figures(world, (topic, number), noted)
    return found + _stage_2(world, answer)


def faults_within(world: World) -> list[str]:
    """In what the store and the topics do not agree, whatever was decided."""
    store, counted = world.store, Counter[str]()
    there = {name: one for name, raw in store.profiles.items() if not (one := read_profile(raw)).gone}
    for of_shard in store.counters.values():
        counted.update({kind: count for kind, count in of_shard.items() if kind in COUNTED})
    people = Counter("orphans" if one.guest_of is not None else one.type for one in there.values() if one.version)
    strangers = {one.profile for one in store.owners.values() if one.profile} - store.profiles.keys()
    unheard = {name: told for name, told in _newest(world).items() if told and name not in there}
    numbered = sorted((store.shards[name], one.number, name) for name, one in there.items() if one.number >= 0)
    indexed = sorted((n, number, name) for n, index in store.index.items() for number, name in index.ids.items())
    return [
        *_gaps(world),
        *_differing("counter", _not_zero(counted), _not_zero(people)),
        *(f"{profile} owns an identity and is not there" for profile in sorted(strangers)),
        *(f"{profile} is not there, and was published as {told}" for profile, told in unheard.items()),
        *([] if numbered == indexed else [f"the index names {indexed}, not {numbered}"]),
    ]


def logs_of(world: World) -> dict[tuple[str, int], list[LogRecord]]:
    """What producers have sent, and what was sent home."""
    return {
        (topic, number): [LogRecord(*entry) for entry in world.kafka.logs[world.layout.name(topic), number]]
        for topic in (EVENTS, UPDATES)
        for number in range(world.setting.partitions)
    }


def messages_of(world: World) -> dict[int, list[Told]]:
    """The messages of each shard."""
    return {
        shard: [
            told_of(entry.offset, entry.timestamp, entry.value or b"")
            for entry in world.kafka.logs[world.layout.name(RESOLVED), shard]
        ]
        for shard in range(world.setting.shards)
    }


def rows_of(world: World) -> dict[tuple[Position, int], LedgerRow]:
    """The ledger, each row once."""
    return {(row.position, row.index): row for row in map(_read_row, _values(world, LEDGER))}


def what_was_sent(world: World) -> dict[Position, Said]:
    """What messages and rejections say of their records."""
    return what_was_said(_values(world, RESOLVED), _said_of_rejected(world))


def model(world: World, messages: Mapping[int, Sequence[Told]]) -> Answer:
    """What the plain model makes of all that was sent, where the shards have these messages."""
    logs, setting = logs_of(world), world.setting
    order = find_order(logs, rows_of(world).values(), setting, what_was_sent(world))
    return run(logs, setting, order, messages)


def _stage_2(world: World, answer: Answer) -> list[str]:
    found, store = [], world.store
    profiles: dict[str, bytes] = {}
    timelines: dict[str, list[bytes]] = {}
    published: dict[str, Any] = {}
    overflow: dict[tuple[str, str], dict[str, int]] = {}
    leaving: dict[tuple[str, str], dict[str, int]] = {}
    idle: dict[str, float] = {}
    counters: dict[str, int] = {}
    for shard in answer.shards:
        _put_in_segments(world, shard)
        profiles |= {key: encode(profile) for key, profile in shard.profiles.items()}
        timelines |= _timelines(world, shard)
        overflow |= shard.overflow
        leaving |= shard.leaving
        idle |= idle_guests(shard)
        published |= shard.published
        for name, count in shard.counters().items():
            counters[name] = counters.get(name, 0) + count
    stored = {key: read_profile(raw) for key, raw in store.profiles.items()}
    found += _differing("profile", {key: encode(one) for key, one in unnumbered(stored).items()}, profiles)
    for shard in answer.shards:
        found += _figures(world, (RESOLVED, shard.number), shard.noted)
        here = {key: profile for key, profile in stored.items() if store.shards[key] == shard.number}
        lines = indexing.differences(shard, index_of(store.index[shard.number], here, world.setting))
        is_cut = world.shards_begin.get(shard.number)
        found += [line for line in lines if not (is_cut and "oldest day" in line)]
    found += _differing("timeline of", store.timelines, timelines)
    found += _differing("overflow", store.overflow, overflow)
    found += _differing("leaving list", store.leaving, leaving)
    found += _differing("idle guest", {p: seen for guests in store.idle.values() for p, seen in guests.items()}, idle)
    counted = Counter[str]()
    for of_shard in store.counters.values():
        counted.update(of_shard)
    found += _differing("counter", _not_zero(counted), _not_zero(counters))
    found += _differing("published", _newest(world), published)
    found += _gaps(world)
    found += _differing("who is heard to be in", _heard(world), _members(world, answer.shards))
    found += _differing("turnover of", _turnover(world), _turnover_heard(world))
    rejections = [*answer.decisions.rejections, *(r for shard in answer.shards for r in shard.rejections)]
    return found + _differing(
        "rejection", _rejected(world), {tuple(r.position): (r.reason, r.value) for r in rejections}
    )


def _timelines(world: World, shard: Shard) -> dict[str, list[bytes]]:
    """What the timelines of a shard hold, but for what Kafka had lost when the store was got back."""
    first = world.shards_begin.get(shard.number, 0)
    held = _records_from(world, shard.number, first)
    kept = {
        profile: [entry for entry in entries if not first or (entry.topic, entry.partition, entry.offset) in held]
        for profile, entries in shard.timelines.items()
    }
    return {profile: [encode(entry) for entry in some[-TIMELINE_ENTRIES:]] for profile, some in kept.items() if some}


def _records_from(world: World, shard: int, first: int) -> set[tuple[str, int, int]]:
    """The records that the messages of a shard from an offset on are made from, but for those that come late."""
    newest: dict[tuple[str, int], tuple[int, int]] = {}
    found = set()
    for told in messages_of(world)[shard]:
        topic, partition, *at = told.source
        if told.offset >= first and tuple(at) > newest.get((topic, partition), (-1, 0)):
            newest[topic, partition] = (at[0], at[1])
            found.add((topic, partition, at[0]))
    return found


def _put_in_segments(world: World, shard: Shard) -> None:
    """Everybody's live segments as the model has them, by the numbers that the shard gave them."""
    held = world.store.segments[shard.number].registry().by_name
    assert held.keys() == shard.segments.keys()
    assert all(segment.held.filled for segment in held.values())
    for profile in shard.profiles.values():
        names = segments_of(profile, shard, TIMELINE_ENTRIES)
        profile.segments = sorted(held[name].number for name in names)


def _figures(world: World, partition: tuple[str, int], noted: list[Noted]) -> list[str]:
    """Figures of a partition or shard, but for who entered and left segments."""
    stored = {name: msgspec.msgpack.decode(raw) for name, raw in world.store.figures[partition].items()}
    found = {name: value for name, value in stored.items() if name != "from" and not name.startswith("s:")}
    since = world.figures_begin.get(partition, 0)
    return _differing(f"figure of {partition}", found, figures(noted, world.setting.day_timezone, since))


def _members(world: World, shards: list[Shard]) -> dict[tuple[str, str], bool]:
    return {
        (profile.id, name): True
        for shard in shards
        for profile in shard.profiles.values()
        for name, segment in world.store.segments[shard.number].registry().by_name.items()
        if segment.number in profile.segments
    }


def _heard(world: World) -> dict[tuple[str, str], bool]:
    """Who is in which segment for whom only listens: the newest that was published counts."""
    topic = world.layout.name(SEGMENTS)
    entries = [entry for tp in sorted(world.kafka.logs) if tp[0] == topic for entry in world.kafka.logs[tp]]
    newest = {
        (told["profile"], told["segment"]): told["entered"] for told in (orjson.loads(e.value or b"") for e in entries)
    }
    return {one: True for one, entered in newest.items() if entered}


def _turnover(world: World) -> dict[str, list[int]]:
    """How many ever entered and left each segment that was never removed, by the figures."""
    removed = {definition.name for definition in world.definitions if definition.query is None}
    found: dict[str, list[int]] = {}
    for figures_of_one in world.store.figures.values():
        for name, days in Figures(figures_of_one).segments.items():
            if name not in removed:
                total = found.setdefault(name, [0, 0])
                for entered, left in days.values():
                    total[0], total[1] = total[0] + entered, total[1] + left
    return found


def _turnover_heard(world: World) -> dict[str, list[int]]:
    """The same by what was published, repeats taken once."""
    removed = {definition.name for definition in world.definitions if definition.query is None}
    found: dict[str, list[int]] = {}
    for told in map(orjson.loads, dict.fromkeys(_values(world, SEGMENTS))):
        if told["segment"] not in removed:
            found.setdefault(told["segment"], [0, 0])[0 if told["entered"] else 1] += 1
    return found


def _changes(world: World) -> list[tuple[str, dict[str, Any]]]:
    """What was published of whom, in order; nothing for a tombstone."""
    name = world.layout.name(CHANGED)
    entries = [entry for tp in sorted(world.kafka.logs) if tp[0] == name for entry in world.kafka.logs[tp]]
    return [((entry.key or b"").decode(), orjson.loads(entry.value) if entry.value else {}) for entry in entries]


def _newest(world: World) -> dict[str, Any]:
    return {
        profile: {name: told[name] for name in ("profile", "version", "type") if told}
        for profile, told in _changes(world)
    }


def _gaps(world: World) -> list[str]:
    """A consumer sees every change: none begins after the version it has seen."""
    seen: dict[str, int] = {}
    found = []
    for profile, told in _changes(world):
        if told and told["since"] > seen.get(profile, 0):
            found.append(f"change of {profile} since {told['since']} after {seen.get(profile, 0)}")
        seen[profile] = max(told.get("version", 0), seen.get(profile, 0))
    return found


def _said_of_rejected(world: World) -> dict[Position, Said]:
    found = {}
    for number in range(world.setting.partitions):
        for entry in world.kafka.logs[world.layout.name(REJECTED), number]:
            said = {name: (value or b"").decode() for name, value in entry.headers}
            position = Position(world.layout.short(said["topic"]), int(said["partition"]), int(said["offset"]))
            found[position] = said_in(entry.headers)
    return found


def _rejected(world: World) -> dict[Any, Any]:
    found = {}
    for number in range(world.setting.partitions):
        for entry in world.kafka.logs[world.layout.name(REJECTED), number]:
            said = {name: value or b"" for name, value in entry.headers}
            topic = world.layout.short(said["topic"].decode())
            found[topic, int(said["partition"]), int(said["offset"])] = said["reason"].decode(), entry.value
    return found


def _values(world: World, topic: str) -> list[bytes]:
    name = world.layout.name(topic)
    partitions = sorted(tp for tp in world.kafka.logs if tp[0] == name)
    return [entry.value or b"" for tp in partitions for entry in world.kafka.logs[tp]]


def _not_zero(counters: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counters.items() if count}


def _differing(what: str, real: dict[Any, Any], model: dict[Any, Any]) -> list[str]:
    return [
        f"{what} {key}:\n    real  {_said(real.get(key))}\n    model {_said(model.get(key))}"
        for key in dict.fromkeys([*real, *model])
        if encode(real.get(key)) != encode(model.get(key))
    ]


def _said(value: Any) -> Any:
    return msgspec.msgpack.decode(value) if isinstance(value, bytes) else value
