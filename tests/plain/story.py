"""Stories in plain text: what was sent, and what everything looks like afterwards.

A story is a title (`#`), perhaps what the deployment declares (`declared: ...`, `region: ...`), the records in the
order they are sent, `----`, and the world afterwards. A record is one line:

    d-1: event Viewed {"sku": "A1"}               an event of a device, with its data
    d-1: login email=Ann@x.ie identity:=7         a login; `=` gives a text, `:=` any JSON
    d-1: profile {"Plan": "Gold"}                 an update of a profile
    server: event Charged email=ann@x.ie          a record without a device
    to guest of d-1: profile {"Plan": "Gold"}     a record that names its profile
    json: {"type": "event"}                       a record word for word

`ts=`, `push=` (a push token, `-` removes it) and `in=events/1` (where it is put) may follow the rest. Record number
n arrives n seconds after the start; all times shown are seconds after the start. In what is expected, `#3` is the
third record, and a profile is named by what its id is made of: `guest of d-1`, `guest 1 of d-1` (after one logout),
`person email:ann@x.ie`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from knownas.nouns import Entry, Identity, LedgerRow, Names, Position, Profile
from knownas.plain import Setting
from tests.builders import NAMES, NOON, setting
from tests.engines import Sent, World
from tests.harness import Partition

_EVENT = re.compile(r"event (?P<name>[^\s={]+) ?(?P<rest>.*)")
_WORD = re.compile(r"(?P<key>[\w-]+)(?P<how>:?=)(?P<value>\"[^\"]*\"|\[.*?\]|\S*) ?")
_GUEST = re.compile(r"guest (?:(?P<epoch>\d+) )?of (?P<device>\S+)")


class Story(NamedTuple):
    """A story as read from its file."""

    title: str
    setting: Setting
    records: list[Sent]
    expected: str


def stories(folder: Path) -> list[tuple[str, Story]]:
    """All stories of a folder, by file and title."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        for text in path.read_text().split("\n====\n"):
            story = read_story(text)
            found.append((f"{path.stem}: {story.title}", story))
    return found


def read_story(text: str) -> Story:
    """Read one story."""
    said, _, expected = text.partition("\n----\n")
    title, kinds, region, records = "", setting().kinds, None, []
    for line in said.strip().splitlines():
        if line.startswith("#"):
            title = (title + " " + line.strip("# ")).strip()
        elif line.startswith("declared: "):
            kinds = tuple(line.removeprefix("declared: ").split())
        elif line.startswith("region: "):
            region = line.removeprefix("region: ")
        elif line:
            records.append(read_record(line))
    return Story(title, setting(kinds=kinds, region=region), records, expected.strip("\n"))


def read_record(line: str) -> Sent:
    """Read one line of a story."""
    who, _, said = line.partition(": ")
    if who == "json":
        return Sent(said.encode())
    record: dict[str, Any] = {}
    if who.startswith("to "):
        record["profile"] = id_of(who.removeprefix("to "))
    elif who != "server":
        record["device"] = who
    event = _EVENT.match(said)
    if event:
        record |= {"type": "event", "evtName": event["name"]}
        said, content = event["rest"], "evtData"
    else:
        record["type"], _, said = said.partition(" ")
        content = "profileData"
    words, _, data = said.partition("{")
    if data:
        record[content] = json.loads("{" + data)
    hint = None
    for word in _WORD.finditer(words):
        hint = _hint(word["value"]) if word["key"] == "in" else hint
        _say(record, word["key"], json.loads(word["value"]) if word["how"] == ":=" else word["value"].strip('"'))
    return Sent(record, hint)


def _hint(place: str) -> Partition:
    topic, _, partition = place.partition("/")
    return topic, int(partition)


def _say(record: dict[str, Any], key: str, value: Any) -> None:
    if key == "ts":
        record["ts"] = NOON + int(value)
    elif key == "push":
        record["context"] = {"pushToken": None if value == "-" else value}
    elif key != "in":
        record.setdefault("identities", {})[key] = value


def id_of(name: str) -> str:
    """The id of a profile by the name that stories use."""
    guest = _GUEST.fullmatch(name)
    if guest:
        return NAMES.guest(guest["device"], int(guest["epoch"] or 0))
    if name.startswith("person "):
        kind, _, value = name.removeprefix("person ").partition(":")
        return NAMES.person(Identity(kind, value), 0)
    return name


# ----------------------------------------------------------------------------------------------------------- telling


