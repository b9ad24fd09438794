"""`knownas explain`: from the ledger, whose something was, since when, decided by which record, what was refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from knownas.adapters.kafka_log import Progress
from knownas.adapters.reader import Reader
from knownas.cli.output import errors, say_json
from knownas.cli.telling import Story, record_as_data, say_record, say_story, story_as_data
from knownas.cli.who import PROFILE_ID, Who, meant, parse_time, parse_who
from knownas.errors import WrongInput
from knownas.identity.story import Called, arrived_by, met_by
from knownas.nouns import LedgerRow, Position, Profile
from knownas.operate.asking import Asking
from knownas.operate.calling import called_by
from knownas.operate.fate import place_of
from knownas.operate.inquiry import inquire, parse_position
from knownas.operate.world import World, open_world
from knownas.settings import load
from knownas.topics import Layout


async def explain(
    who: str | None = None,
    *,
    at: str | None = None,
    event: str | None = None,
    whole: bool = False,
    json: bool = False,
) -> int:
    """Tell, from the ledger, whose a device or an identity was, since when and why, what made a profile, what was
    refused; or what became of one record.

    Parameters
    ----------
    who
        A device, kind:value of an identity (email:ann@example.com), or a profile id.
    at
        Tell it as of this time: 2026-01-31T14:30:00Z, or seconds since 1970. What counts is when records reached Kafka,
        not what they say of themselves.
    event
        A record as topic/partition/offset: alone, what became of it; with WHO, what was known when it was decided.
    whole
        For a profile, read the ledger from its start, not from a week before the profile's first record on; needed
        only where Kafka times are more than a week apart from the order of records.
    json
        Answer as one JSON document.
    """
    if who is None and event is None:
        raise WrongInput("say what to explain: a device, kind:value, a profile id, or --event topic/partition/offset")
    if at is not None and event is not None:
        raise WrongInput("--at and --event both say as of when: give one of them")
    at_ms = parse_time(at) if at is not None else None
    settings = load()
    named = parse_who(who, settings, bare="device") if who is not None else None
    async with open_world(settings) as world:
        layout = await world.layout()
        asking = _Answering(world, layout, Reader(world.link(), world.keys, world.names, layout))
        position = parse_position(event, layout) if event is not None else None
        if named is not None:
            with _watched(json) as progress:
                story = await asking.story(named, at_ms, position, whole, progress)
                called = await asking.called_in(story)
            if json:
                say_json(story_as_data(story))
            else:
                say_story(story, layout, called)
        elif position is not None:
            with _watched(json) as progress:
                found = await inquire(world, layout, asking.reader, position, progress)
                called = await asking.called(found.device, found.profile)
            if json:
                say_json(record_as_data(found))
            else:
                say_record(found, layout, called)
    return 0


@contextmanager
def _watched(quiet: bool) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    with Bar(*columns, console=errors, transient=True, disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Answering:
    """Puts an answer together, with what hashed names are called."""

    def __init__(self, world: World, layout: Layout, reader: Reader) -> None:
        self.world, self.layout, self.reader = world, layout, reader
        self._asking = Asking(world.log, reader, world.names, layout)

    async def story(
        self, who: Who, at_ms: int | None, event: Position | None, whole: bool, progress: Progress
    ) -> Story:
        """What the ledger has about somebody; 32 hexadecimal digits are a profile, if the ledger knows it."""
        rows: list[LedgerRow] = []
        if who.about == "device" and PROFILE_ID.fullmatch(who.text):
            rows = await self._asking.of_profile(who.text, progress, whole=whole)
            who = who._replace(about="profile") if rows else who
        if not rows and who.identity is not None:
            rows = await self._asking.of_identity(who.identity, progress)
        elif not rows:
            rows = await self._asking.of_device(who.value, progress)
        if not rows:
            raise WrongInput(f"the ledger knows nothing of {who.text}{meant(who)}")
        story = Story(who, rows, rows[0], at_ms, event)
        if event is not None:
            met = met_by(story.rows, event, await self._time_of(event, progress))
            return story._replace(rows=met)
        return story if at_ms is None else story._replace(rows=arrived_by(story.rows, at_ms))

    async def called_in(self, story: Story) -> Called:
        """What is called how in a story: what was asked for, and what the profile at hand holds."""
        if story.who.about == "profile":
            return await self.called(None, story.who.value)
        called = await self.called(None, story.standing.profile)
        identity = story.who.identity
        own = f"this {identity.kind}" if identity is not None else f"device {story.who.value}"
        return {**called, self._digest(story.who): own}

    async def called(self, device: str | None, profile_id: str | None) -> Called:
        """What hashed names are called, as far as a profile holds them in clear."""
        names = self.world.names
        called: dict[str, str] = {}
        found = await self.reader.profile(profile_id) if profile_id else None
        if found is not None:
            called |= called_by(names, found)
            called[found.id] = _name_of(found)
        return called if device is None else {**called, names.device(device): f"device {device}"}

    async def _time_of(self, event: Position, progress: Progress) -> int:
        found = await inquire(self.world, self.layout, self.reader, event, progress)
        if found.at is None:
            place = place_of(event, self.layout)
            raise WrongInput(f"{place} is not held any more and decided nothing, so its time is unknown; use --at")
        return found.at

    def _digest(self, who: Who) -> str:
        """How ledger rows name it."""
        if who.identity is not None:
            return self.world.names.identity(who.identity)
        return self.world.names.device(who.value)


def _name_of(profile: Profile) -> str:
    name = profile.properties.get("Name")
    who = [str(name.value)] if name is not None and name.value is not None else []
    return ", ".join([*who, profile.type])
