"""The two stages as Faust agents."""

from __future__ import annotations

import os
import socket
from typing import Any

import faust
from aiokafka.errors import BrokerResponseError, kafka_errors
from faust.types import TP

from knownas.adapters.faust_poll import PollApp, PollSettings
from knownas.adapters.kafka_access import KafkaAccess, access
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.settings import Settings
from knownas.stages.hold import Hold
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.resolve import Resolve
from knownas.topics import Layout, Only


class FencedInstance(BrokerResponseError):  # type: ignore[misc]
    """The name of this worker in its group is another's now."""

    errno = 82


kafka_errors.setdefault(FencedInstance.errno, FencedInstance)  # aiokafka has no word for this answer
FENCED = FencedInstance.__name__
"""What an error says, in whatever words aiokafka wraps it, when two workers have the same name."""

HEARTBEAT_SECONDS = 0.5
"""A worker hears at a heartbeat that partitions are dealt anew, and those that heard stand still until all have."""

REBALANCE_SECONDS = 15.0
"""How long those wait for one that does not come, say a named one that is just being started. Longer than stages may
take to finish what they hold."""

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


def make_app(
    settings: Settings,
    layout: Layout,
    keeper: Keeper,
    resolve: Resolve,
    materialize: Materialize,
    only: Only | None = None,
) -> PollApp:
    """A worker's Faust app: it reads the three topics, or those of one stage, the stages do the rest."""
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
        broker_heartbeat_interval=min(timeout / 6, HEARTBEAT_SECONDS),
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_client_id=settings.stable_name() or f"{socket.gethostname()}-{os.getpid()}",
        broker_commit_interval=COMMIT_SECONDS,
        **_kept_under(settings.stable_name()),
        **_let_in(access(settings)),
    )

    async def resolve_polls(stream: Any) -> None:
        async for chunks in stream:
            await resolve.poll(list(chunks.values()))

    async def materialize_polls(stream: Any) -> None:
        async for chunks in stream:
            await materialize.poll(list(chunks.values()))

    if only != "materialize":
        app.agent(app.polls(layout.name(EVENTS), layout.name(UPDATES)), name="resolve")(resolve_polls)
    if only != "resolve":
        app.agent(app.polls(layout.name(RESOLVED)), name="materialize")(materialize_polls)

    async def retake(tps: Any) -> None:
        await app.poller.retake(TP(*tp) for tp in tps)

    keeper.retake = retake
    return app


def _kept_under(name: str | None) -> dict[str, Any]:
    """Options of a worker that has a name of its own: Kafka keeps its partitions while it restarts. It is also the
    address by which Faust knows a member again, wherever it runs."""
    return {} if name is None else {"consumer_group_instance_id": name, "canonical_url": f"http://{name}"}


def _let_in(kafka: KafkaAccess) -> dict[str, Any]:
    """Options of a worker that Kafka wants TLS or a password from."""
    if kafka.login is not None:
        username, password = kafka.login
        return {
            "broker_credentials": faust.SASLCredentials(
                username=username, password=password, ssl_context=kafka.tls, mechanism=kafka.mechanism
            )
        }
    return {} if kafka.tls is None else {"broker_credentials": faust.SSLCredentials(kafka.tls)}


async def crash_of(app: PollApp) -> BaseException:
    """Wait until the app crashes; what crashed it."""
    await app._crashed.wait()
    return app.crash_reason or RuntimeError("the worker ended without a reason")
