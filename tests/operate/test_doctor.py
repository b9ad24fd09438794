"""What the doctor says of what it sees: each wrong setting is named, with what it means and what to type."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from knownas.adapters.kafka_cluster import Brokers, Topic
from knownas.adapters.log_dirs import Disk
from knownas.operate.findings import Finding, is_to_be_done
from knownas.operate.judge_kafka import KafkaSeen, judge_kafka
from knownas.operate.judge_store import StoreSeen, judge_store
from knownas.operate.judge_work import WorkSeen, judge_names, judge_work

GIB = 1024**3
INFO = {
    "valkey_version": "9.0.0", "redis_version": "7.2.4", "role": "master", "aof_enabled": "1", "used_memory": "10",
    "maxmemory": "100", "aof_last_write_status": "ok", "maxmemory_policy": "noeviction",
}  # fmt: skip
CONFIG = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
STORE = StoreSeen(INFO, CONFIG, 0.0, 20, 0)

ENOUGH = {"retention.ms": "1000", "message.timestamp.type": "CreateTime"}
TOPIC = Topic(8, 3, ENOUGH | {"min.insync.replicas": "2"})
KAFKA = KafkaSeen(
    Brokers(3, "4.0", [Disk(1, "/data", 100 * GIB, 80 * GIB, broken=False)]),
    {"t": TOPIC},
    {"t": {"config": ENOUGH}},
    [],
)

DEALT = {"worker-1": [("events", 0)], "worker-2": [("resolved", 0)]}
QUIET = {("events", 0): 0, ("resolved", 0): 0}
WORK = WorkSeen(False, [], DEALT, QUIET, (), 3.0, 0, 1)


def to_do(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """What an operator must act on, by what it is about and how bad."""
    return [(finding.about, finding.state) for finding in findings if is_to_be_done(finding)]


def store(info: dict[str, str] | None = None, config: dict[str, str] | None = None, clock: float = 0.0) -> StoreSeen:
    """A store that differs in these."""
    return StoreSeen(INFO | (info or {}), CONFIG | (config or {}), clock, 20, 0)


def topic(**config: str) -> KafkaSeen:
    """A topic whose settings differ in these, `_` for a dot."""
    differing = {name.replace("_", "."): value for name, value in config.items()}
    return KAFKA._replace(topics={"t": TOPIC._replace(config={**TOPIC.config, **differing})})


def test_of_a_set_up_that_is_as_it_should_be_nothing_is_to_be_done() -> None:
    assert to_do([*judge_store(STORE), *judge_kafka(KAFKA), *judge_work(WORK)]) == []


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (store({"valkey_version": "7.0.1"}), [("store version", "wrong")]),
        (store({"valkey_version": ""}), []),
        (store({"valkey_version": "", "redis_version": "6.2.1"}), [("store version", "wrong")]),
        (store({"role": "slave"}), [("store role", "wrong")]),
        (store({"connected_slaves": "1"}), [("store role", "warning")]),
        (store({"connected_slaves": "1"})._replace(waits_for=1), []),
        (store()._replace(waits_for=1), [("store role", "wrong")]),
        (store(config={"appendonly": "no"}), [("store persistence", "wrong")]),
        (store(config={"appendfsync": "everysec"}), [("store persistence", "wrong")]),
        (StoreSeen({**INFO, "aof_enabled": "0"}, None, 0, 1, 0), [("store persistence", "wrong")]),
        (store({"aof_last_write_status": "err"}), [("store disk", "wrong")]),
        (store(config={"maxmemory-policy": "allkeys-lru"}), [("store eviction", "wrong")]),
        (StoreSeen({**INFO, "maxmemory_policy": "volatile-ttl"}, None, 0, 1, 0), [("store eviction", "wrong")]),
        (store({"used_memory": "80"}), [("store memory", "warning")]),
        (store({"used_memory": "95"}), [("store memory", "wrong")]),
        (store({"maxmemory": "0", "total_system_memory": "11"}), [("store memory", "wrong")]),
        (store(clock=-60.0), [("clock", "warning")]),
    ],
    ids=[
        "an old Valkey", "a new Redis", "an old Redis", "a replica", "replicas that nobody waits for",
        "replicas that are waited for", "replicas that are waited for and away",
        "no append-only file", "not synced always",
        "no append-only file, where CONFIG is not allowed", "a full disk", "it evicts",
        "it evicts, where CONFIG is not allowed", "nearly full", "full", "no limit and the machine is full",
        "a clock that is wrong",
    ],
)  # fmt: skip
def test_what_is_wrong_about_a_store_is_found(seen: StoreSeen, found: list[tuple[str, str]]) -> None:
    assert to_do(judge_store(seen)) == found


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (topic(retention_ms="999"), [("retention", "wrong")]),
        (topic(retention_ms="-1"), []),
        (topic(retention_ms="2000"), []),
        (topic(message_timestamp_type="LogAppendTime"), [("retention", "wrong")]),
        (topic(max_message_bytes="1000"), [("retention", "wrong")]),
        (topic(min_insync_replicas="1"), [("copies", "warning")]),
        (KAFKA._replace(topics={"t": TOPIC._replace(replication=1)}), [("copies", "warning")]),
        (KAFKA._replace(brokers=Brokers(3, None, [])), [("Kafka", "wrong")]),
        (KAFKA._replace(brokers=Brokers(3, "4.0", [Disk(1, "/", 100, 20, broken=False)])), [("Kafka disk", "warning")]),
        (KAFKA._replace(brokers=Brokers(3, "4.0", [Disk(1, "/", 100, 5, broken=False)])), [("Kafka disk", "wrong")]),
        (KAFKA._replace(brokers=Brokers(3, "4.0", [Disk(1, "/", 100, 90, broken=True)])), [("Kafka disk", "wrong")]),
        (KAFKA._replace(gap="resolved keeps 3 days"), [("rebuilding", "warning")]),
        (KAFKA._replace(problems=["Kafka has no topic t: run `knownas topics create`"]), [("topics", "wrong")]),
    ],
    ids=[
        "kept too short", "kept for ever", "kept longer", "another kind of time", "too small a message",
        "one broker may acknowledge alone", "one copy on three brokers", "an old Kafka", "little disk is left",
        "no disk is left", "a broken disk", "a rebuild would lack something", "a topic is missing",
    ],
)  # fmt: skip
def test_what_is_wrong_about_kafka_is_found(seen: KafkaSeen, found: list[tuple[str, str]]) -> None:
    assert to_do(judge_kafka(seen)) == found


BEHIND = {("events", 0): 5, ("resolved", 0): 0}


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (WORK._replace(workers={}), []),
        (WORK._replace(workers={}, lag=BEHIND), [("workers", "wrong")]),
        (WORK._replace(lag=BEHIND), [("stuck partitions", "wrong")]),
        (WORK._replace(lag=BEHIND, moved={("events", 0)}), []),
        (WORK._replace(workers={"w": [("events", 0)]}), [("unread partitions", "warning")]),
        (WORK._replace(lag={**QUIET, ("events", 0): 10**6}, moved={("events", 0)}), [("lag", "warning")]),
        (WORK._replace(problems=["KNOWNAS_GROUP is not what it was: set it"]), [("settings", "wrong")]),
    ],
    ids=[
        "no worker and nothing to do", "no worker and something to do", "a partition that does not move",
        "a partition that moves", "a partition that nobody reads", "far behind", "settings that do not fit",
    ],
)  # fmt: skip
def test_what_is_wrong_about_the_work_is_found(seen: WorkSeen, found: list[tuple[str, str]]) -> None:
    assert to_do(judge_work(seen)) == found


def test_what_is_to_be_done_says_what_it_means_and_what_to_type() -> None:
    ill = [
        *judge_store(StoreSeen({"role": "slave", "used_memory": "9", "maxmemory": "9"}, {}, 99.0, 1, 1)),
        *judge_kafka(KAFKA._replace(problems=["it is wrong: run this"], topics={"t": Topic(1, 1, {})})),
        *judge_work(WORK._replace(problems=["it is wrong: set that"], workers={}, lag=BEHIND)),
    ]
    found = [finding for finding in ill if is_to_be_done(finding)]
    assert len(found) >= 10
    assert all(finding.means and finding.do for finding in found)


@pytest.mark.parametrize(
    ("unread", "state", "said"),
    [
        ({"KNOWNAS_REDSI": "KNOWNAS_REDIS"}, "warning", "KNOWNAS_REDSI (is KNOWNAS_REDIS meant?)"),
        ({"KNOWNAS_X": ""}, "note", "KNOWNAS_X"),
    ],
)
def test_variables_that_no_setting_reads_are_told(unread: dict[str, str], state: str, said: str) -> None:
    (finding,) = judge_names(unread)
    assert (finding.state, finding.said) == (state, said)
    assert judge_names({}) == []
