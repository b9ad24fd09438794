"""Everything that a store holds of a deployment, key by key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from knownas.adapters import keys as k
from knownas.adapters.redis import Link
from knownas.find import planes
from tests.pipeline.deployment import Deployment

_READ: Final[dict[bytes, tuple[str, ...]]] = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", "0", "-1"),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
}

Everything = dict[str, Any]


async def everything(deployment: Deployment) -> Everything:
    """Each key with what it holds, hashes by field."""
    prefix = deployment.settings.redis_prefix
    return await held_at(deployment.world.link(), prefix, await deployment.reader.keys_like(prefix + "{*"))


async def held_at(link: Link, prefix: str, found: Iterable[bytes]) -> Everything:
    """What these keys hold, by what comes after the prefix."""
    keys = [key.decode() for key in found]
    types = await link.run([("TYPE", key) for key in keys])
    commands = [(_READ[kind][0], key, *_READ[kind][1:]) for key, kind in zip(keys, types, strict=True)]
    answers = await link.run(commands)
    return {
        key.removeprefix(prefix): _fields(answer) if kind == b"hash" else answer
        for key, kind, answer in zip(keys, types, answers, strict=True)
    }


def _fields(flat: list[bytes]) -> dict[str, bytes]:
    return {name.decode("latin-1"): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def differences(before: Everything, after: Everything) -> list[str]:
    """What is not the same, but for what may be another: the tokens; by which rebuild a shard was made, and up to where
    it went on; how far the walk of snapshots is; the figures of what stage 1 rejected, which begin anew, and from where
    on a shard counts that has nothing to count; how far sources are, for control records that were published since the
    newest mark come once more, and are passed over; in a cluster what the last commit across slots was. Who is in a
    plane of the index is written in one of two ways, as chunks come."""
    wanted, found = _results(before), _results(after)
    return [
        f"{key}: {_short(wanted.get(key), found.get(key))} became {_short(found.get(key), wanted.get(key))}"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key)
    ]


def _results(everything: Everything) -> Everything:
    found: Everything = {}
    for key, value in everything.items():
        tag, rest = key.split("}:", 1)
        if rest.startswith(k.plane("")):
            found[tag + rest.removeprefix(k.plane(""))] = list(planes.members(value))
        elif rest.startswith(k.plane_list("")):
            found[tag + rest.removeprefix(k.plane_list(""))] = sorted(planes.unpack(value))
        elif rest != k.FIGURES or tag[1] not in "du":
            passing = _PASSING.get(rest, ())
            found[key] = {name: one for name, one in value.items() if name not in passing} if passing else value
    return {key: value for key, value in found.items() if value}


_PASSING: Final = {
    k.FIGURES: ("from",),
    k.AT: ("token", "aborted", "txn", "intents", "pos", k.AHEAD),
    k.INDEX: ("snapped", "snapped_ms", k.INDEX_MADE),
}


def _short(value: Any, other: Any) -> str:
    """A value, of a hash the fields that the other has not so."""
    if isinstance(value, dict) and isinstance(other, dict):
        value = {name: one for name, one in value.items() if other.get(name) != one}
    return repr(value)[:300]
