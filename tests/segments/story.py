"""Stories of live segments in plain text: what happens, and who enters and leaves because of it.

A story is a title (`#`), perhaps `days: ZONE`, what happens, `----`, and who entered and left. What happens is one line
a step: a record as `tests.plain.story` reads it, or

    segments: put viewers did Viewed in 7d    a segment is put, in place of one of this name if there is one
    segments: remove viewers                  a segment is removed
    time: 3d                                  so much time passes (s, m, h, d)

Everything is done with a step before the next. Step number n comes n seconds after the start, and what time has passed
by then. Segments are put, and the clock is looked at, by ticks. What is expected is said step by step, with its number,
and at the end who is in which segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import Definition
from knownas.plain import Setting
from tests.builders import NOON, setting
from tests.engines import Sent
from tests.plain.story import SECONDS, Aliases, read_record


class Step(NamedTuple):
    """A record, or a tick with what it brings; `at_ms` is its time in Kafka."""

    at_ms: int
    sent: Sent | None
    definitions: tuple[Definition, ...] = ()

    @property
    def ts(self) -> float:
        """The time that changes bear which it causes; each step has its own."""
        said = self.sent.record if self.sent is not None else None
        ts: float = said.get("ts", self.at_ms / 1_000) if isinstance(said, dict) else self.at_ms / 1_000
        return ts


class Moved(NamedTuple):
    """Somebody entered or left a segment because of a step."""

    step: int
    segment: str
    profile: str
    entered: bool


Members = Mapping[str, set[str]]
"""Who is in which segment."""


class Outcome(NamedTuple):
    """What came of a story."""

    moved: list[Moved]
    members: Members


class Story(NamedTuple):
    """A story as read from its file."""

    title: str
    setting: Setting
    steps: list[Step]
    expected: str

    def moved(self, changes: Iterable[Mapping[str, Any]]) -> list[Moved]:
        """What was published, by the steps that caused it."""
        numbers = {step.ts: number for number, step in enumerate(self.steps, 1)}
        assert len(numbers) == len(self.steps)
        return [Moved(numbers[one["ts"]], one["segment"], one["profile"], one["entered"]) for one in changes]


def stories(folder: Path) -> list[tuple[str, Story]]:
    """All stories of a folder, by file and title."""
    texts = ((path.stem, text) for path in sorted(folder.glob("*.txt")) for text in path.read_text().split("\n====\n"))
    return [(f"{name}: {story.title}", story) for name, text in texts for story in [read_story(text)]]


def read_story(text: str) -> Story:
    """Read one story."""
    said, _, expected = text.partition("\n----\n")
    lines = [line for line in said.strip().splitlines() if line]
    titles = [line.strip("# ") for line in lines if line.startswith("#")]
    zones = [line.removeprefix("days: ") for line in lines if line.startswith("days: ")]
    happens = [line for line in lines if not line.startswith(("#", "days: "))]
    declared = setting(day_timezone=zones[0]) if zones else setting()
    return Story(" ".join(titles), declared, list(_steps(happens)), expected.strip("\n"))


def _steps(lines: list[str]) -> Iterator[Step]:
    passed = accumulate(_seconds(line.removeprefix("time: ")) if line.startswith("time: ") else 0 for line in lines)
    for number, (line, seconds) in enumerate(zip(lines, passed, strict=True), 1):
        at_ms = (NOON + number + seconds) * 1_000
        who, _, what = line.partition(": ")
        if who == "segments":
            yield Step(at_ms, None, (_definition(what, number),))
        else:
            yield Step(at_ms, None if who == "time" else read_record(line))


def _definition(said: str, version: int) -> Definition:
    verb, name, *query = said.split(" ", 2)
    assert verb in ("put", "remove"), f"a segment is put or removed, not {verb}"
    return Definition(name=name, version=version, query=to_object(from_line(query[0])) if verb == "put" else None)


def _seconds(said: str) -> int:
    return int(said[:-1]) * SECONDS[said[-1]]


def tell(story: Story, outcome: Outcome) -> str:
    """Who entered and left, and who is where in the end, in words."""
    aliases = Aliases(story.setting.names, [step.sent for step in story.steps if step.sent is not None])
    moved = sorted(
        (one.step, one.segment, aliases.profile(one.profile), "enters" if one.entered else "leaves")
        for one in outcome.moved
    )
    lines = [f"#{step} {profile} {verb} {segment}" for step, segment, profile, verb in moved]
    for name, members in sorted(outcome.members.items()):
        lines.append(f"{name}: {', '.join(sorted(map(aliases.profile, members))) or 'nobody'}")
    return "\n".join(lines)
