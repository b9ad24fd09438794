"""Everything a deployment holds, by key; and the same as a story's `World`."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import msgspec
import orjson

from knownas.adapters import keys as k
from knownas.adapters.reader import read_profile
from knownas.identity.facts import KEPT
from knownas.nouns import CHANGED, EVENTS, REJECTED, RESOLVED, UPDATES, Entry, Fact, Owner, Position, Profile, Rejection
from knownas.plain import Setting, Told
from knownas.plain.leaving import told_of
from knownas.records.origin import HEADER
from tests.engines import Follows, World, messages_follow, number_what_follows, origin_in
from tests.pipeline.deployment import Deployment

_facts: Final = msgspec.msgpack.Decoder(list[Fact]).decode
_owner: Final = msgspec.msgpack.Decoder(Owner).decode
_entry: Final = msgspec.msgpack.Decoder(Entry).decode

NOT_RESULTS: Final = (k.AT, k.FIGURES, k.OUTBOX, k.SEGMENTS, k.SEGMENTS_DUE, "layout")
"""How far somebody has come and what is under way says nothing about what came of it."""

Contents = dict[str, Any]
"""Values as stored, by key without the deployment's prefix."""


async def contents(deployment: Deployment) -> Contents:
    """Every result in the store: facts, owners, profiles, timelines, overflow lists, counters."""
    prefix = deployment.settings.redis_prefix
    keys = [key.decode() for key in await deployment.reader.keys_like(prefix + "{*")]
    wanted = [key for key in sorted(keys) if _is_result(key.split("}:", 1)[1])]
    answers = await deployment.world.link().run([_read(key) for key in wanted]) if wanted else []
    found = {key.removeprefix(prefix): value for key, value in zip(wanted, answers, strict=True)}
    return {key: _by_name(value) if key.endswith("}:" + k.COUNTERS) else value for key, value in found.items()}


def _by_name(flat: list[bytes]) -> dict[str, int]:
    return {name.decode(): int(amount) for name, amount in zip(flat[::2], flat[1::2], strict=True)}


def comparable(found: Contents) -> Contents:
    """What must not depend on chunks: of a device with many bindings, how many old ones are still at hand does; so does
    which partition's records came first to a shard, and with it the number of a profile in the index."""
    return {key: _comparable(key, value) for key, value in found.items()}


def _comparable(key: str, value: Any) -> Any:
    if "}:f:" in key:
        return msgspec.msgpack.decode(value)[-KEPT:]
    return msgspec.structs.replace(read_profile(value), number=-1) if "}:p:" in key else value


def _is_result(rest: str) -> bool:
    """The index says what profiles say; `knownas verify` compares them."""
    return rest not in NOT_RESULTS and not rest.startswith("q:")


def _read(key: str) -> tuple[str | int, ...]:
    rest = key.split("}:", 1)[1]
    if rest == k.COUNTERS or rest.startswith("i:"):
        return ("HGETALL", key)
    if rest.startswith("t:"):
        return ("LRANGE", key, 0, -1)
    if rest == k.IDLE or rest.startswith(("x:", "l:")):
        return ("ZRANGE", key, 0, -1)
    return ("GET", key)


async def people_of(deployment: Deployment) -> list[tuple[Profile, list[Entry]]]:
    """Every profile that is there, with its timeline."""
    found = await contents(deployment)
    timelines = {key: value for key, value in found.items() if "}:t:" in key}
    profiles = {key: read_profile(value) for key, value in found.items() if "}:p:" in key}
    return [
        (profile, [_entry(raw) for raw in timelines.get(key.replace("}:p:", "}:t:"), ())])
        for key, profile in profiles.items()
        if not profile.gone
    ]


async def world_of(deployment: Deployment, setting: Setting, numbers: dict[Position, int]) -> World:
    """What came of a story; `numbers` says where its records were put, copies are added here."""
    world = World(setting, numbers | await _numbers_of_copies(deployment, numbers))
    counters: dict[str, int] = defaultdict(int)
    for key, value in (await contents(deployment)).items():
        tag, rest = key.split("}:", 1)
        what, _, name = rest.partition(":")
        if tag.startswith("{o"):
            world.owners[rest] = _owner(value)
        elif what == "f":
            world.facts[name] = _facts(value)
        elif what == "p":
            world.profiles[name] = msgspec.structs.replace(read_profile(value), number=-1)
        elif what == "t":
            world.timelines[name] = [_entry(entry) for entry in value]
        elif what == "x":
            kind, _, profile = name.partition(":")
            world.overflow[profile, kind] = [text.decode() for text in value]
        elif what == k.COUNTERS:
            for counter, amount in value.items():
                counters[counter] += amount
    world.counters = dict(counters)
    world.ledger = await deployment.ledger()
    world.rejections = await _rejections(deployment)
    world.published = await newest_changes(deployment)
    return world


async def newest_changes(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """The newest published state of every profile."""
    newest = {}
    async for record in deployment.world.log.read(deployment.layout.name(CHANGED), committed_only=True):
        change = orjson.loads(record.value) if record.value is not None else {}
        newest[record.key.decode()] = {field: change[field] for field in ("profile", "version", "type") if change}
    return newest


async def _rejections(deployment: Deployment) -> list[Rejection]:
    found = []
    async for record in deployment.world.log.read(deployment.layout.name(REJECTED), committed_only=True):
        said = {name: value.decode() for name, value in record.headers}
        at = Position(deployment.layout.short(said["topic"]), int(said["partition"]), int(said["offset"]))
        found.append(
            Rejection(position=at, reason=said["reason"], detail=said["detail"], key=record.key, value=record.value)
        )
    return found


async def _numbers_of_copies(deployment: Deployment, numbers: dict[Position, int]) -> dict[Position, int]:
    """Which record of a story its copies, the messages of shards and control records follow from."""
    found, log, layout = dict(numbers), deployment.world.log, deployment.layout
    copies: list[Follows] = []
    for topic in (EVENTS, UPDATES):
        async for record in log.read(layout.name(topic), committed_only=True):
            here = Position(topic, record.partition, record.offset)
            copies += [(here, origin_in(header)) for name, header in record.headers if name == HEADER]
    messages: dict[int, list[Told]] = defaultdict(list)
    async for record in log.read(layout.name(RESOLVED), committed_only=True):
        messages[record.partition].append(told_of(record.offset, record.timestamp, record.value))
    number_what_follows(found, [*copies, *messages_follow(messages)])
    return found
