"""`knownas rejected list|resend`: what is not counted and why, and sending it again once that is mended."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter, validators

from knownas.cli.output import console, errors, plain, say_json, when
from knownas.cli.resending import Desk, edits_in
from knownas.errors import WrongInput
from knownas.operate.fate import place_of
from knownas.operate.inquiry import parse_position
from knownas.operate.rejects import Rejected, as_data, rejected_records
from knownas.operate.resend import Again, Left, Resent
from knownas.operate.world import open_world
from knownas.records.reasons import REJECTIONS
from knownas.settings import load
from knownas.topics import Layout

app = App(
    name="rejected", help="Records that are not counted: what they are, and sending them again.",
    help_format="plaintext",
)  # fmt: skip

Reasons = Annotated[list[str] | None, Parameter(name="--reason", negative="")]
Most = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=100_000))]
SHOWN: Final = 10


@app.command(name="list")
async def list_(*, reason: Reasons = None, limit: Most = 5, json: bool = False) -> int:
    """List rejected records by reason, with where they stand and what was wrong.

    Parameters
    ----------
    reason
        Only these reasons; may be given several times.
    limit
        How many of each reason to show, the newest first.
    json
        All of them as JSON, one object a line with all that is known; `value` is what `resend --edit` reads.
    """
    _check_reasons(reason or ())
    async with open_world(load()) as world:
        layout = await world.layout()
        found = [one async for one in rejected_records(world.log, layout) if not reason or one.reason in reason]
        resent = await Resent(world.link(), world.keys).of([one.position for one in found])
    if json:
        for one in found:
            _say_line(one, is_resent=one.position in resent)
        return 0
    counts = Counter(one.reason for one in found)
    for code, count in counts.most_common():
        console.print(plain(f"{count:,} {code}: {REJECTIONS.get(code, '')}"))
        newest = sorted((one for one in found if one.reason == code), key=lambda one: one.at)[::-1]
        for one in newest[:limit]:
            again = " (sent again)" if one.position in resent else ""
            console.print(plain(f"  {place_of(one.position, layout)}  {when(one.at / 1000)}  {one.detail}{again}"))
        if count > limit > 0:
            console.print(f"  and {count - limit:,} more; --limit shows more, --json all")
    if not found:
        errors.print("knownas: nothing is rejected" if not reason else "knownas: nothing is rejected for that")
    return 0


@app.command
async def resend(
    *positions: str,
    reason: Reasons = None,
    all: bool = False,  # noqa: A002 (the flag that people type)
    edit: Path | None = None,
    again: bool = False,
    check: bool = False,
    yes: bool = False,
    json: bool = False,
) -> int:
    """Send rejected records again, after what was wrong is mended; each is counted once, however often this is done.

    A record without an id gets one made of its position, one without a time that at which it first came to Kafka.

    Parameters
    ----------
    positions
        Which records, as topic/partition/offset.
    reason
        All with these reasons; may be given several times.
    all
        All, but those of deleted people.
    edit
        A file of lines of `rejected list --json` in which `value` is mended: these are sent, that way.
    again
        Also those that were sent again before.
    check
        Only look, send nothing.
    yes
        Do not ask.
    json
        Answer as one JSON document.
    """
    _check_reasons(reason or ())
    async with open_world(load()) as world:
        layout = await world.layout()
        edits = edits_in(edit, layout) if edit is not None else {}
        named = {parse_position(text, layout) for text in positions}
        if not (named or reason or all or edits):
            raise WrongInput("say which: positions, --reason, --all, or --edit with a file")
        if not (named or reason or all):
            named = set(edits)
        desk = Desk(world, layout, edits)
        some = await desk.chosen(named, frozenset(reason or ()), every=all)
        ready, left = await desk.looked_at(some, again=again)
        if not check and ready and (yes or _is_agreed(ready, left)):
            await desk.send(ready)
            sent = len(ready)
        else:
            sent = 0
    _say(ready, left, sent, layout, json=json)
    return 2 if left else 0


def _is_agreed(ready: Sequence[Again], left: Sequence[Left]) -> bool:
    if not sys.stdin.isatty():
        raise WrongInput(f"{_records(len(ready))} would be sent again; say --yes to do it, --check to only look")
    beside = f" ({len(left):,} left out)" if left else ""
    errors.print(f"Send {_records(len(ready))} again{beside}? [y/N] ", end="", markup=False)
    return input().strip().lower() in ("y", "yes")


def _check_reasons(reasons: Iterable[str]) -> None:
    unknown = [reason for reason in reasons if reason not in REJECTIONS]
    if unknown:
        known = ", ".join(REJECTIONS)
        raise WrongInput("\n".join(f"{reason} is no reason; there are: {known}" for reason in unknown))


def _say_line(one: Rejected, *, is_resent: bool) -> None:
    """One rejected record as a line; what is a JSON object is `value` then, as it came but for spaces."""
    shown: dict[str, Any] = as_data(one) | {"resent": is_resent}
    try:
        msgspec.json.decode(one.value or b"", type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    else:
        shown.pop("text")
        shown["value"] = msgspec.Raw(msgspec.json.format(one.value or b"", indent=-1))
    sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"


def _say(ready: Sequence[Again], left: Sequence[Left], sent: int, layout: Layout, *, json: bool) -> None:
    if json:
        places = [{"position": one.position._asdict(), "why": one.why} for one in left]
        say_json({"ready": len(ready), "sent": sent, "left": places})
        return
    if sent:
        console.print(f"{_records(sent)} sent again; what is rejected once more is in `knownas rejected list`")
    else:
        console.print(f"{_records(len(ready))} can be sent again; none was sent")
    for one in left[:SHOWN]:
        errors.print(f"{plain(place_of(one.position, layout))} is left out: {plain(one.why)}")
    if len(left) > SHOWN:
        errors.print(f"and {len(left) - SHOWN:,} more that are left out; --json lists all")
