"""The ledger in words: one sentence a row, and what a device, an identity or a profile was after some rows. Pure.

Whose a device is, is its last binding; rows of a device are all in one partition, so their positions say which is
last. Whose an identity is, is its claim of the highest generation, unless that generation was released; claims and
releases may be in different partitions, and the generation says what no clock could.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from knownas.nouns import LedgerRow, Position
from knownas.records.reasons import REFUSALS

About = Literal["device", "identity", "profile"]
Called = Mapping[str, str]
"""What hashed devices and identities are called, as far as that is known."""

_FRESH: Final = "its next record makes a fresh guest"
_BOUND: Final = {
    "first_record": "{device} was seen for the first time and is guest {profile}",
    "first_record_again": "the first record of {device} after it had been freed: it is a fresh guest, {profile}",
    "login": "{device} logged in and speaks for {profile} (rule 0: it had spoken for nobody)",
    "claim": "the guest on {device} logged in with identities nobody owned: {profile} is identified and keeps its id "
    "(rule 1)",
    "link": "the guest on {device} logged in as somebody known: it speaks for {profile} from here on (rule 2)",
    "switch": "another person logged in on {device}: it speaks for {profile} from here on (rule 5 or 6)",
    "logout": "{device} logged out; " + _FRESH,
    "demerged": "{device} was taken from the profile it spoke for, which was demerged; " + _FRESH,
    "deleted": "{device} was freed, because the profile it spoke for was deleted; " + _FRESH,
    "idle": "{device} was freed, because its guest was deleted after a long time without a record; " + _FRESH,
}
_CLAIMED: Final = {
    "login": "at a first login",
    "claim": "with the guest that became it",
    "link": "at a login that linked a guest",
    "add": "as a further identity (rule 4)",
    "switch": "at a switch",
    "server": "by a record without a login",
}
_RELEASED: Final = {
    "demerged": "{identity} was taken from {profile}, which was demerged; nobody owns it",
    "deleted": "{identity} became free, because {profile} was deleted; nobody owns it",
    "released": "{identity} was taken from {profile} by a release; nobody owns it",
}
_DELETED: Final = {
    "delete": "{profile} was deleted on request, with its events and its guests",
    "orphan": "{profile} was deleted: it was a guest of a person who was deleted",
    "idle": "{profile} was deleted: a guest for whom no record had come for a long time",
}
_TESTED: Final = {
    "test": "{profile} was marked as a test user",
    "not_test": "{profile} is no test user any more: the mark was taken away",
}


def told(row: LedgerRow, called: Called) -> str:
    """One row as a sentence."""
    words = {"profile": row.profile, "device": _device(row, called), "identity": _identity(row, called)}
    return _SENTENCES[row.kind](row, words)


def _bound(row: LedgerRow, words: dict[str, str]) -> str:
    again = "_again" if row.reason == "first_record" and row.epoch else ""
    other = "{device} speaks for {profile} (%s)" if row.profile else "{device} was freed (%s); " + _FRESH
    return _BOUND.get(row.reason + again, other % row.reason).format(**words)


def _claimed(row: LedgerRow, words: dict[str, str]) -> str:
    return "{profile} gained {identity} ".format(**words) + _CLAIMED.get(row.reason, f"({row.reason})")


def _linked(row: LedgerRow, words: dict[str, str]) -> str:
    return f"guest {row.from_} turned out to be {words['profile']}; what the guest did stays the guest's, shown in gray"


def _switched(row: LedgerRow, words: dict[str, str]) -> str:
    return f"{words['device']} went from {row.from_} to {words['profile']}; nothing of either was touched"


def _refused(row: LedgerRow, words: dict[str, str]) -> str:
    why = REFUSALS.get(row.reason, "It does not apply.").rstrip(".")
    if row.key is None:
        what = words["identity"]
    elif row.reason == "too_many_event_names":
        what = f"the count of event {row.key}"
    else:
        what = row.key if row.key.startswith(("context.", "subscriptions.")) else f"property {row.key}"
    return f"{what} was refused for {words['profile'] or 'nobody'}: {why[0].lower()}{why[1:]} ({row.reason})"


def _released(row: LedgerRow, words: dict[str, str]) -> str:
    return _RELEASED.get(row.reason, "{identity} was taken from {profile}").format(**words)


def _demerged(_: LedgerRow, words: dict[str, str]) -> str:
    return f"{words['profile']} was demerged: its identities and devices were taken from it, its events stay"


def _deleted(row: LedgerRow, words: dict[str, str]) -> str:
    return _DELETED.get(row.reason, "{profile} was deleted").format(**words)


def _tested(row: LedgerRow, words: dict[str, str]) -> str:
    return _TESTED.get(row.reason, "{profile} was marked").format(**words)


def _suppressed(_: LedgerRow, words: dict[str, str]) -> str:
    return f"{words['identity']} was suppressed: from here on records that carry it are rejected"


_SENTENCES: Final = {
    "bound": _bound,
    "claimed": _claimed,
    "linked": _linked,
    "switched": _switched,
    "refused": _refused,
    "released": _released,
    "demerged": _demerged,
    "deleted": _deleted,
    "tested": _tested,
    "suppressed": _suppressed,
}


def _device(row: LedgerRow, called: Called) -> str:
    if row.device is None:
        return "a device"
    return called.get(row.device, f"a device ({row.device[:8]})")


def _identity(row: LedgerRow, called: Called) -> str:
    if row.identity is None:
        return "a part of the record"
    kind, digest = row.identity
    return called.get(digest, f"an identity of kind {kind} ({digest[:8]})") if digest else f"the record's {kind}"


# --------------------------------------------------------------------------------------------------- after some rows


class Standing(NamedTuple):
    """What something was after some rows, for which `profile`, and the row that made it so.

    A device is `unseen`, `guest`, `identified` or `nobody`'s; an identity `unowned`, `owned` or `released`; a profile
    `unknown`, `guest`, `identified`, `linked` (a guest who turned out to be `profile`), `demerged` or `deleted`.
    """

    about: About
    state: str
    profile: str | None = None
    row: LedgerRow | None = None
    suppressed: bool = False


_STANDS: Final = {
    "unseen": "{who} has not been seen",
    "guest": "{who} is guest {profile}",
    "identified": "{who} speaks for {profile}",
    "nobody": "{who} speaks for nobody; " + _FRESH,
    "unowned": "{who} belongs to nobody",
    "owned": "{who} belongs to {profile}",
    "released": "{who} belongs to nobody",
    "unknown": "{who} is not known",
    "linked": "{who} is a guest who turned out to be {profile}",
    "demerged": "{who} is demerged: it owns no identity and no device speaks for it",
    "deleted": "{who} is deleted",
}
_PROFILE_STANDS: Final = {"guest": "{who} is a guest", "identified": "{who} is somebody known"}


def stands(standing: Standing, who: str) -> str:
    """A standing as a clause, to which `since` can be added."""
    sentences = _STANDS | _PROFILE_STANDS if standing.about == "profile" else _STANDS
    return sentences[standing.state].format(who=who, profile=standing.profile)


def in_order(about: About, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows in the order of the story: a device's by position, others' by Kafka time."""
    if about == "device":
        return sorted(rows, key=lambda row: (row.position, row.index))
    return sorted(rows, key=lambda row: (row.at, row.position, row.index))


