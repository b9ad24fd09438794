"""Who may do what in the store: a user for workers, one for gateways, one for operators, with the least each needs.

The commands of scripts are read off the scripts, key patterns are made by `keys.py`. What a gateway's scripts write are
sets that they work out and remove again, so it can change no profile. `deploy/knownas.acl` is this as a file; a user
without a password cannot log in, so operators add one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Final, NamedTuple

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys

CONNECTION: Final = ("cluster|slots", "evalsha", "ping", "script|load", "select")
LOOKING: Final = (
    "bitcount", "exists", "get", "getrange", "hexists", "hget", "hgetall", "hlen", "hmget", "llen", "lrange", "mget",
    "scan", "strlen", "zrange", "zrangebyscore", "zscore",
)  # fmt: skip
HOLDING: Final = ("@blocking", "hdel", "hset", "hsetnx", "info", "ltrim", "set", "unlink")
"""What workers do beside their scripts: taking partitions, looking at the memory, waiting for replicas (WAITAOF, by its
category: a Redis before 7.2 does not know its name and would not start)."""
OF_WORKERS: Final = ("resolve", "materialize", "swap", "verdict")
OF_GATEWAYS: Final = ("find", "people", "planes")
LAYOUT: Final = ("hgetall", "hsetnx")
NAMES: Final = ("hget", "hset")
AUDIT: Final = ("lpush", "lrange", "ltrim")
OPERATING: Final = ("@read", "@write", "@connection", "@scripting", "@keyspace", "@blocking")
LOOKING_DEEPER: Final = ("cluster|slots", "config|get", "info", "time")

_CALL: Final = re.compile(r"call\('([A-Z_]+)'")
_GLOB: Final = re.compile(r"([\\*?\[\]])")


class User(NamedTuple):
    """A user of the store; `parts` are its rights in the store's own words."""

    name: str
    parts: tuple[str, ...]

    def line(self, *passwords: str) -> str:
        """As a line of an ACL file."""
        return " ".join(("user", self.name, "on", *passwords, "resetchannels", *self.parts))


def users(prefix: str = "ka:") -> list[User]:
    """All users of a deployment whose keys start so."""
    where = Keys(_GLOB.sub(r"\\\1", prefix))
    anything, shards = where.prefix + "*", where.prefix + "{[0-9]*}:"
    sources = [where.prefix + tag for tag in ("{d*}:*", "{u*}:*")]
    owners = where.prefix + "{o*}:*"
    layout = _apart(LAYOUT, f"~{where.layout}")
    worker = User(
        "knownas-worker",
        (
            *_keys("~", *sources, owners, shards + "*"), *_keys("%R~", where.segments, where.gateway_keys),
            *_may(CONNECTION, LOOKING, HOLDING, *map(commands_of, OF_WORKERS)), layout,
            _apart(NAMES, f"~{where.workers}"),
        ),
    )  # fmt: skip
    gateway = User(
        "knownas-gateway",
        (
            *_keys("%R~", *sources, owners, shards + "*", where.gateway_keys),
            *_keys("~", shards + k.INDEX, shards + k.INDEX_IDS, where.segments),
            *_may(CONNECTION, LOOKING, *map(_looking, OF_GATEWAYS)), layout,
            _apart(commands_of("segments"), f"~{where.segments}"), _apart(AUDIT, f"~{where.audit}"),
            _apart(commands_of("find"), f"~{shards}{k.SCRATCH}*", f"%R~{shards}q:*"),
        ),
    )  # fmt: skip
    operator = User("knownas-operator", (f"~{anything}", *_may(OPERATING), "-@dangerous", *_may(LOOKING_DEEPER)))
    return [worker, gateway, operator]


def acl_file(prefix: str = "ka:") -> str:
    """The users as an ACL file; nobody else may do anything."""
    return "".join(line + "\n" for line in ("user default off", *(user.line() for user in users(prefix))))


def commands_of(script: str) -> tuple[str, ...]:
    """The commands that a script calls."""
    source = files("knownas.adapters").joinpath(f"{script}.lua").read_text(encoding="utf-8")
    return tuple(sorted({name.lower() for name in _CALL.findall(source)}))


def _looking(script: str) -> tuple[str, ...]:
    """Those of them that only look."""
    return tuple(command for command in commands_of(script) if command in LOOKING)


def _keys(access: str, *patterns: str) -> list[str]:
    return [access + pattern for pattern in patterns]


def _may(*commands: Iterable[str]) -> list[str]:
    return [f"+{command}" for command in sorted({command for some in commands for command in some})]


def _apart(commands: Iterable[str], *patterns: str) -> str:
    """Commands that are allowed on these keys alone."""
    return f"({' '.join((*patterns, *_may(commands)))})"
