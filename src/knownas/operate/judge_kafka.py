"""What is right and wrong about Kafka: brokers, disks, how the topics are set up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from knownas.adapters.kafka_cluster import Brokers, Topic
from knownas.adapters.log_dirs import Disk
from knownas.operate.findings import Finding, fine, note, warning, wrong

SPARE_WARNING: Final = 0.25
SPARE_WRONG: Final = 0.1
COPIES: Final = 3
MESSAGE_BYTES: Final = 1_000_000
GIB: Final = 1024**3


class KafkaSeen(NamedTuple):
    """The brokers, the topics there are, how each should be (`topics.toml`), by full name, and what is wrong with the
    numbers of their partitions. `gap` is what a rebuild would lack, if anything."""

    brokers: Brokers
    topics: Mapping[str, Topic]
    wanted: Mapping[str, Mapping[str, Any]]
    problems: list[str]
    gap: str | None = None


def judge_kafka(seen: KafkaSeen) -> Iterator[Finding]:
    """Everything about Kafka."""
    yield _version(seen.brokers)
    yield from map(_disk, seen.brokers.disks)
    if not seen.brokers.disks:
        yield note("Kafka disk", "not known: the brokers are older than Kafka 3.3, or do not let us ask")
    yield from _partitions(seen)
    yield from _configs(seen)
    if seen.gap is not None:
        yield warning(
            "rebuilding", seen.gap, "if the store's data were lost, `knownas rebuild` could not bring all of it back",
            "raise retention.ms of resolved (kafka-configs.sh --alter), or lower KNOWNAS_SNAPSHOT_DAYS",
        )  # fmt: skip
    yield from _copies(seen)


def _version(brokers: Brokers) -> Finding:
    if brokers.version is not None:
        return fine("Kafka", f"{_so_many(brokers)}, Kafka {brokers.version} or later")
    return wrong(
        "Kafka", "older than Kafka 2.3", "transactions and static members are not what they should be",
        "install Kafka 3.3 or later",
    )  # fmt: skip


def _so_many(brokers: Brokers) -> str:
    return "1 broker" if brokers.number == 1 else f"{brokers.number} brokers"


def _disk(disk: Disk) -> Finding:
    where = f"broker {disk.broker}, {disk.folder}"
    if disk.broken:
        return wrong("Kafka disk", f"{where}: broken", "its logs are offline", "look into that broker's log")
    if disk.total <= 0:
        return note("Kafka disk", f"{where}: not known")
    spare = disk.usable / disk.total
    said = f"{where}: {disk.usable / GIB:,.1f} of {disk.total / GIB:,.1f} GiB are free ({spare:.0%})"
    if spare >= SPARE_WARNING:
        return fine("Kafka disk", said)
    means = "when it is full the broker stops, and with it everything"
    do = "give it more disk, or keep less: retention.ms of resolved (`kafka-configs --alter`), as topics.toml allows"
    return (wrong if spare < SPARE_WRONG else warning)("Kafka disk", said, means, do)


def _partitions(seen: KafkaSeen) -> Iterator[Finding]:
    for problem in seen.problems:
        said, _, do = problem.partition(": run ")
        yield wrong("topics", said, "no worker starts", f"run {do}" if do else problem.rpartition(". ")[2])
    if not seen.problems:
        counts = Counter(topic.partitions for topic in seen.topics.values())
        said = ", ".join(f"{topics} of {partitions} partitions" for partitions, topics in sorted(counts.items()))
        yield fine("topics", f"all are there: {said}")


def _configs(seen: KafkaSeen) -> Iterator[Finding]:
    differs = False
    for name, topic in seen.topics.items():
        for key, value in seen.wanted[name].get("config", {}).items():
            if not _is_enough(key, topic.config.get(key), value):
                differs = True
                yield _config(name, key, topic.config.get(key), value)
        largest = int(topic.config.get("max.message.bytes", MESSAGE_BYTES))
        if largest < MESSAGE_BYTES:
            differs = True
            yield _config(name, "max.message.bytes", str(largest), str(MESSAGE_BYTES))
    if seen.topics and not differs:
        yield fine("retention", "every topic is kept as topics.toml says, or longer")


def _is_enough(key: str, found: str | None, wanted: str) -> bool:
    if key in ("retention.ms", "retention.bytes"):
        return found is not None and _kept(found) >= _kept(wanted)
    if key == "max.compaction.lag.ms":  # longer is late, no more
        return True
    return found == wanted


def _kept(value: str) -> float:
    return float("inf") if int(value) < 0 else int(value)


_MEANS: Final = {
    "retention.ms": "records go before they are sure to have been read, or before a rebuild can have them",
    "retention.bytes": "records go by size, before they are sure to have been read",
    "cleanup.policy": "what is kept is not what its readers rely on",
    "message.timestamp.type": "records that are sent late, with an old time, would go unread",
    "max.message.bytes": "a large profile's change could not be sent, and its shard would wait for ever",
}


def _config(name: str, key: str, found: str | None, wanted: str) -> Finding:
    return wrong(
        "retention", f"{name}: {key} is {found}, should be {wanted}", _MEANS.get(key, "it is not as topics.toml says"),
        f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {key}={wanted}",
    )  # fmt: skip


def _copies(seen: KafkaSeen) -> Iterator[Finding]:
    least = min((topic.replication for topic in seen.topics.values()), default=0)
    if not least:
        return
    if seen.brokers.number < COPIES:
        yield note("copies", f"{least}, on {_so_many(seen.brokers)}", "what a broker's disk loses is lost")
    elif least < COPIES:
        thin = ", ".join(name for name, topic in seen.topics.items() if topic.replication < COPIES)
        yield warning(
            "copies", f"fewer than {COPIES} copies of {thin}", "the loss of a broker's disk loses records",
            "kafka-reassign-partitions.sh; for new topics `knownas topics create --replication 3`",
        )  # fmt: skip
    else:
        yield from _in_sync(seen)


def _in_sync(seen: KafkaSeen) -> Iterator[Finding]:
    alone = [name for name, topic in seen.topics.items() if topic.config.get("min.insync.replicas") == "1"]
    if not alone:
        yield fine("copies", f"{COPIES} of every topic, and at least two have what is acknowledged")
        return
    yield warning(
        "copies", f"min.insync.replicas is 1 for {', '.join(alone)}",
        "what one broker alone has acknowledged is lost with it",
        "kafka-configs.sh --alter --entity-type topics --entity-name TOPIC --add-config min.insync.replicas=2",
    )  # fmt: skip