def arrived_by(rows: Sequence[LedgerRow], at_ms: int) -> list[LedgerRow]:
    """The rows of records whose Kafka time is not after this one."""
    return [row for row in rows if row.at <= at_ms]


def met_by(rows: Sequence[LedgerRow], position: Position, at_ms: int) -> list[LedgerRow]:
    """The rows that a record met: in its partition those before its position, elsewhere those not after its time."""
    here = position[:2]
    return [row for row in rows if (row.position < position if row.position[:2] == here else row.at <= at_ms)]


class Told(NamedTuple):
    """A row that is told, and how many like it there are; `last` is the last of them."""

    row: LedgerRow
    times: int
    last: LedgerRow


def gathered(rows: Iterable[LedgerRow]) -> list[Told]:
    """Rows as they are told: the same part refused again and again is told once, where it was refused first."""
    found: dict[object, Told] = {}
    for row in rows:
        about: object = (row.position, row.index)
        if row.kind == "refused":
            about = (row.reason, row.profile, row.device, row.identity, row.key)
        told_before = found.get(about)
        found[about] = Told(row, 1, row) if told_before is None else told_before._replace(
            times=told_before.times + 1, last=row
        )  # fmt: skip
    return list(found.values())


def standing(about: About, who: str, rows: Sequence[LedgerRow]) -> Standing:
    """What the rows of one device, identity or profile (`who`, as the rows name it) come to."""
    if about == "device":
        return _device_standing(rows)
    return _identity_standing(rows) if about == "identity" else _profile_standing(who, rows)


def _device_standing(rows: Sequence[LedgerRow]) -> Standing:
    bound = [row for row in rows if row.kind == "bound"]
    if not bound:
        return Standing("device", "unseen")
    last = bound[-1]
    return Standing("device", last.state or "nobody", last.profile or None, last)


def _identity_standing(rows: Sequence[LedgerRow]) -> Standing:
    suppressed = next((row for row in rows if row.kind == "suppressed"), None)
    claims = {row.generation or 0: row for row in rows if row.kind == "claimed"}
    releases = {row.generation or 0: row for row in rows if row.kind == "released"}
    newest = max([*claims, *releases], default=None)
    if newest is None:
        return Standing("identity", "unowned", None, suppressed, suppressed is not None)
    released = releases.get(newest)
    if released is not None:
        return Standing("identity", "released", None, released, suppressed is not None)
    return Standing("identity", "owned", claims[newest].profile, claims[newest], suppressed is not None)


def _profile_standing(who: str, rows: Sequence[LedgerRow]) -> Standing:
    """What weighs most of all that was decided; a profile is what it is since the first row that made it so."""
    found: dict[str, LedgerRow] = {}
    for row in rows:
        state = _state_by(row, who)
        if state is not None:
            found.setdefault(state, row)
    for state in ("deleted", "linked", "demerged", "identified", "guest"):
        if state in found:
            return Standing("profile", state, found[state].profile if state == "linked" else None, found[state])
    return Standing("profile", "unknown")


def _state_by(row: LedgerRow, who: str) -> str | None:
    if row.from_ == who:
        return "linked" if row.kind == "linked" else None
    if row.profile != who:
        return None
    if row.kind in ("deleted", "demerged"):
        return row.kind
    if row.kind == "claimed":
        return "identified"
    return row.state if row.kind == "bound" else None
