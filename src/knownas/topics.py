"""The names of topics, and the number of their partitions, as one deployment has them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Only = Literal["resolve", "materialize"]
"""The one stage that a worker may be for."""


class Layout(NamedTuple):
    """What is fixed when the topics are made: partitions of `events`, `updates`, `ledger` and `rejected`, and of
    `resolved`, `profile-changed`, `segment-changed` and `snapshots` (the shards). `prefix` is the setting
    `topic_prefix`."""

    prefix: str
    partitions: int
    shards: int

    def name(self, short: str) -> str:
        """A topic's full name."""
        return self.prefix + short

    def short(self, name: str) -> str:
        """A topic's short name, as stored and as the code speaks of it."""
        return name.removeprefix(self.prefix)
