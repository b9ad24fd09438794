"""The two stages as Faust agents."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from knownas.adapters.faust_poll import PollApp, PollSettings
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.settings import Settings
from knownas.stages.hold import Hold
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.resolve import Resolve
from knownas.topics import Layout

COMMIT_SECONDS = 2.0
"""How often the group's offsets, which only lag metrics read, follow the positions."""


class _Adapter:
    """The stages' keeper in Faust's terms: named tuples for partitions."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def take(self, tps: set[TP]) -> dict[TP, Hold]:
        """Take these partitions anew."""
        return {TP(*tp): hold for tp, hold in (await self._keeper.take(tps)).items()}

    async def drop(self, tps: set[TP]) -> None:
        """Give these partitions up."""
        await self._keeper.drop(tps)


def make_app(settings: Settings, layout: Layout, keeper: Keeper, resolve: Resolve, materialize: Materialize) -> PollApp:
    """A worker's Faust app: it reads the three topics, the stages do the rest."""
    poll = PollSettings(
        min_bytes=settings.poll_min_bytes,
        max_wait_ms=settings.poll_max_wait_ms,
        max_records=settings.poll_max_records,
    )
    timeout = settings.session_timeout_ms / 1000
    app = PollApp(
        settings.group,
        keeper=_Adapter(keeper),
        poll=poll,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
        broker_session_timeout=timeout,
        broker_heartbeat_interval=timeout / 6,
        broker_commit_interval=COMMIT_SECONDS,
    )

    async def resolve_polls(stream: Any) -> None:
        async for chunks in stream:
            await resolve.poll(list(chunks.values()))

    async def materialize_polls(stream: Any) -> None:
        async for chunks in stream:
            await materialize.poll(list(chunks.values()))

    app.agent(app.polls(layout.name(EVENTS), layout.name(UPDATES)), name="resolve")(resolve_polls)
    app.agent(app.polls(layout.name(RESOLVED)), name="materialize")(materialize_polls)

    async def retake(tps: Any) -> None:
        await app.poller.retake(TP(*tp) for tp in tps)

    keeper.retake = retake
    return app


async def crash_of(app: PollApp) -> BaseException:
    """Wait until the app crashes; what crashed it."""
    await app._crashed.wait()
    return app.crash_reason or RuntimeError("the worker ended without a reason")
