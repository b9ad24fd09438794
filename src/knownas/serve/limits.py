"""How much one caller, and all together, may ask at once: more is 429 with the seconds after which to come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from knownas.serve.faults import Fault

BURST_SECONDS: Final = 2.0
"""A caller that was quiet may come with this many seconds' worth of requests at once."""
REMEMBERED: Final = 10_000
Weigh = Callable[[int], None]
"""Told the size of a part of a body; a `Fault` where all bodies in work weigh too much."""


@dataclass(slots=True)
class _Caller:
    at_once: int = 0
    allowance: float = 0.0
    seen: float = field(default=-1e9)


class Limits:
    """Counts requests in work, of everybody and of each caller (a key, or nobody). Told the time, it never asks."""

    def __init__(self, at_once: int, caller_at_once: int, caller_rate: int, bytes_at_once: int) -> None:
        self._most, self._most_of_caller, self._rate = at_once, caller_at_once, caller_rate
        self._most_bytes = bytes_at_once
        self._at_once = self._bytes = 0
        self._callers: dict[str, _Caller] = {}

    @property
    def at_once(self) -> int:
        """Requests in work."""
        return self._at_once

    @contextmanager
    def anybody(self) -> Iterator[None]:
        """A place among all requests, taken before anything of the request is read."""
        if self._at_once >= self._most:
            raise too_many("the gateway is busy", 1)
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1

    @contextmanager
    def bodies(self) -> Iterator[Weigh]:
        """A scale for a body as it comes; what was weighed counts until the request is answered."""
        mine = 0

        def weigh(size: int) -> None:
            nonlocal mine
            if self._bytes + size > self._most_bytes:
                raise too_many("too much is being sent at once", 1)
            self._bytes += size
            mine += size

        try:
            yield weigh
        finally:
            self._bytes -= mine

    @contextmanager
    def caller(self, name: str, now: float) -> Iterator[None]:
        """A place among one caller's requests; `now` is in seconds of a clock that never goes back."""
        caller = self._callers.get(name) or self._new(name)
        self._take_allowance(caller, now)
        if caller.at_once >= self._most_of_caller:
            raise too_many(f"more than {self._most_of_caller} requests at once with this key", 1)
        caller.at_once += 1
        try:
            yield
        finally:
            caller.at_once -= 1

    def _take_allowance(self, caller: _Caller, now: float) -> None:
        if not self._rate:
            return
        most = self._rate * BURST_SECONDS
        caller.allowance = min(most, caller.allowance + (now - caller.seen) * self._rate)
        caller.seen = now
        if caller.allowance < 1:
            raise too_many(f"more than {self._rate} requests a second with this key", 1)
        caller.allowance -= 1

    def _new(self, name: str) -> _Caller:
        if len(self._callers) >= REMEMBERED:
            self._callers = {name: caller for name, caller in self._callers.items() if caller.at_once}
        caller = self._callers[name] = _Caller()
        return caller


def too_many(text: str, seconds: int) -> Fault:
    """Come back later."""
    return Fault(429, "too_many_requests", text, {"Retry-After": str(seconds)})
