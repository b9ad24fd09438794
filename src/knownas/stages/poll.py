"""What both stages do around a poll: keep its partitions to themselves, wait for the world, hand back what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

from knownas.stages.hold import Hold
from knownas.stages.patience import Patience
from knownas.stages.ports import Meter, Refusal


class Held(Protocol):
    """A chunk on its way through a stage."""

    @property
    def hold(self) -> Hold:
        """Under which it was fetched."""


def count_each(meter: Meter, what: str, values: Iterable[str], *labels: str) -> None:
    """Count values, each under its own label: once a value that there is, however often it comes."""
    for value, amount in Counter(values).items():
        meter.count(what, amount, *labels, value)


W = TypeVar("W", bound=Held)


async def carry(
    works: Sequence[W], attempt: Callable[[list[W]], Awaitable[None]], patience: Patience, refused: Refusal
) -> None:
    """Run `attempt` with the works whose holds are alive until it is done or none is; then tell which holds were lost.

    The idle look leaves these partitions alone meanwhile.
    """
    async with AsyncExitStack() as stack:
        for work in works:
            await stack.enter_async_context(work.hold.busy)

        async def once() -> None:
            await attempt([work for work in works if work.hold.alive])

        await patience.until_done(once, lambda: any(work.hold.alive for work in works))
    lost = [work.hold for work in works if not work.hold.alive]
    if lost:
        await refused(lost)
