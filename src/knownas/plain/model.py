"""The model from end to end: logs and an order of their records in, everything there is to know out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from knownas.nouns import Source, shard_of
from knownas.plain.folding import Shard
from knownas.plain.reading import Logs, Setting
from knownas.plain.resolving import Decisions, Resolver

Step = tuple[str, int]
"""Take the next record of this partition."""


class Answer(NamedTuple):
    """What the system must hold and must have sent.

    Where a recorded order of messages was given: `unknown` are sources in it that stage 1 did not decide on, or that
    stand in the wrong shard; `absent` are decided messages that it lacks.
    """

    decisions: Decisions
    shards: list[Shard]
    unknown: list[Source]
    absent: list[Source]


def run(
    logs: Logs,
    setting: Setting,
    order: Iterable[Step] | None = None,
    messages: Mapping[int, Iterable[Source]] | None = None,
) -> Answer:
    """Run the whole system.

    `order` says which partition gives the next record (default: one partition after the other); `messages` says for
    each shard in which order the `resolved` topic recorded its messages (default: the order of decision).
    """
    decisions = resolve(logs, setting, order)
    if messages is None:
        messages = in_order_of_decision(decisions, setting.shards)
    shards = [Shard() for _ in range(setting.shards)]
    unknown, seen = [], set()
    for number, sources in messages.items():
        for source in sources:
            message = decisions.messages.get(source)
            if message is None or shard_of(message.resolved.profile, setting.shards) != number:
                unknown.append(source)
            elif source not in seen:
                seen.add(source)
                shards[number].take(message)
    absent = [source for source in decisions.messages if source not in seen]
    return Answer(decisions, shards, unknown, absent)


def resolve(logs: Logs, setting: Setting, order: Iterable[Step] | None = None) -> Decisions:
    """Stage 1 alone."""
    resolver = Resolver(setting)
    left = {partition: iter(records) for partition, records in logs.items()}
    for topic, partition in order if order is not None else one_after_the_other(logs):
        resolver.take(topic, partition, next(left[topic, partition]))
    return resolver.decisions


def one_after_the_other(logs: Logs) -> list[Step]:
    """The order that takes each partition as a whole."""
    return [partition for partition, records in sorted(logs.items()) for _ in records]


def in_order_of_decision(decisions: Decisions, shards: int) -> dict[int, list[Source]]:
    """The order of messages in each shard if they had been sent one record at a time."""
    orders: dict[int, list[Source]] = {shard: [] for shard in range(shards)}
    for source, message in decisions.messages.items():
        orders[shard_of(message.resolved.profile, shards)].append(source)
    return orders
