"""Stories in plain text: what was sent, and what everything looks like afterwards.

A story is a title (`#`), perhaps what the deployment declares (`declared: ...`, `region: ...`, `days: ...`), the
records in the order they are sent, `----`, and the world afterwards. A record is one line:

    d-1: event Viewed {"sku": "A1"}               an event of a device, with its data
    d-1: login email=Ann@x.ie identity:=7         a login; `=` gives a text, `:=` any JSON
    d-1: profile {"Plan": "Gold"}                 an update of a profile
    server: event Charged email=ann@x.ie          a record without a device
    to guest of d-1: profile {"Plan": "Gold"}     a record that names its profile
    d-1: event Viewed context.os=iOS              what stands beside an event
    d-1: profile opt-out.email=ann@x.ie           an address that is not to be written to; opt-in. takes it back
    d-1: test test:=true                          a test mark
    server: delete email=ann@x.ie suppress:=true  a deletion, a demerge or a release
    json: {"type": "event"}                       a record word for word
    ...                                           everything before is done before what follows is sent

`ts=` (`20m`, `-3d`), `push=` (a push token, `-` removes it), `id=` (the producer's) and `in=events/1` (where it is put)
may follow.
Record number n arrives n seconds after the start; all times shown are seconds after the start, days those since then.
A session is shown from the second on. In what is expected, `#3` is the
third record, and a profile is named by what its id is made of: `guest of d-1`, `guest 1 of d-1` (after one logout),
`person email:ann@x.ie`, `person 1 email:ann@x.ie` (after the e-mail was free again once).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from knownas.nouns import RESOLVED, Count, Entry, Identity, LedgerRow, Names, Position, Profile
from knownas.plain import Setting
from tests.builders import NAMES, NOON, setting
from tests.engines import Sent, World
from tests.harness import Partition

_EVENT = re.compile(r"event (?P<name>[^\s={]+) ?(?P<rest>.*)")
_WORD = re.compile(r"(?P<key>[\w.-]+)(?P<how>:?=)(?P<value>\"[^\"]*\"|\[.*?\]|\S*) ?")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_GUEST = re.compile(r"guest (?:(?P<epoch>\d+) )?of (?P<device>\S+)")
_PERSON = re.compile(r"person (?:(?P<generation>\d+) )?(?P<kind>\w+):(?P<value>.*)")


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
    title, kinds, region, days, records = "", setting().kinds, None, setting().day_timezone, list[Sent]()
    is_pause = False
    for line in said.strip().splitlines():
        if line.startswith("#"):
            title = (title + " " + line.strip("# ")).strip()
        elif line.startswith("declared: "):
            kinds = tuple(line.removeprefix("declared: ").split())
        elif line.startswith("region: "):
            region = line.removeprefix("region: ")
        elif line.startswith("days: "):
            days = line.removeprefix("days: ")
        elif line == "...":
            is_pause = True
        elif line:
            records.append(read_record(line)._replace(after_a_pause=is_pause))
            is_pause = False
    return Story(title, setting(kinds=kinds, region=region, day_timezone=days), records, expected.strip("\n"))


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
    about, _, part = key.partition(".")
    if key == "ts":
        amount, unit = (value[:-1], value[-1]) if value[-1] in SECONDS else (value, "s")
        record["ts"] = NOON + int(amount) * SECONDS[unit]
    elif key == "push":
        record.setdefault("context", {})["pushToken"] = None if value == "-" else value
    elif about == "context":
        record.setdefault("context", {})[part] = value
    elif about in {"opt-in", "opt-out"}:
        record.setdefault("subscriptions", {}).setdefault(part, {})[value] = about == "opt-in"
    elif key in ("test", "suppress", "id"):
        record[key] = value
    elif key != "in":
        record.setdefault("identities", {})[key] = value


def id_of(name: str) -> str:
    """The id of a profile by the name that stories use."""
    guest = _GUEST.fullmatch(name)
    if guest:
        return NAMES.guest(guest["device"], int(guest["epoch"] or 0))
    person = _PERSON.fullmatch(name)
    if person:
        return NAMES.person(Identity(person["kind"], person["value"]), int(person["generation"] or 0))
    return name


# ----------------------------------------------------------------------------------------------------------- telling


class Aliases:
    """Names for ids and hashes: of all devices and identities of a story, and those that are held besides."""

    def __init__(self, names: Names, records: list[Sent], held: Iterable[Identity] = ()) -> None:
        self.profiles: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.identities: dict[str, str] = {}
        for device in sorted({d for d in map(_device, records) if isinstance(d, str)}):
            self.devices[names.device(device)] = device
            for epoch in range(4):
                which = f"guest {epoch} of" if epoch else "guest of"
                self.profiles[names.guest(device, epoch)] = f"{which} {device}"
        for identity in {*held} | {identity for sent in records for identity in _identities(sent)}:
            called = self.identities[names.identity(identity)] = f"{identity.kind}:{identity.value}"
            for generation in range(4):
                which = f"person {generation}" if generation else "person"
                self.profiles[names.person(identity, generation)] = f"{which} {called}"

    def profile(self, profile: str) -> str:
        """What stories call a profile."""
        return self.profiles.get(profile, profile or "nobody")


def _device(sent: Sent) -> object:
    if isinstance(sent.record, dict):
        return sent.record.get("device")
    try:
        return json.loads(sent.record or b"").get("device")
    except (ValueError, AttributeError):
        return None


def _identities(sent: Sent) -> list[Identity]:
    """The identities that a record names, as far as they are written in their normal form or are e-mails."""
    given = (sent.record.get("identities") if isinstance(sent.record, dict) else None) or {}
    texts = {kind: str(value).strip() for kind, value in given.items()}
    return [Identity(kind, text.lower() if kind == "email" else text) for kind, text in texts.items()]


def tell(world: World, records: list[Sent]) -> str:
    """The whole world in words."""
    held = {identity for profile in world.profiles.values() for identity in profile.identities}
    aliases = Aliases(world.setting.names, records, held)
    parts = sorted(_profile(profile, world, aliases) for profile in world.profiles.values())
    speaks = [
        f"  {aliases.devices[device]}: {aliases.profile(facts[-1].profile)}, {facts[-1].state}, epoch {facts[-1].epoch}"
        for device, facts in sorted(world.facts.items(), key=lambda item: aliases.devices[item[0]])
        if facts
    ]
    rows = {(row.position, row.index): row for row in world.ledger}.values()
    ledger = [f"  #{number} {said}" for number, *_, said in sorted(_ordered(row, world, aliases) for row in rows)]
    rejections = sorted({(world.numbers[Position(*one.position)], one.reason) for one in world.rejections})
    rejected = [f"  #{number} {reason}" for number, reason in rejections]
    counters = [f"  {counter} {amount}" for counter, amount in sorted(world.counters.items()) if amount]
    for title, lines in (
        ("devices speak for", speaks), ("ledger", ledger), ("rejected", rejected), ("counters", counters),
    ):  # fmt: skip
        if lines:
            parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)


def _profile(profile: Profile, world: World, aliases: Aliases) -> str:
    published = world.published[profile.id]
    if profile.gone:
        assert not published
        assert profile.id not in world.timelines
        return f"{aliases.profile(profile.id)}: deleted, version {profile.version}"
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
        ("opted", ", ".join(_property(name, held.value, held.ts) for name, held in profile.subscriptions.items())),
        ("context", _said(profile.context, profile.context_ts)),
        ("channel", _said(profile.channel, profile.channel_ts)),
        ("test", f"{_yes(profile.test)} at {_time(profile.test_ts)}" if profile.test_ts else ""),
        ("age", str(age) if (age := published["profile"]["system"]["age"]) is not None else ""),
        ("events", ", ".join(_count(name, count) for name, count in profile.events.items())),
        ("demerged", "yes" if profile.demerged else ""),
        ("tokens", ", ".join(f"{device}:{token}" for device, token in profile.tokens.items())),
        ("seen", f"{_time(profile.first_seen)} to {_time(profile.last_seen)}"),
        ("session", _session(profile)),
        ("identified", "" if profile.identified_at is None else _time(profile.identified_at)),
        ("timeline", ", ".join(_entry(entry, world) for entry in world.timelines.get(profile.id, []))),
    ]
    return "\n".join([*lines, *(f"  {name:11}{text}" for name, text in facts if text)])


def _time(ts: float) -> str:
    return f"{ts - NOON:+.10g}"


def _property(name: str, value: Any, ts: float) -> str:
    return f"{name}={json.dumps(value, ensure_ascii=False)} at {_time(ts)}"


def _said(values: dict[str, Any], ts: float) -> str:
    told = ", ".join(f"{name}={json.dumps(value)}" for name, value in values.items())
    return f"{told} at {_time(ts)}" if values else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _session(profile: Profile) -> str:
    if profile.sessions < 2:
        return ""
    now = f"{_time(profile.session_start)} to {_time(profile.session_last)}"
    return f"number {profile.sessions}, {now}, the one before from {_time(profile.session_previous)}"


def _count(name: str, count: Count) -> str:
    told = f"{name} {count.count} ({_time(count.first)} to {_time(count.last)})"
    days = [f"{day - NOON // 86_400:+}d {n}" for day, n in zip(count.days[::2], count.days[1::2], strict=True)]
    return told if days == [f"+0d {count.count}"] else f"{told}, by day {' '.join(days)}"


def _entry(entry: Entry, world: World) -> str:
    number = world.numbers[Position(entry.topic, entry.partition, entry.offset)]
    return " ".join(_present(f"#{number}", entry.type, entry.name, entry.data.decode() if entry.data else None))


def _ordered(row: LedgerRow, world: World, aliases: Aliases) -> tuple[int, bool, int, str]:
    """A row with what it is sorted by: what a record caused elsewhere stands behind its own rows, in any order."""
    elsewhere = row.position.topic == RESOLVED or row.reason in ("demerged", "deleted", "released")
    number = world.numbers[Position(*row.position)]
    return number, elsewhere, 0 if elsewhere else row.index, _row(row, aliases)


def _row(row: LedgerRow, aliases: Aliases) -> str:
    device = aliases.devices[row.device] if row.device else None
    profile, on = aliases.profile(row.profile), f"on {device}" if device else None
    if row.kind == "bound":
        said = f"bound {device} to {profile} as {row.state}, epoch {row.epoch}"
        return f"{said} ({row.reason})"
    what = row.key
    if row.identity:
        hashed = row.identity[1]
        what = aliases.identities.get(hashed, hashed) if hashed else row.identity[0]
    elif row.from_:
        what = aliases.profile(row.from_)
    if row.kind in ("deleted", "demerged"):
        return f"{row.kind} {profile} ({row.reason})"
    link = {"claimed": "for", "released": "from"}.get(row.kind, "to")
    return " ".join(_present(row.kind, what, link, profile, on, f"({row.reason})"))


def _present(*words: str | None) -> Iterable[str]:
    return (word for word in words if word is not None)
