"""Live segments on the real services: who enters, who leaves, what is published, what a crash leaves behind."""

from __future__ import annotations

import asyncio

import orjson

from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import SEGMENTS, shard_of
from knownas.operate.verify_segments import registries
from knownas.stages.segments import READING_STEP
from tests.pipeline.live import Live, event, login, segments_of


async def test_people_enter_by_what_they_do_and_leave_by_what_they_do_and_by_the_clock(live: Live) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await deployment.send(login("ann@x.ie"), login("ben@x.ie", profileData={"Plan": "Gold"}))
        await deployment.settled()
        await live.put("viewers", "did Viewed in 7d")
        await live.put("gold", "Plan = Gold and not did Viewed in 7d")
        assert await live.members("viewers") == set()
        assert await live.members("gold") == await live.people("ben@x.ie")

        await deployment.send(event("ann@x.ie", "Viewed"), event("ben@x.ie", "Viewed"))
        await deployment.settled()
        assert await live.members("viewers") == await live.people("ann@x.ie", "ben@x.ie")
        assert await live.members("gold") == set()

        await live.pass_days(8)
        assert await live.members("viewers") == set()
        assert await live.members("gold") == await live.people("ben@x.ie")
        for name in ("viewers", "gold"):
            assert await live.heard(name) == await live.members(name)
        assert (await deployment.verify()).differences == []


async def test_a_segment_put_while_events_flow_has_whom_its_query_finds(live: Live) -> None:
    deployment = live.deployment
    people = [f"p{number}@x.ie" for number in range(60)]
    async with deployment.worker():
        await deployment.send(*[login(email) for email in people])
        putting = asyncio.create_task(live.put("buyers", "did Charged >= 2 in 30d"))
        for _ in range(2):
            await deployment.send(*[event(email, "Charged", Amount=5) for email in people[::2]])
        await putting
        await deployment.settled()
        assert await live.members("buyers") == await live.people(*people[::2])
        assert await live.heard("buyers") == await live.members("buyers")
        assert (await deployment.verify()).differences == []


async def test_a_segment_is_replaced_only_where_that_is_asked_for_and_everybody_leaves_a_removed_one(
    live: Live,
) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await deployment.send(
            login("ann@x.ie", profileData={"Plan": "Gold"}), login("ben@x.ie", profileData={"Plan": "Silver"})
        )
        await deployment.settled()
        first = await live.put("chosen", "Plan in (Gold, Silver)")
        assert await live.store.put("chosen", to_object(from_line("Plan = Gold")), replace=False) is None
        second = await live.put("chosen", "Plan = Gold", replace=True)
        assert second.version > first.version
        assert await live.members("chosen") == await live.people("ann@x.ie")
        await deployment.settled()
        left = [one for one in await live.told() if not one["entered"]]
        assert [(one["profile"], one["segmentVersion"]) for one in left] == [
            ((await live.people("ben@x.ie")).pop(), second.version)
        ]

        assert await live.store.remove("chosen") is not None
        async with asyncio.timeout(30):
            while await live.heard("chosen"):
                await asyncio.sleep(0.05)
        await deployment.settled()
        assert await live.store.remove("chosen") is None
        assert (await deployment.verify()).differences == []


async def test_guests_of_people_and_the_deleted_leave(live: Live) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await live.put("viewers", "did Viewed")
        await deployment.send(
            login("ann@x.ie"), event("ann@x.ie", "Viewed"),
            {"type": "event", "device": "tv", "evtName": "Viewed"},
        )  # fmt: skip
        await deployment.settled()
        assert len(await live.members("viewers")) == 2
        await deployment.send({"type": "login", "device": "tv", "identities": {"email": "ann@x.ie"}})
        await deployment.settled()
        assert await live.members("viewers") == await live.people("ann@x.ie")
        await deployment.send({"type": "delete", "device": "tv"})
        await deployment.settled()
        assert await live.members("viewers") == set() == await live.heard("viewers")
        assert (await deployment.verify()).differences == []


async def test_after_a_kill_who_is_in_a_segment_and_what_was_published_are_as_if_nothing_had_happened(
    live: Live,
) -> None:
    deployment = live.deployment
    people = [f"p{number}@x.ie" for number in range(40)]
    worker = await deployment.start_worker()
    await deployment.send(*[login(email) for email in people])
    await live.put("viewers", "did Viewed where (n >= 3)")
    for number in range(4):
        await deployment.send(*[event(email, "Viewed", n=number) for email in people])
        worker.kill()
        worker.wait()
        worker = await deployment.start_worker()
    await deployment.settled()
    assert await live.members("viewers") == await live.people(*people)
    assert {one["profile"] for one in await live.told()} == await live.members("viewers")
    assert (await deployment.verify()).differences == []


class Halfway:
    """Lets a worker publish until its one shard is half-way through filling a segment, and again when told."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.is_there, self.goes_on = asyncio.Event(), asyncio.Event()

    async def gap(self, name: str) -> None:
        """Between two effects."""
        if name != "publish.before" or self.goes_on.is_set():
            return
        (registry,) = await registries(self._live.deployment.world, self._live.deployment.layout)
        if registry.walk is not None and registry.walk.at:
            self.is_there.set()
            await self.goes_on.wait()


async def test_verify_says_what_is_being_filled_and_takes_it_as_it_is(
    kafka: str, redis_url: str, namespace: str
) -> None:
    people = [f"p{number}@x.ie" for number in range(READING_STEP + 50)]
    async with (
        segments_of(kafka, redis_url, namespace, shards=1) as live,
        live.deployment.worker((halfway := Halfway(live)).gap),
    ):
        deployment = live.deployment
        await deployment.send(*[login(email) for email in people])
        await deployment.settled()
        filling = asyncio.create_task(live.put("all", "not did Charged where (Amount > 5)"))
        async with asyncio.timeout(30):
            await halfway.is_there.wait()
        report = await deployment.verify()
        assert (report.filling, report.differences) == (["all"], [])
        assert report.waiting > 0
        assert 0 < (await live.reader.size(live.put_now["all"])).people < len(people)
        halfway.goes_on.set()
        await filling
        await deployment.settled()
        report = await deployment.verify()
        assert (report.filling, report.differences, report.waiting) == ([], [], 0)
        assert len(await live.members("all")) == len(people)


async def test_verify_names_who_was_published_to_be_where_they_are_not(live: Live) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await deployment.send(login("ann@x.ie"), login("ben@x.ie", profileData={"Plan": "Gold"}))
        await live.put("gold", "Plan = Gold")
        await deployment.settled()
    (ann,), (ben,) = await live.people("ann@x.ie"), await live.people("ben@x.ie")
    (told,) = await live.told()
    for profile, version in ((ben, told["version"]), (ann, 1), (ben, 9)):
        again = {**told, "profile": profile, "version": version}
        del again["key"]
        shard = shard_of(profile, deployment.layout.shards)
        await deployment.produce(SEGMENTS, shard, profile.encode(), orjson.dumps(again))
    assert sorted((await deployment.verify()).differences) == sorted(
        [
            f"segment-changed says that {ann} is in gold",
            f"segment-changed: {ben} enters gold once more at version 9",
        ]
    )
