"""The store is gone, Kafka is not: what `knownas rebuild` makes of it is what was there."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import orjson
import pytest

from knownas.adapters import keys as k
from knownas.adapters.index import StoredIndex
from knownas.adapters.reader import read_profile
from knownas.adapters.store import registry_in
from knownas.errors import CannotStart
from knownas.find import planes
from knownas.find.terms import terms
from knownas.nouns import Profile
from knownas.operate.rebuild import rebuild
from tests.pipeline.deployment import Deployment
from tests.rebuild.playing import PLAYED, cut, deployed_worker, lose_the_store, play, quiet, with_others
from tests.rebuild.whole import Everything, differences, everything


async def test_a_store_that_is_gone_is_made_anew_byte_for_byte_and_goes_on(shopping: Deployment) -> None:
    before = await everything(shopping)
    await lose_the_store(shopping)
    done = await rebuild(shopping.world, quiet)
    assert done.stage_2.cut == 0
    async with deployed_worker(shopping):
        await shopping.settled()
    assert differences(before, await everything(shopping)) == []
    async with deployed_worker(shopping):
        await play(shopping, PLAYED, PLAYED + 300)
    report = await shopping.verify()
    assert report.equal, report.differences[:5]


async def test_where_kafka_has_lost_the_beginning_profiles_and_counts_are_exact_by_their_snapshots(
    shopping: Deployment,
) -> None:
    before = await everything(shopping)
    await cut(shopping, 0.6)
    await lose_the_store(shopping)
    done = await rebuild(shopping.world, quiet)
    assert (done.stage_2.cut, done.stage_2.uncovered, done.segments) == (4, 0, 2)
    ticking = with_others(shopping, tick_seconds=0.5, idle_guest_days=0)
    async with ticking.worker():
        await until_segments_are_filled(ticking)
    await ticking.close()
    async with deployed_worker(shopping):
        await shopping.settled()
    after = await everything(shopping)
    assert differences(_without_what_is_made_anew(before), _without_what_is_made_anew(after)) == []
    stories = {key: entries for key, entries in after.items() if "}:t:" in key}
    assert stories
    assert all(before[key][-len(entries) :] == entries for key, entries in stories.items())
    assert index_faults(after, shopping) == []


def _without_what_is_made_anew(found: Everything) -> Everything:
    """Timelines begin where Kafka does; the index gives out its numbers anew; segments are judged anew, ticks count."""
    anew = ("t:", "q:", "s:", "idle", "fig", k.AT)
    kept = {key: value for key, value in found.items() if not key.split("}:", 1)[1].startswith(anew)}
    return {key: _unnumbered(value) if "}:p:" in key else value for key, value in kept.items()}


def _unnumbered(raw: bytes) -> Profile:
    return msgspec.structs.replace(read_profile(raw), number=-1)


async def until_segments_are_filled(deployment: Deployment) -> None:
    """Wait until every shard has judged everybody."""
    link, shards = deployment.world.link(), range(deployment.layout.shards)
    while True:
        asked = [("HGETALL", deployment.world.keys.shard(shard) + k.SEGMENTS) for shard in shards]
        registries = [registry_in(flat) for flat in await link.run(asked)]
        if all(one.held.filled for registry in registries for one in registry.by_name.values()):
            return
        await asyncio.sleep(0.05)


def index_faults(found: Everything, deployment: Deployment) -> list[str]:
    """Who is in a plane too many or too few."""
    calendar = deployment.settings.fold_rules().calendar
    faults = []
    for shard in range(deployment.layout.shards):
        index = StoredIndex()
        for key, value in found.items():
            if key.startswith(f"{{{shard}}}:q:"):
                index.take(key.split("}:", 1)[1], _as_answered(value))
        directory = index.directory()
        wanted: dict[str, set[str]] = {}
        for key, value in found.items():
            if key.startswith(f"{{{shard}}}:p:") and not (profile := read_profile(value)).gone:
                of_segments = {planes.segment(number) for number in profile.segments}
                for plane in terms(profile, directory, calendar) | of_segments:
                    wanted.setdefault(plane, set()).add(profile.id)
        there = {plane: {index.ids[n] for n in numbers} for plane, numbers in index.planes.items() if numbers}
        faults += [
            f"{shard}: {plane}" for plane in wanted.keys() | there.keys() if wanted.get(plane) != there.get(plane)
        ]
    return faults


def _as_answered(value: Any) -> Any:
    if isinstance(value, dict):
        return [part for name, one in value.items() for part in (name.encode("latin-1"), one)]
    return value


async def test_a_store_that_holds_something_is_left_alone_unless_it_is_to_be_replaced(shopping: Deployment) -> None:
    before = await everything(shopping)
    refused = await asyncio.to_thread(shopping.command, "rebuild")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("knownas: the store is not empty: `knownas repair` mends")
    assert await everything(shopping) == before
    replaced = await asyncio.to_thread(shopping.command, "rebuild", "--replace", "--json")
    assert orjson.loads(replaced.stdout)["profiles"]["customer"] > 0
    mended = await asyncio.to_thread(shopping.command, "repair")
    assert "0 bindings and 0 claims put back" in mended.stdout


async def test_nothing_is_done_while_a_worker_runs(shopping: Deployment) -> None:
    impatient = with_others(shopping, session_timeout_ms=1_000)
    async with shopping.worker():
        with pytest.raises(CannotStart, match="still at work: stop all workers first"):
            await rebuild(impatient.world, quiet, replace=True)
    await impatient.close()
    report = await shopping.verify()
    assert report.equal, report.differences[:5]


async def test_nobody_works_on_a_half_rebuilt_store(shopping: Deployment) -> None:
    await lose_the_store(shopping)

    def die(what: str, done: int, total: int) -> None:
        if what.startswith("resolved/2"):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await rebuild(shopping.world, die)
    with pytest.raises(CannotStart, match="half rebuilt: run `knownas rebuild --replace`"):
        await shopping.world.layout()
    await rebuild(shopping.world, quiet, replace=True)
    await shopping.world.layout()


class BrokenOffError(Exception):
    """Somebody pulled the plug."""
