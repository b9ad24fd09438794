"""The store is gone, Kafka is not: what `knownas rebuild` makes of it is what was there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from knownas.adapters import keys as k
from knownas.adapters.index import StoredIndex
from knownas.adapters.reader import read_profile
from knownas.adapters.store import registry_in
from knownas.errors import CannotStart
from knownas.find import planes
from knownas.find.terms import terms
from knownas.identity.decide import decide
from knownas.identity.plan import Known
from knownas.nouns import EVENTS, FORMAT, LEDGER, SNAPSHOTS, Identity, LedgerRow, Profile, murmur2
from knownas.operate.rebuild import rebuild
from knownas.operate.restoring import Told
from knownas.records.intake import Intake
from knownas.stages.arrivals import Arrivals
from knownas.stages.figures import SEGMENT_DAYS
from knownas.stages.resolve import ledger_message
from knownas.stages.snapshots import MARK, Piece, encode
from tests.builders import NOON, login
from tests.pipeline.deployment import Deployment, deployed
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


async def test_shards_to_which_nobody_had_come_are_as_new_and_without_snapshots_all_comes_from_kafka(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace, tick_seconds=86_400.0, snapshot_days=0) as deployment:
        async with deployed_worker(deployment):
            await play(deployment, 0, 1)
        before = await everything(deployment)
        empty = [n for n in range(deployment.layout.shards) if f"{{{n}}}:{k.INDEX}" not in before]
        assert empty
        await lose_the_store(deployment)
        await rebuild(deployment.world, quiet)
        async with deployed_worker(deployment):
            await deployment.settled()
        assert differences(before, await everything(deployment)) == []
        async with deployed_worker(deployment):
            await play(deployment, 1, 100)
        after = await everything(deployment)
        assert [n for n in empty if not int(after[f"{{{n}}}:{k.INDEX}"].get("latest", 0))] == []


async def test_what_a_record_gained_is_its_profiles_though_only_one_of_its_claims_was_sent(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace, tick_seconds=86_400.0) as deployment:
        async with deployed_worker(deployment):
            await play(deployment, 0, 1)
        rows, gained = await torn(deployment, login("torn", identity="torn-1", email="torn@x.ie"))
        assert [row.kind for row in rows] == ["bound", "claimed"]
        await lose_the_store(deployment)
        await rebuild(deployment.world, quiet)
        assert {await deployment.reader.owner(identity) for identity in gained} == {rows[0].profile}
        async with deployed_worker(deployment):
            await deployment.settled()
        report = await deployment.verify()
        assert report.equal, report.differences[:5]


async def torn(deployment: Deployment, record: dict[str, Any]) -> tuple[list[LedgerRow], tuple[Identity, ...]]:
    """A login that a worker decided and died over: of its ledger rows the last was not sent, nor anything else. Those
    that were, and the identities it gained."""
    world, layout = deployment.world, deployment.layout
    key, value = str(record["device"]).encode(), orjson.dumps(record)
    home = murmur2(key) % layout.partitions
    offset = await deployment.produce(EVENTS, home, key, value, NOON * 1000)
    stored = SimpleNamespace(offset=offset, timestamp=NOON * 1000, key=key, value=value, headers=())
    arrival = Arrivals(world.names, world.settings.identity_rules(), layout).read(EVENTS, home, stored)
    assert isinstance(arrival.intake, Intake)
    assert arrival.device is not None
    usable = arrival.intake.named.usable
    plan = decide(EVENTS, home, [arrival], Known({arrival.device: ()}, dict.fromkeys(usable), {}, {}), world.names)
    sent = plan.rows[:-1]
    for message in map(ledger_message, sent):
        await deployment.produce(LEDGER, home, message.key, message.value, message.at)
    return sent, usable


async def test_where_kafka_begins_after_the_newest_snapshots_profiles_are_as_they_were_then_and_it_says_what_is_gone(
    shopping: Deployment,
) -> None:
    before = await everything(shopping)
    await cut(shopping, 1.0)
    await lose_the_store(shopping)
    made = await asyncio.to_thread(shopping.command, "rebuild")
    assert made.returncode == 0, made.stderr
    said = " ".join(made.stdout.split())
    for gone in (
        "note: figures of rejected records begin anew; what the page wrote down of who looked at whom is gone",
        "note: in 4 shards Kafka no longer has every message: timelines begin where it does;",
        "profiles were written to the snapshots before the first message that Kafka still has: what came to them in "
        "between is gone. KNOWNAS_SNAPSHOT_DAYS must be well below what resolved keeps",
        "offsets: who came then is gone, and counts are those of before",
        "no callers' keys are known: make new ones with `knownas keys create`",
    ):
        assert gone in said
    after = await everything(shopping)
    profiles = {key: _unnumbered(raw) for key, raw in after.items() if "}:p:" in key}
    known = {key: _unnumbered(raw) for key, raw in before.items() if "}:p:" in key}
    assert {key: one for key, one in profiles.items() if one.version == known[key].version}.items() <= known.items()
    assert all(one.version <= known[key].version for key, one in profiles.items())
    assert sum(one.version == known[key].version for key, one in profiles.items()) > len(known) / 2
    assert not [key for key in after if "}:t:" in key]
    async with deployed_worker(shopping):
        await play(shopping, PLAYED, PLAYED + 100)


async def test_profiles_that_are_in_no_whole_snapshot_and_no_message_are_counted_as_missing(
    shopping: Deployment,
) -> None:
    await cut(shopping, 0.8)
    topic = shopping.layout.name(SNAPSHOTS)
    marks = [one async for one in shopping.world.log.read(topic, True, [1]) if one.key == MARK.encode()]
    async with shopping.world.log.admin() as admin:  # of a compacted topic nothing can be deleted
        deleting = ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": "delete"})
        await admin.alter_configs([deleting])
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=-1)})
    await shopping.produce(SNAPSHOTS, 1, marks[-1].key, marks[-1].value)
    await shopping.produce(SNAPSHOTS, 1, b"f" * 32, encode(Piece(FORMAT, 9, 2, b"the first half of somebody")))
    await lose_the_store(shopping)
    done = await rebuild(shopping.world, quiet)
    assert (done.stage_2.missing > 0, done.stage_2.torn) == (True, 1)
    assert "the newest snapshots of 1 profiles lack a message each" in " ".join(done.notes)
    assert f"{done.stage_2.missing:,} profiles were never written to the snapshots: they are gone" in done.notes


async def test_where_kafka_has_lost_the_beginning_profiles_and_counts_are_exact_by_their_snapshots(
    shopping: Deployment,
) -> None:
    before = await everything(shopping)
    await cut(shopping, 0.6)
    await lose_the_store(shopping)
    done = await rebuild(shopping.world, quiet)
    of_shards = done.stage_2
    assert (of_shards.cut, of_shards.uncovered, of_shards.missing, of_shards.lost, done.segments) == (4, 0, 0, 0, 2)
    async with with_others(shopping, tick_seconds=0.5, idle_guest_days=0) as ticking, ticking.worker():
        await until_segments_are_filled(ticking)
    async with deployed_worker(shopping):
        await shopping.settled()
    after = await everything(shopping)
    assert differences(_without_what_is_made_anew(before), _without_what_is_made_anew(after)) == []
    stories = {key: entries for key, entries in after.items() if "}:t:" in key}
    assert stories
    assert all(before[key][-len(entries) :] == entries for key, entries in stories.items())
    assert index_faults(after, shopping) == []


def _without_what_is_made_anew(found: Everything) -> Everything:
    """Timelines begin where Kafka does; the index gives out its numbers anew; segments are judged anew, and whom they
    took in since the snapshot once more; ticks count."""
    anew = ("t:", "q:", "s:", "idle", k.AT)
    kept = {key: value for key, value in found.items() if not key.split("}:", 1)[1].startswith(anew)}
    for key in [key for key in kept if key.endswith(k.FIGURES)]:
        kept[key] = {name: one for name, one in kept[key].items() if not name.startswith(f"{SEGMENT_DAYS}:")}
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
    async with shopping.worker(), with_others(shopping, session_timeout_ms=1_000) as impatient:
        with pytest.raises(CannotStart, match="still at work: stop all workers first"):
            await rebuild(impatient.world, quiet, replace=True)
    report = await shopping.verify()
    assert report.equal, report.differences[:5]


async def test_nobody_works_on_a_half_rebuilt_store_and_the_next_rebuild_ends_as_if_none_had_been_broken_off(
    shopping: Deployment,
) -> None:
    before = await everything(shopping)
    await lose_the_store(shopping)
    for place in ("ledger", "rejected", "resolved/2", "events/1", "updates/3"):
        with pytest.raises(BrokenOffError):
            await rebuild(shopping.world, breaking_off_at(place), replace=place != "ledger")
        with pytest.raises(CannotStart, match="half rebuilt: run `knownas rebuild --replace`"):
            await shopping.world.layout()
        with pytest.raises(CannotStart, match="the store is not empty"):
            await rebuild(shopping.world, quiet)
    await rebuild(shopping.world, quiet, replace=True)
    async with deployed_worker(shopping):
        await shopping.settled()
    assert differences(before, await everything(shopping)) == []


def breaking_off_at(place: str) -> Told:
    """Break off at the end of what is called so."""

    def told(what: str, done: int, total: int) -> None:
        if what == place and done == total:
            raise BrokenOffError

    return told


class BrokenOffError(Exception):
    """Somebody pulled the plug."""
