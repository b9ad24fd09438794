"""One suite for finding people in memory and in the real store; and both find whom the plain finder finds."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from knownas.adapters import keys as k
from knownas.adapters.find_memory import MemoryShards
from knownas.adapters.find_store import StoredShards
from knownas.adapters.finder import Finder
from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemoryStore
from knownas.adapters.store import RedisShardStore
from knownas.errors import WrongInput
from knownas.find.answer import Found, Page
from knownas.find.evaluate import evaluate
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.writing import to_line, to_object
from knownas.nouns import FORMAT, Count, Entry, Profile, Property
from knownas.plain.finding import Asked
from knownas.plain.finding import find as find_plainly
from knownas.profile.time import Calendar
from tests.contracts.fair import Fair
from tests.contracts.linked import STORES, linked
from tests.find.people import NOW_MS, TODAY, Person, people, queries
from tests.find.stored import put

DAY = 86_400
MOMENT = Moment(NOW_MS, Calendar())
SHARDS = 3
Put = Callable[[list[tuple[Profile, list[Entry]]]], Awaitable[Finder]]


@pytest.fixture(params=STORES)
async def put_people(request: pytest.FixtureRequest) -> AsyncIterator[Put]:
    """Puts people into a fresh store, in memory or a real one."""
    if request.param == "memory":

        async def in_memory(crowd: list[tuple[Profile, list[Entry]]]) -> Finder:
            store = MemoryStore()
            await put(MemoryShardStore(store, Fair(), 500), SHARDS, crowd, NOW_MS, Calendar())
            return Finder(MemoryShards(store, SHARDS), 50)

        yield in_memory
        return
    async with linked(request) as link:

        async def in_valkey(crowd: list[tuple[Profile, list[Entry]]]) -> Finder:
            keys = Keys(f"t{uuid.uuid4().hex[:10]}:")
            await put(RedisShardStore(link, keys, 500), SHARDS, crowd, NOW_MS, Calendar())
            return Finder(StoredShards(link, keys, SHARDS), 50)

        yield in_valkey


def person(number: int, **fields: Any) -> Profile:
    """Somebody, seen so many days ago as their number says."""
    seen = (TODAY - number) * DAY
    known: dict[str, Any] = {"format": FORMAT, "id": f"{number:032x}", "version": 1, "properties": {}}
    return Profile(**(known | {"first_seen": seen - 1_000 * DAY, "last_seen": seen} | fields))


async def more(finder: Finder, crowd: list[tuple[Profile, list[Entry]]]) -> None:
    """More people come into the store of a finder."""
    shards = finder._shards
    if isinstance(shards, MemoryShards):
        store: Any = MemoryShardStore(shards._store, Fair(), 500)
    else:
        assert isinstance(shards, StoredShards)
        store = RedisShardStore(shards._link, shards._keys, 500)
    await put(store, SHARDS, crowd, NOW_MS, Calendar())


async def made_anew(finder: Finder, by: int, crowd: list[tuple[Profile, list[Entry]]]) -> None:
    """A rebuild of this number lets these people come into the store of a finder, and nobody else."""
    shards = finder._shards
    if isinstance(shards, MemoryShards):
        shards._store = MemoryStore()
        await more(finder, crowd)
        for shard in range(SHARDS):
            shards._store.index[shard].state[k.INDEX_MADE] = by
        return
    assert isinstance(shards, StoredShards)
    link, keys, cursor = shards._link, shards._keys, 0
    while True:
        cursor, found = await link.scan(cursor, keys.prefix + "{*", 1_000)
        await link.run([("UNLINK", key) for key in found])
        if not cursor:
            break
    await more(finder, crowd)
    await link.run([("HSET", keys.shard(shard) + k.INDEX, k.INDEX_MADE, by) for shard in range(SHARDS)])


def named(*names: str) -> list[tuple[Profile, list[Entry]]]:
    """People with these names."""
    return [(person(n, properties={"Name": Property(name, 1)}), []) for n, name in enumerate(names)]


async def pages(finder: Finder, line: str, limit: int, sort: str) -> list[list[int]]:
    """Every page of an answer, as numbers of people."""
    found, cursor = [], None
    while True:
        answer = await finder.find(from_line(line), MOMENT, Page(limit, sort, cursor))
        found.append([int(profile.id, 16) for profile in answer.profiles])
        cursor = answer.cursor
        if cursor is None:
            return found


async def test_people_come_in_pages_the_last_seen_first_each_once(put_people: Put) -> None:
    finder = await put_people([(person(n), []) for n in range(7)])
    assert await pages(finder, "everyone", 3, "lastSeen") == [[0, 1, 2], [3, 4, 5], [6]]


async def test_people_of_one_day_are_parted_by_pages_as_well(put_people: Put) -> None:
    finder = await put_people([(person(n, last_seen=TODAY * DAY, first_seen=0), []) for n in range(40)])
    found = await pages(finder, "everyone", 7, "lastSeen")
    assert sorted(chain.from_iterable(found)) == list(range(40))
    assert [len(page) for page in found] == [7, 7, 7, 7, 7, 5]


async def test_people_come_by_name_and_whoever_has_none_comes_last(put_people: Put) -> None:
    finder = await put_people([*named("Zoe", "ann", "Ben", "Ann"), (person(9), [])])
    found = await pages(finder, "everyone", 2, "name")
    assert found in ([[1, 3], [2, 0], [9]], [[3, 1], [2, 0], [9]])


async def test_people_come_by_a_number_of_theirs_and_whoever_has_none_comes_last(put_people: Put) -> None:
    values: list[Any] = [5, -3, 1e9, "many", 0]
    crowd = [(person(n, properties={"visits": Property(value, 1)}), list[Entry]()) for n, value in enumerate(values)]
    assert await pages(await put_people(crowd), "everyone", 2, "visits") == [[2, 0], [4, 1], [3]]


async def test_nobody_is_put_in_order_by_what_nobody_has(put_people: Put) -> None:
    finder = await put_people(named("Ann"))
    with pytest.raises(WrongInput, match="numeric property"):
        await finder.find(from_line("everyone"), MOMENT, Page(5, "visits"))


async def test_orphans_are_counted_apart_and_shown_only_where_asked_for(put_people: Put) -> None:
    finder = await put_people([(person(0), []), (person(1, guest_of="p"), [])])
    answer = await finder.find(from_line("everyone"), MOMENT, Page(5))
    assert (answer.people, answer.orphans, len(answer.profiles)) == (1, 1, 1)
    assert len((await finder.find(from_line("everyone"), MOMENT, Page(5, orphans=True))).profiles) == 2


async def test_beyond_the_cap_nobody_is_looked_at_and_the_answer_says_so(put_people: Put) -> None:
    entry = Entry(FORMAT, TODAY * DAY, "event", "Charged", b'{"Amount": 5}', "events", 0, 1)
    count = {"Charged": Count(1, TODAY * DAY, TODAY * DAY, [TODAY, 1])}
    finder = await put_people([(person(n, events=count), [entry]) for n in range(60)])
    answer = await finder.find(from_line("did Charged where (Amount = 5)"), MOMENT, Page(5))
    assert (answer.capped, answer.people, answer.at_most, answer.looked_at) == (True, 0, (60, 0), 0)
    closer = await finder.find(from_line("did Charged where (Amount = 5) and lastSeen in 40d"), MOMENT, Page(5))
    assert (closer.capped, closer.people, closer.looked_at, len(closer.profiles)) == (False, 40, 40, 5)


async def test_a_list_without_items_is_no_value(put_people: Put) -> None:
    values: list[Any] = [[], ["vip"], "vip", None]
    crowd = [person(n, properties={"tags": Property(value, 1)}) for n, value in enumerate(values)]
    finder = await put_people([(one, []) for one in crowd])
    for line, wanted in (("tags exists", [1, 2]), ("tags missing", [0, 3]), ("tags != vip", [0, 3])):
        answer = await finder.find(from_line(line), MOMENT, Page(9))
        plain = find_plainly(to_object(from_line(line)), crowd, {one.id: [] for one in crowd}, Asked(NOW_MS, "UTC"))
        assert sorted(one.id for one in answer.profiles) == plain.people == [f"{n:032x}" for n in wanted], line


async def test_names_that_nobody_has_are_told(put_people: Put) -> None:
    finder = await put_people(named("Ann"))
    answer = await finder.find(from_line("did Flown or Rank = 3 or Name = Ann"), MOMENT)
    assert (answer.people, answer.unknown) == (1, ["Flown", "Rank"])


async def test_what_came_since_the_last_question_is_found(put_people: Put) -> None:
    finder = await put_people(named("Ann"))
    assert (await finder.find(from_line("Name = Ben or did Charged"), MOMENT)).people == 0
    ben = person(7, properties={"Name": Property("Ben", 1)})
    cat = person(8, events={"Charged": Count(1, TODAY * DAY, TODAY * DAY, [TODAY, 1])})
    await more(finder, [(ben, []), (cat, [])])
    assert (await finder.find(from_line("Name = Ben or did Charged"), MOMENT)).people == 2


async def test_who_asked_before_a_rebuild_gave_out_other_numbers_is_not_answered_by_the_old_ones(
    put_people: Put,
) -> None:
    finder = await put_people([])
    await made_anew(finder, 1, named("Ann", "Bob", "Cid", "Dee", "Eve", "Fay"))
    before = [await finder.find(from_line(f"Name = {name}"), MOMENT, Page(9)) for name in ("Ann", "Fay")]
    await made_anew(finder, 2, named("Fay", "Eve", "Dee", "Cid", "Bob", "Ann"))
    after = [await finder.find(from_line(f"Name = {name}"), MOMENT, Page(9)) for name in ("Fay", "Ann")]
    assert [[p.properties["Name"].value for p in one.profiles] for one in before] == [["Ann"], ["Fay"]]
    assert [[p.properties["Name"].value for p in one.profiles] for one in after] == [["Fay"], ["Ann"]]


async def test_an_export_is_everybody_once_as_they_are(put_people: Put) -> None:
    finder = await put_people([*named("Ann", "Ben", "Cy"), (person(8, guest_of="p"), [])])
    line = from_line("Name in (Ann, Cy) or linkedGuests = 0 and not Name = Ben")
    found = [one.id async for some in finder.everyone(line, MOMENT, orphans=False) for one in some]
    assert sorted(int(one, 16) for one in found) == [0, 2]


async def test_lists_that_are_short_and_planes_that_are_long_are_one_to_a_query(put_people: Put) -> None:
    def launched(days: list[int]) -> dict[str, Count]:
        return {"Launched": Count(len(days), days[0] * DAY, days[-1] * DAY, [n for day in days for n in (day, 1)])}

    crowd: list[tuple[Profile, list[Entry]]] = [
        (person(n % 40, id=f"{n:032x}", events=launched([TODAY - n % 3 - 1, TODAY])), []) for n in range(1_200)
    ]
    finder = await put_people(crowd)
    for line, wanted in (("did Launched in 1d", 1_200), ("did Launched from 2026-11-20 to 2026-11-20", 400),
                         ("did Launched >= 2 in 3d", 800), ("did Launched = 1 in 2d", 800)):  # fmt: skip
        assert (await finder.find(from_line(line), MOMENT)).people == wanted, line


def often(rng: random.Random, rare: float) -> Count:
    """Something done on some of the last twelve days; the older ones are rare."""
    days = [TODAY - ago for ago in reversed(range(12)) if rng.random() < (0.3 if ago < 6 else rare)] or [TODAY - 20]
    kept = [n for day in days for n in (day, rng.choice([1, 1, 2]))]
    return Count(sum(kept[1::2]), days[0] * DAY, days[-1] * DAY, kept)


@pytest.mark.parametrize("rare", [0.0, 0.005, 0.3], ids=["lists alone", "lists and bits", "bits alone"])
async def test_who_did_several_things_twice_is_counted_by_days_however_these_are_kept(
    put_people: Put, rare: float
) -> None:
    rng, crowd = random.Random(7), list[Profile]()
    for n in range(900):
        events = {name: often(rng, rare) for name in ("Viewed", "Charged")} if rare or n % 100 == 0 else {}
        crowd.append(person(0, id=f"{n:032x}", properties={"Plan": Property("Gold", 1)}, events=events))
    finder = await put_people([(one, []) for one in crowd])
    for line in (
        "did Viewed >= 2 in 12d",
        "did Viewed >= 2 in 12d and did Charged >= 2 in 12d and Plan = Gold",
        "did Viewed = 1 in 9d or did Charged >= 2 in 3d or did Charged = 1 in 12d",
        "did Charged >= 4 in 12d and did Viewed >= 2 in 2d",
    ):
        tree = from_line(line)
        wanted = sum(evaluate(tree, one, None, MOMENT).holds is True for one in crowd)
        assert (await finder.find(tree, MOMENT)).people == wanted, line


async def test_somebody_who_is_seen_later_than_anybody_was_is_found_by_those_who_asked_before(put_people: Put) -> None:
    def launched(number: int, day: int) -> tuple[Profile, list[Entry]]:
        count = {"Launched": Count(1, day * DAY, day * DAY, [day, 1])}
        return person(0, id=f"{number:032x}", events=count, last_seen=day * DAY), []

    finder, line = await put_people([launched(1, TODAY - 2)]), from_line("did Launched in 1d")
    assert (await finder.find(line, MOMENT)).people == 0
    for number, day in ((2, TODAY), (3, TODAY + 1), (4, TODAY + 30)):
        await more(finder, [launched(number, day)])
        assert (await finder.find(line, MOMENT)).people == number - 1


def unlike(crowd: list[Person]) -> list[tuple[Profile, list[Entry]]]:
    """People as they are stored, each with an id of their own."""
    return [(msgspec.structs.replace(one.profile, id=f"{n:032x}", number=-1), one.kept) for n, one in enumerate(crowd)]


@settings(
    max_examples=60, deadline=None, print_blob=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(query=queries, crowd=st.lists(people("UTC"), min_size=1, max_size=8), sort=st.sampled_from(["lastSeen", "name"]))
async def test_whoever_is_found_is_who_the_plain_finder_finds(
    put_people: Put, query: Any, crowd: list[Person], sort: str
) -> None:
    stored = unlike(crowd)
    tree = from_object(query)
    note(to_line(tree))
    plain = find_plainly(query, [p for p, _ in stored], {p.id: kept for p, kept in stored}, Asked(NOW_MS, "UTC"))
    finder = await put_people(stored)
    answer = await finder.find(tree, MOMENT, Page(20, sort, orphans=True))
    assert counted(answer) == (len(plain.people), len(plain.orphans), plain.exact_since)
    assert sorted(one.id for one in answer.profiles) == sorted([*plain.people, *plain.orphans])
    exported = [one.id async for some in finder.everyone(tree, MOMENT, orphans=False) for one in some]
    assert sorted(exported) == plain.people


def counted(answer: Found) -> tuple[int, int, int | None]:
    """What an answer says of numbers."""
    return answer.people, answer.orphans, answer.since


async def test_queries_that_python_takes_for_one_are_two(put_people: Put) -> None:
    crowd: list[tuple[Profile, list[Entry]]] = [
        (person(n, properties={"vip": Property(value, 1)}), []) for n, value in enumerate([1, True, True])
    ]
    finder = await put_people(crowd)
    counts = [(await finder.find(from_line(f"vip = {value}"), MOMENT)).people for value in ("1", "true", "1.0")]
    assert counts == [1, 2, 1]
