"""The garbage collector of a process that runs for long."""

from __future__ import annotations

import gc


def calm_collector() -> None:
    """What is loaded stays; and a poll makes thousands of values that reference counting takes care of by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
