"""What is right and wrong about the work: does the deployment fit its store, who works, what waits, what is stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from knownas.operate.findings import Finding, fine, note, warning, wrong
from knownas.stages.ports import Partition

LAGGING: Final = 100_000
"""So many records behind is worth a word: at the least of measured throughputs, some seconds of a worker."""


class WorkSeen(NamedTuple):
    """`problems`: how the settings do not fit what the store was made with. `workers`: the partitions that each member
    of the group has. `lag`: records that are not done, by partition, at the later of two looks; `moved`: partitions
    whose position moved in between; `seconds`: the time in between. `waiting`: outbox elements that are not published.
    `keys`: how many callers' keys there are."""

    is_new: bool
    problems: list[str]
    workers: Mapping[str, Collection[Partition]]
    lag: Mapping[Partition, int]
    moved: Collection[Partition]
    seconds: float
    waiting: int
    keys: int


def judge_names(unread: Mapping[str, str]) -> list[Finding]:
    """Misspelt settings: nothing reads them."""
    if not unread:
        return []
    said = ", ".join(f"{name} (is {meant} meant?)" if meant else name for name, meant in unread.items())
    means = "they look like settings, and no setting has such a name: nothing reads them"
    if any(unread.values()):
        return [warning("names of settings", said, means, "spell them as docs/reference/settings.md does")]
    return [note("names of settings", said, means)]


def judge_work(seen: WorkSeen) -> Iterator[Finding]:
    """Everything about the work."""
    if seen.is_new:
        yield note("store contents", "nothing is stored yet", "workers begin at the start of the topics")
    for problem in seen.problems:
        said, _, do = problem.partition(": ")
        yield wrong("settings", said, "no worker starts", do)
    if not seen.is_new and not seen.problems:
        yield fine("settings", "they are those that the store was made with")
    yield _workers(seen)
    yield from _unread(seen)
    yield from _stuck(seen)
    yield from _lag(seen)
    yield _keys(seen.keys)


def _workers(seen: WorkSeen) -> Finding:
    if seen.workers:
        dealt = ", ".join(str(len(partitions)) for partitions in seen.workers.values())
        return fine("workers", f"{len(seen.workers)}, with {dealt} partitions")
    said = "none runs"
    if not any(seen.lag.values()):
        return note("workers", said, "what arrives will wait")
    return wrong("workers", said, f"{sum(seen.lag.values()):,} records wait", "start some: knownas worker")


def _unread(seen: WorkSeen) -> Iterator[Finding]:
    dealt = {partition for partitions in seen.workers.values() for partition in partitions}
    left = [partition for partition in seen.lag if partition not in dealt]
    if seen.workers and left:
        topics = ", ".join(sorted({topic for topic, _ in left}))
        yield warning(
            "unread partitions", f"{len(left)} of {topics}",
            "nobody has them: the group is being dealt anew, or all workers are for the other stage",
            "look again in a minute; start knownas worker, or one more --only resolve or --only materialize",
        )  # fmt: skip


def _stuck(seen: WorkSeen) -> Iterator[Finding]:
    dealt = {partition for partitions in seen.workers.values() for partition in partitions}
    stuck = [partition for partition, lag in seen.lag.items() if lag and partition in dealt - set(seen.moved)]
    if stuck:
        names = ", ".join(f"{topic}[{number}]" for topic, number in sorted(stuck))
        yield wrong(
            "stuck partitions", f"{names}: behind, and not moved in {seen.seconds:g} s",
            "their worker waits for something, hangs, or was killed a moment ago; what is not named here goes on",
            "ask the workers: curl HOST:PORT/health says what they wait for. One that says nothing: restart it. What a "
            "killed one had is dealt anew after KNOWNAS_SESSION_TIMEOUT_MS: look again",
        )  # fmt: skip
    elif seen.workers:
        yield fine("stuck partitions", "none")


def _lag(seen: WorkSeen) -> Iterator[Finding]:
    by_topic: Counter[str] = Counter()
    for (topic, _), lag in seen.lag.items():
        by_topic[topic] += lag
    total = by_topic.total()
    said = ", ".join(f"{topic} {lag:,}" for topic, lag in by_topic.items()) or "nothing"
    if total < LAGGING:
        yield fine("lag", f"records not done yet: {said}; commits not published: {seen.waiting:,}")
        return
    yield warning(
        "lag", f"records not done yet: {said}", "profiles are behind what happened",
        "if it does not shrink, start more workers (up to the number of partitions); RUNBOOK.md, KnownasLagging",
    )  # fmt: skip


def _keys(keys: int) -> Finding:
    if keys:
        return fine("callers' keys", str(keys))
    return note("callers' keys", "none", "the gateway lets nobody in until `knownas keys create`")
