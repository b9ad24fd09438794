"""Commands that look: `knownas profile`, `knownas explain`, `knownas verify`."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import orjson

from knownas.adapters.reader import Line, Reader
from knownas.cli.output import console, plain, say_json, when
from knownas.errors import WrongInput
from knownas.identity.story import told
from knownas.nouns import LEDGER, Entry, Identity, LedgerRow, Profile
from knownas.operate.ledger import rows_about
from knownas.operate.verify import Report, verify_store
from knownas.operate.world import World, open_world
from knownas.profile.view import view
from knownas.records.identities import Unusable, normalize
from knownas.settings import Settings, load
from knownas.topics import Layout

_PROFILE_ID: Final = re.compile(r"[0-9a-f]{32}")


async def profile(who: str, timeline: int = 10, json: bool = False) -> int:
    """Show one profile.

    Parameters
    ----------
    who
        A profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    timeline
        How many of the newest lines of the person's story to show.
    json
        Answer as one JSON document: the profile, as everywhere outside.
    """
    settings = load()
    async with open_world(settings) as world:
        layout = await world.layout()
        reader = Reader(world.link(), world.keys, world.names, layout)
        found = await _find(reader, settings, who)
        lines = await reader.timeline(found, timeline)
    if json:
        say_json(view(found))
    else:
        _show(found, lines)
    return 0


async def _find(reader: Reader, settings: Settings, who: str) -> Profile:
    kind, _, value = who.partition(":")
    if not value:
        profile_id: str | None = who
    elif kind == "device":
        facts = await reader.facts(value)
        profile_id = facts[-1].profile or None if facts else None
    else:
        profile_id = await reader.owner(_identity(settings, kind, value))
    found = await reader.profile(profile_id) if profile_id else None
    if found is None:
        raise WrongInput(f"nobody is known as {who}")
    return found


def _identity(settings: Settings, kind: str, value: str) -> Identity:
    if kind not in settings.identity_kinds:
        declared = ", ".join(settings.identity_kinds)
        raise WrongInput(
            f"{kind} is no declared identity kind; declared are {declared} (KNOWNAS_IDENTITY_KINDS, fixed at a "
            "store's first use)"
        )
    normal = normalize(kind, value, settings.phone_region)
    if isinstance(normal, Unusable):
        raise WrongInput(f"{value!r} cannot be anybody's {kind} ({normal.reason})")
    return normal


def _show(found: Profile, lines: list[Line]) -> None:
    shown = view(found)
    name = plain(shown["properties"].get("Name", "no name"))
    console.print(f"[bold]{name}[/]  {found.type}  {found.id}")
    if found.guest_of:
        console.print(f"  a guest who turned out to be {found.guest_of}; counts for nobody else")
    rows: list[tuple[str, str]] = [(kind, ", ".join(values)) for kind, values in shown["identities"].items()]
    rows += [("reachable by", ", ".join(shown["reachable"]) or "nothing")]
    rows += [("devices", _some(shown["devices"])), ("guests before", _some(shown["guests"]))]
    rows += [("first seen", when(found.first_seen)), ("last seen", when(found.last_seen))]
    if found.identified_at is not None:
        rows.append(("known since", when(found.identified_at)))
    rows += [(key, _text(value)) for key, value in shown["properties"].items() if key != "Name"]
    for label, value in rows:
        if value:
            console.print(f"  {plain(label):<16} {plain(value)}")
    for event, count in shown["events"].items():
        console.print(f"  {plain(event):<24} {count['count']:>6,}  last {when(count['last'])}")
    if lines:
        console.print("  newest first; what was done as a guest is gray and counts for the guest:")
    for line in lines:
        text = f"    {when(line.entry.ts)}  {plain(line.entry.name or line.entry.type)}  {_data(line.entry)}"
        console.print(text + ("  (guest)" if line.guest else ""), style="bright_black" if line.guest else None)


def _data(entry: Entry) -> str:
    return plain(entry.data.decode("utf-8", "replace"))[:100] if entry.data else ""


def _some(items: list[str]) -> str:
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def explain(who: str, json: bool = False) -> int:
    """Tell, from the ledger, whose a device or an identity was, since when and why, or what made a profile.

    Parameters
    ----------
    who
        A device, kind:value of an identity, or a profile id.
    json
        Answer as one JSON document: the ledger's rows.
    """
    settings = load()
    async with open_world(settings) as world:
        layout = await world.layout()
        rows = await rows_about(world.log, layout.name(LEDGER), _about(world, settings, who))
    if json:
        say_json([msgspec.to_builtins(row) for row in rows])
        return 0
    if not rows:
        raise WrongInput(f"the ledger knows nothing of {who}")
    for row in rows:
        console.print(f"{when(row.ts)}  {plain(told(row))}  \\[{_place(row, layout)}]")
    return 0


def _about(world: World, settings: Settings, who: str) -> Any:
    """Which rows are about this: those of the device, of the identity, or that name the profile."""
    kind, _, value = who.partition(":")
    if value and kind != "device":
        identity = _identity(settings, kind, value)
        digest = world.names.identity(identity)
        return lambda row: row.identity is not None and row.identity[1] == digest
    device = world.names.device(value or who)
    if not value and _PROFILE_ID.fullmatch(who):
        return lambda row: who in (row.profile, row.from_) or row.device == device
    return lambda row: row.device == device


def _place(row: LedgerRow, layout: Layout) -> str:
    topic, partition, offset = row.position
    return f"{layout.name(topic)}/{partition}/{offset}"


async def verify(json: bool = False) -> int:
    """Replay the log through the plain model and compare with what the store holds, byte for byte.

    Parameters
    ----------
    json
        Answer as one JSON document.
    """
    settings = load()
    async with open_world(settings) as world:
        report = await verify_store(world, await world.layout())
    if json:
        say_json(report.as_json())
    else:
        say_report(report)
    return 0 if report.equal else 1


def say_report(report: Report) -> None:
    """What a verification found, for people."""
    console.print(f"{report.records:,} records replayed, {report.profiles:,} profiles compared")
    if report.waiting:
        console.print(f"{report.waiting:,} records are not done yet: compare again when the workers have caught up")
    for line in report.differences[:10]:
        console.print(f"differs: {plain(line)}")
    console.print("no difference" if report.equal else f"{len(report.differences):,} differences")
