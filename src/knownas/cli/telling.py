"""Stories of the ledger and the fate of a record, for people and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from knownas.cli.output import console, plain, when
from knownas.cli.who import Who
from knownas.identity.story import Called, Standing, gathered, standing, stands, told
from knownas.nouns import LedgerRow, Position
from knownas.operate.asking import rows_as_data, standing_as_data
from knownas.operate.fate import fate, place_of
from knownas.operate.inquiry import Inquiry
from knownas.topics import Layout

LATE_SECONDS = 60
"""From how far apart on a record's own time and its Kafka time are both said."""


class Story(NamedTuple):
    """The rows about somebody, up to a time or to what a record met, if one was named; `first` is the first of all."""

    who: Who
    rows: Sequence[LedgerRow]
    first: LedgerRow
    at_ms: int | None = None
    event: Position | None = None

    @property
    def standing(self) -> Standing:
        """Whose it was after these rows."""
        return standing(self.who.about, self.who.value, self.rows)


def say_story(story: Story, layout: Layout, called: Called) -> None:
    """Whose it was, since when, and how that came about."""
    stood, moment = story.standing, _moment(story, layout)
    console.print(
        f"[bold]{plain(moment + stands(stood, story.who.text))}[/]{_aside(stood.profile or story.who.value, called)}"
    )
    if stood.row is not None:
        console.print(f"  since {when(stood.row.ts)}, decided by {place_of(stood.row.position, layout)}")
    if stood.suppressed:
        console.print("  it is suppressed: records that carry it are rejected, and not even their content is kept")
    if not story.rows:
        console.print(f"  the first that the ledger knows of it is of {when(story.first.ts)}")
        return
    console.print("how that came about, oldest first:")
    _say_rows(story.rows, layout, called)


def _say_rows(rows: Sequence[LedgerRow], layout: Layout, called: Called) -> None:
    for row, times, last in gathered(rows):
        more = f", and again until {when(last.ts)}, {times:,} times in all" if times > 1 else ""
        late = "" if abs(row.at / 1000 - row.ts) < LATE_SECONDS else f" (reached Kafka {when(row.at // 1000)})"
        place = place_of(row.position, layout)
        console.print(f"  {when(row.ts)}{late}  {plain(told(row, called) + more)}  \\[{place}]")


def say_record(found: Inquiry, layout: Layout, called: Called) -> None:
    """What became of one record."""
    what = f"a record of type {found.type}" if found.type else "a record"
    on = f" of device {found.device}" if found.device else ""
    time = f", {when(found.ts)}" if found.ts is not None else ""
    console.print(f"[bold]{place_of(found.position, layout)}[/]: {plain(what + on + time)}")
    if not found.held:
        console.print("  Kafka does not hold the record itself any more")
    console.print(f"  {plain(fate(found, layout))}{_aside(found.profile, called)}")
    if found.speaker is not None:
        stood = standing("device", "", [found.speaker])
        since = f"since {when(found.speaker.ts)}, decided by {place_of(found.speaker.position, layout)}"
        console.print(f"  when it came, {plain(stands(stood, f'device {found.device}'))}, {since}")
    if found.rows:
        console.print("decided with it:")
        _say_rows(found.rows, layout, called)


def _aside(profile: str | None, called: Called) -> str:
    return f"  ({plain(called[profile])})" if profile is not None and profile in called else ""


def story_as_data(story: Story) -> dict[str, Any]:
    """A story as data."""
    if story.event is not None:
        as_of: dict[str, Any] | None = {"event": story.event._asdict()}
    else:
        as_of = {"at": story.at_ms} if story.at_ms is not None else None
    about = {"about": story.who.about, "who": story.who.text, "asOf": as_of}
    return about | {"standing": standing_as_data(story.standing), "rows": rows_as_data(story.rows)}


def record_as_data(found: Inquiry) -> dict[str, Any]:
    """An inquiry as data."""
    speaker = standing("device", "", [found.speaker]) if found.speaker is not None else None
    return found._asdict() | {
        "position": found.position._asdict(),
        "home": found.home._asdict() if found.home is not None else None,
        "speaker": standing_as_data(speaker) if speaker is not None else None,
        "rows": rows_as_data(found.rows),
    }


def _moment(story: Story, layout: Layout) -> str:
    if story.event is not None:
        return f"when {place_of(story.event, layout)} was decided: "
    return f"as of {when(story.at_ms // 1000)}: " if story.at_ms is not None else ""
