"""What is right and wrong about a store, by what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from knownas.operate.findings import Finding, fine, note, warning, wrong

REDIS_LEAST: Final = (7, 0)
VALKEY_LEAST: Final = (7, 2)
FULL_WARNING: Final = 0.75
FULL_WRONG: Final = 0.9
CLOCK_SECONDS: Final = 2.0
"""Ages and windows are read off this machine's clock, records carry others': so far apart nobody notices."""
MIB: Final = 1024 * 1024


class StoreSeen(NamedTuple):
    """What a store says: `INFO` by name, the settings that it lets us read (None: it does not), by how many seconds its
    clock is ahead of ours, how many of the keys that were looked at by chance are not ours, and for how many replicas
    workers wait before they send anything."""

    info: Mapping[str, str]
    config: Mapping[str, str] | None
    clock_ahead_seconds: float
    keys_seen: int
    keys_of_others: int
    waits_for: int = 0


def judge_store(seen: StoreSeen) -> Iterator[Finding]:
    """Everything about the store, in the order in which it matters."""
    yield _version(seen.info)
    yield _role(seen)
    yield from _durable(seen)
    yield _writes(seen.info)
    yield _eviction(seen)
    yield _memory(seen.info)
    yield _clock(seen.clock_ahead_seconds)
    yield _alone(seen)


def _version(info: Mapping[str, str]) -> Finding:
    valkey = info.get("valkey_version")
    name, text, least = (
        ("Valkey", valkey, VALKEY_LEAST) if valkey else ("Redis", info.get("redis_version", "0"), REDIS_LEAST)
    )
    found = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    if found >= least:
        return fine("store version", f"{name} {text}")
    return wrong(
        "store version", f"{name} {text}", "the scripts use commands that it does not have",
        "install Redis 7.0 (7.2 with replicas) or Valkey 7.2, or later",
    )  # fmt: skip


def _role(seen: StoreSeen) -> Finding:
    replicas = int(seen.info.get("connected_slaves", "0"))
    if seen.info.get("role", "master") != "master":
        return wrong(
            "store role", "a replica", "it takes no writes: workers wait", "point KNOWNAS_REDIS to the primary"
        )
    if replicas < seen.waits_for:
        return wrong(
            "store role", f"primary with {replicas} replicas; workers wait for {seen.waits_for}",
            "nothing is sent until so many have what was written", "start the replicas, or lower "
            "KNOWNAS_REDIS_WAIT_REPLICAS",
        )  # fmt: skip
    if replicas and not seen.waits_for:
        return warning(
            "store role", f"primary with {replicas} replicas; workers do not wait for them",
            "a failover loses what had not reached the replica; workers would notice and stop until it is repaired",
            "KNOWNAS_REDIS_WAIT_REPLICAS=1, if a replica is ever to take over",
        )  # fmt: skip
    return fine("store role", f"primary, {replicas} replicas" if replicas else "primary, alone")


def _durable(seen: StoreSeen) -> Iterator[Finding]:
    config = seen.config or {}
    appends = config.get("appendonly", "yes" if seen.info.get("aof_enabled") == "1" else "no")
    if appends != "yes":
        yield wrong(
            "store persistence", "appendonly is no",
            "a restart of the store loses what it acknowledged; workers would notice and stop until it is rebuilt",
            "CONFIG SET appendonly yes, and the same in its configuration file",
        )  # fmt: skip
    elif seen.config is None:
        yield note("store persistence", "appendonly yes; appendfsync is not known, CONFIG GET is not allowed")
    elif (sync := config.get("appendfsync", "everysec")) != "always":
        yield wrong(
            "store persistence", f"appendfsync is {sync}",
            "a crash of the store's machine loses up to a second of what it acknowledged; workers would notice and "
            "stop until it is repaired",
            "CONFIG SET appendfsync always, and the same in its configuration file; it costs next to nothing here",
        )  # fmt: skip
    else:
        yield fine("store persistence", "appendonly yes, appendfsync always")


def _writes(info: Mapping[str, str]) -> Finding:
    states = {name: info.get(name, "ok") for name in ("aof_last_write_status", "aof_last_bgrewrite_status")}
    failed = [name for name, state in states.items() if state != "ok"]
    if not failed:
        return fine("store disk", "its last writes to disk went well")
    return wrong(
        "store disk", f"{', '.join(failed)}: failed", "its disk is full or broken: it refuses writes, workers wait",
        "free space where the store keeps its files (CONFIG GET dir), or move it; it goes on by itself",
    )  # fmt: skip


def _eviction(seen: StoreSeen) -> Finding:
    policy = (seen.config or {}).get("maxmemory-policy", seen.info.get("maxmemory_policy", ""))
    if policy == "noeviction":
        return fine("store eviction", "noeviction")
    return wrong(
        "store eviction", f"maxmemory-policy is {policy or 'not known'}",
        "when memory is short it throws profiles, bindings and positions away",
        "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file",
    )  # fmt: skip


def _memory(info: Mapping[str, str]) -> Finding:
    used, limit = int(info.get("used_memory", "0")), int(info.get("maxmemory", "0"))
    machine = int(info.get("total_system_memory", "0"))
    most = limit or machine
    share = used / most if most else 0.0
    said = f"{used // MIB:,} of {most // MIB:,} MiB ({share:.0%})" + ("" if limit else ", no maxmemory is set")
    if share < FULL_WARNING:
        return fine("store memory", said)
    means = "full, it refuses writes and workers wait; without a limit the system kills it"
    do = (
        "give it more memory (CONFIG SET maxmemory), or less to keep: KNOWNAS_IDLE_GUEST_DAYS, KNOWNAS_TIMELINE_ENTRIES"
    )
    return (wrong if share >= FULL_WRONG else warning)("store memory", said, means, do)


def _clock(ahead_seconds: float) -> Finding:
    said = f"the store's clock is {abs(ahead_seconds):.1f} s {'ahead of' if ahead_seconds > 0 else 'behind'} ours"
    if abs(ahead_seconds) <= CLOCK_SECONDS:
        return fine("clock", said)
    return warning(
        "clock", said, "ages, time windows, keys' and tokens' ends are judged by a clock that is wrong",
        "set the clocks by NTP on both machines: timedatectl set-ntp true",
    )  # fmt: skip


def _alone(seen: StoreSeen) -> Finding:
    if not seen.keys_seen:
        return fine("store keys", "there are none yet")
    if not seen.keys_of_others:
        return fine("store keys", f"all {seen.keys_seen} keys looked at are knownas'")
    return note(
        "store keys", f"{seen.keys_of_others} of {seen.keys_seen} keys looked at are of others",
        "they share its memory and its one processor",
    )  # fmt: skip
