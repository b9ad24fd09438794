"""What the real core made of a history against what the model says, to the byte."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from knownas.identity.facts import KEPT
from knownas.nouns import LedgerRow, Rejection, Resolved, Source
from knownas.plain import find_order, indexing, run
from knownas.plain.order import Said, what_was_said
from tests.engines import World, world_of_answer, world_of_bench
from tests.harness import Bench


def differences(bench: Bench) -> list[str]:
    """Feed the model in the order that the bench recorded, and name everything that differs."""
    setting = bench.setting
    rejected = {one.position: Said(one.reason, one.generations) for one in bench.rejected}
    said = what_was_said((message.value for messages in bench.resolved for message in messages), rejected)
    order = find_order(bench.logs, bench.ledger, setting, said)
    answer = run(bench.logs, setting, order, bench.messages())
    real, model = world_of_bench(bench, {}), world_of_answer(answer, setting, {})
    found = [f"no copy of {copy.origin}" for copy in answer.decisions.missing()]
    found += [f"message {source} is unknown to the model" for source in answer.unknown]
    found += [f"message {source} was never sent" for source in answer.absent]
    found += [f"nobody asked for the control record of {origin}, or not so" for origin in answer.unasked]
    found += [f"the control record of {origin} was never sent" for origin in answer.unsent]
    sent = {source: message for shard in answer.shards for source, message in shard.sent.items()}
    wanted = {source: message.resolved for source, message in (answer.decisions.messages | sent).items()}
    found += _differing("message", _messages(bench.told), _messages(wanted.values()))
    found += _differing("facts of", _last(real), _last(model))
    found += _differing("owner of", real.owners, model.owners)
    found += _differing("ledger row", _rows(real.ledger), _rows(model.ledger))
    found += _differing("rejection", _rejections(real.rejections), _rejections(model.rejections))
    found += _differing("profile", real.profiles, model.profiles)
    found += _differing("timeline of", real.timelines, model.timelines)
    found += _differing("list", real.overflow, model.overflow)
    found += _differing("published", real.published, model.published)
    found += _differing("counter", _not_zero(real.counters), _not_zero(model.counters))
    for shard, index in zip(answer.shards, bench.indexes(), strict=True):
        found += indexing.differences(shard, index)
    return found


def _differing(what: str, real: dict[Any, Any], model: dict[Any, Any]) -> list[str]:
    return [
        f"{what} {key}:\n    real  {real.get(key)}\n    model {model.get(key)}"
        for key in dict.fromkeys([*real, *model])
        if _bytes(real.get(key)) != _bytes(model.get(key))
    ]


def _bytes(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def _last(world: World) -> dict[str, list[Any]]:
    return {device: facts[-KEPT:] for device, facts in world.facts.items() if facts}


def _rows(rows: Iterable[LedgerRow]) -> dict[tuple[Any, int], LedgerRow]:
    return _once(((row.position, row.index), row) for row in rows)


def _rejections(rejections: Iterable[Rejection]) -> dict[Any, tuple[Any, ...]]:
    return _once((one.position, (one.reason, one.key, one.value)) for one in rejections)


def _messages(messages: Iterable[Resolved]) -> dict[Source, tuple[bytes, Resolved]]:
    """JSON on the topic has no blanks around a record."""
    told = ((m, bytes(m.record).strip() if m.record is not None else b"") for m in messages)
    return _once((m.source, (record, msgspec.structs.replace(m, record=None))) for m, record in told)


def _once(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """What a crash repeats must be the same again."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        assert found.setdefault(key, value) == value, f"{key} was sent twice and differs: {found[key]} and {value}"
    return found


def _not_zero(counters: dict[str, int]) -> dict[str, int]:
    return {counter: amount for counter, amount in counters.items() if amount}
