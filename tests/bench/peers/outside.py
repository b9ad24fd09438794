"""What every peer needs of the outside: addresses, names of topics and keys, and a count that the bench can read.

The bench tells a peer where to work through the environment, so that a peer is a program like any other. How far a
peer has come is kept in memory and written to the store twenty times a second from a thread of its own: that costs
all of them the same, next to nothing, and no peer pays for being watched with a call per record.
"""

from __future__ import annotations

import os
import threading
from typing import Final

import redis

EVERY_SECONDS: Final = 0.05
TIMELINE_ENTRIES: Final = 500

KAFKA: Final = os.environ.get("BENCH_KAFKA", "127.0.0.1:9092")
REDIS: Final = os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6379/0")
NAMESPACE: Final = os.environ.get("BENCH_NAMESPACE", "bench")

EVENTS: Final = f"{NAMESPACE}.events"
UPDATES: Final = f"{NAMESPACE}.updates"
RESOLVED: Final = f"{NAMESPACE}.resolved"
CHANGED: Final = f"{NAMESPACE}.profile-changed"


def device_key(device: str) -> str:
    """Where it is kept for whom a device speaks."""
    return f"{NAMESPACE}:d:{device}"


def owner_key(identity: str) -> str:
    """Where it is kept who owns an identity."""
    return f"{NAMESPACE}:o:{identity}"


def profile_key(profile: str) -> str:
    """Where a profile is kept."""
    return f"{NAMESPACE}:p:{profile}"


def timeline_key(profile: str) -> str:
    """Where a profile's timeline is kept."""
    return f"{NAMESPACE}:t:{profile}"


class Progress:
    """How many of the records that came in are dealt with: folded into a profile, or left out as bad input."""

    def __init__(self) -> None:
        self.done = 0
        threading.Thread(target=self._tell, daemon=True, name="progress").start()

    def _tell(self) -> None:
        told = -1
        waiting = threading.Event()
        with redis.Redis.from_url(REDIS) as store:
            while True:
                if told != self.done:
                    told = self.done
                    store.set(f"{NAMESPACE}:done", told)
                waiting.wait(EVERY_SECONDS)