class _Aliases:
    """Names for ids and hashes: of all devices and identities of a story."""

    def __init__(self, names: Names, records: list[Sent], world: World) -> None:
        self.profiles: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.identities: dict[str, str] = {}
        for device in sorted({d for d in map(_device, records) if isinstance(d, str)}):
            self.devices[names.device(device)] = device
            for epoch in range(4):
                which = f"guest {epoch} of" if epoch else "guest of"
                self.profiles[names.guest(device, epoch)] = f"{which} {device}"
        identities = {identity for profile in world.profiles.values() for identity in profile.identities}
        for identity in identities:
            self.identities[names.identity(identity)] = f"{identity.kind}:{identity.value}"
            self.profiles[names.person(identity, 0)] = f"person {identity.kind}:{identity.value}"

    def profile(self, profile: str) -> str:
        return self.profiles.get(profile, profile or "nobody")


def _device(sent: Sent) -> object:
    if isinstance(sent.record, dict):
        return sent.record.get("device")
    try:
        return json.loads(sent.record or b"").get("device")
    except (ValueError, AttributeError):
        return None


def tell(world: World, records: list[Sent]) -> str:
    """The whole world in words."""
    aliases = _Aliases(world.setting.names, records, world)
    parts = sorted(_profile(profile, world, aliases) for profile in world.profiles.values())
    speaks = [
        f"  {aliases.devices[device]}: {aliases.profile(facts[-1].profile)}, {facts[-1].state}, epoch {facts[-1].epoch}"
        for device, facts in sorted(world.facts.items(), key=lambda item: aliases.devices[item[0]])
        if facts
    ]
    rows = {(world.numbers[Position(*row.position)], row.index): row for row in world.ledger}
    ledger = [f"  #{number} {_row(rows[number, index], aliases)}" for number, index in sorted(rows)]
    rejections = sorted({(world.numbers[Position(*one.position)], one.reason) for one in world.rejections})
    rejected = [f"  #{number} {reason}" for number, reason in rejections]
    counters = [f"  {counter} {amount}" for counter, amount in sorted(world.counters.items()) if amount]
    for title, lines in (
        ("devices speak for", speaks), ("ledger", ledger), ("rejected", rejected), ("counters", counters),
    ):  # fmt: skip
        if lines:
            parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)


def _profile(profile: Profile, world: World, aliases: _Aliases) -> str:
    published = world.published[profile.id]
    assert published["version"] == profile.changed
    lines = [f"{aliases.profile(profile.id)}: {profile.type}, version {profile.version}, published {profile.changed}"]
    reachable = published["profile"]["reachable"]
    facts = [
        ("reachable", ", ".join(reachable)),
        ("guest of", aliases.profile(profile.guest_of) if profile.guest_of else ""),
        ("identities", ", ".join(f"{kind}:{value}" for kind, value in profile.identities)),
        ("devices", ", ".join(profile.devices)),
        ("guests", ", ".join(aliases.profile(guest) for guest in profile.guests)),
        ("properties", ", ".join(_property(name, held.value, held.ts) for name, held in profile.properties.items())),
        ("events", ", ".join(_count(name, c.count, c.first, c.last) for name, c in profile.events.items())),
        ("tokens", ", ".join(f"{device}:{token}" for device, token in profile.tokens.items())),
        ("seen", f"{_time(profile.first_seen)} to {_time(profile.last_seen)}"),
        ("identified", "" if profile.identified_at is None else _time(profile.identified_at)),
        ("timeline", ", ".join(_entry(entry, world) for entry in world.timelines.get(profile.id, []))),
    ]
    return "\n".join([*lines, *(f"  {name:11}{text}" for name, text in facts if text)])


def _time(ts: float) -> str:
    return f"+{ts - NOON:g}"


def _property(name: str, value: Any, ts: float) -> str:
    return f"{name}={json.dumps(value, ensure_ascii=False)} at {_time(ts)}"


def _count(name: str, count: int, first: float, last: float) -> str:
    return f"{name} {count} ({_time(first)} to {_time(last)})"


def _entry(entry: Entry, world: World) -> str:
    number = world.numbers[Position(entry.topic, entry.partition, entry.offset)]
    return " ".join(_present(f"#{number}", entry.type, entry.name, entry.data.decode() if entry.data else None))


def _row(row: LedgerRow, aliases: _Aliases) -> str:
    device = aliases.devices[row.device] if row.device else None
    profile, on = aliases.profile(row.profile), f"on {device}" if device else None
    if row.kind == "bound":
        said = f"bound {device} to {profile} as {row.state}, epoch {row.epoch}"
        return f"{said} ({row.reason})"
    what = row.key
    if row.identity:
        what = aliases.identities[row.identity[1]] if row.identity[1] else row.identity[0]
    elif row.from_:
        what = aliases.profile(row.from_)
    return " ".join(_present(row.kind, what, "for" if row.kind == "claimed" else "to", profile, on, f"({row.reason})"))


def _present(*words: str | None) -> Iterable[str]:
    return (word for word in words if word is not None)
