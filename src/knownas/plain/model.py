"""The model from end to end: logs and an order of their records in, everything there is to know out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from knownas.nouns import RESOLVED, Position, Source, shard_of
from knownas.plain.folding import Shard
from knownas.plain.leaving import Told, controls_in, controls_wanted, take, tick
from knownas.plain.reading import Logs, Setting
from knownas.plain.resolving import Decisions, Message, Resolver

Step = tuple[str, int]
"""Take the next record of this partition."""


class Answer(NamedTuple):
    """What the system must hold and must have sent.

    Where a recorded order of messages was given: `unknown` are sources in it that stage 1 did not decide on and no
    shard sent, or that stand in the wrong shard; `absent` are decided or sent messages that it lacks. `unasked` are the
    origins of control records in the logs that no shard wants there, or not so; `unsent` those that are missing.
    """

    decisions: Decisions
    shards: list[Shard]
    unknown: list[Source]
    absent: list[Source]
    unasked: list[Position]
    unsent: list[Position]


def run(
    logs: Logs,
    setting: Setting,
    order: Iterable[Step] | None = None,
    messages: Mapping[int, Iterable[Told]] | None = None,
) -> Answer:
    """Run the whole system.

    `order` says which partition gives the next record (default: one partition after the other); `messages` says for
    each shard which messages the `resolved` topic recorded, in their order (default: the order of decision).
    """
    decisions = resolve(logs, setting, order)
    unknown: list[Source] = []
    absent: list[Source] = []
    if messages is None:
        shards = Delivery(setting).deliver(decisions.messages.values())
    else:
        shards, unknown, absent = _as_recorded(decisions, setting, messages)
    wanted, found = controls_wanted(shards, setting), controls_in(logs, setting)
    unasked = [origin for origin, control in found.items() if wanted.get(origin) != control]
    unsent = [origin for origin in wanted if origin not in found]
    return Answer(decisions, shards, unknown, absent, unasked, unsent)


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


def empty_shards(setting: Setting) -> list[Shard]:
    """Shards to which nothing was told yet."""
    return [Shard(setting.day_timezone, setting.region, number=number) for number in range(setting.shards)]


class Delivery:
    """Delivers messages one after the other, each with all that it causes before the next, and numbers them."""

    def __init__(self, setting: Setting) -> None:
        self.shards = empty_shards(setting)
        self.told: dict[int, list[Told]] = {number: [] for number in range(setting.shards)}

    def deliver(self, messages: Iterable[Message]) -> list[Shard]:
        """Deliver these; all shards as they are then."""
        for message in messages:
            waiting = deque([message])
            while waiting:
                waiting += self._deliver(waiting.popleft())
        return self.shards

    def _deliver(self, message: Message) -> Iterable[Message]:
        shard = self.shards[shard_of(message.resolved.profile, len(self.shards))]
        known = len(shard.sent)
        told = self.told[shard.number]
        take(shard, message, len(told))
        told.append(Told(message.resolved.source, len(told)))
        return islice(shard.sent.values(), known, None)


def _as_recorded(
    decisions: Decisions, setting: Setting, messages: Mapping[int, Iterable[Told]]
) -> tuple[list[Shard], list[Source], list[Source]]:
    """Every shard takes its messages in the order that was recorded; what another sends must have been sent before."""
    shards = empty_shards(setting)
    queues = {number: deque(told) for number, told in messages.items()}
    unknown: list[Source] = []
    seen: set[Source] = set()
    while any(queues.values()):
        taken = sum(_take_known(shards, shards[number], queue, decisions, seen) for number, queue in queues.items())
        if not taken:
            unknown.append(next(queue for queue in queues.values() if queue).popleft().source)
    sent = [source for shard in shards for source in shard.sent]
    return shards, unknown, [source for source in [*decisions.messages, *sent] if source not in seen]


def _take_known(shards: list[Shard], shard: Shard, queue: deque[Told], decisions: Decisions, seen: set[Source]) -> int:
    """Take messages as long as the next is known; how many that were."""
    taken = 0
    while queue:
        told = queue[0]
        message = _message(shards, decisions, told)
        at_home = told.tick_days is not None or (
            message is not None and shard_of(message.resolved.profile, len(shards)) == shard.number
        )
        if message is None or not at_home:
            break
        queue.popleft()
        taken += 1
        if told.source not in seen:
            seen.add(told.source)
            take(shard, message, told.offset)
    return taken


def _message(shards: list[Shard], decisions: Decisions, told: Told) -> Message | None:
    if told.tick_days is not None:
        return tick(told)
    if told.source.topic != RESOLVED:
        return decisions.messages.get(told.source)
    return shards[told.source.partition].sent.get(told.source)
