"""Worker processes that meet their fates, and what became of them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

from knownas.adapters import keys as k
from knownas.adapters.redis import Command
from knownas.operate.settle import backlog
from knownas.operate.verify import Report
from tests.faults.records import IDLE_BEFORE
from tests.faults.worker import Fate
from tests.pipeline.deployment import Deployment

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 120
"""Whatever takes longer hangs, on a machine that has much else to do too; what is waited for is always an event. Two
such waits are within the time of a test."""

NEVER_SECONDS = 86_400


class Sailor:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process, fates: Sequence[Fate], errors: Path) -> None:
        self.process, self.fates, self.errors = process, fates, errors
        self.met: list[str] = []
        self.health_port = 0
        self._news = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode().strip()
            async with self._news:
                if line.startswith("at "):
                    self.met.append(line.removeprefix("at "))
                elif line.startswith("worker ready"):
                    self.health_port = int(line.rpartition(" ")[2].rpartition(":")[2].removesuffix("/health"))
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def ready(self) -> Self:
        """Wait until it works; or until it is dead, if its fate came first."""
        await self._until(lambda: self.health_port > 0)
        return self

    async def at(self, number: int) -> str:
        """Wait until so many fates are met; the gap of the last."""
        await self._until(lambda: len(self.met) >= number)
        return self.met[number - 1]

    async def _until(self, come: Any) -> None:
        try:
            async with self._news, asyncio.timeout(WAIT_SECONDS):
                await self._news.wait_for(lambda: come() or self._listening.done() or self._ended())
        except TimeoutError:
            raise AssertionError(f"waits for {self.fates[len(self.met) :][:1]}: {self.last_words()}") from None
        if not come() and not self.met:
            raise AssertionError(f"the worker ended with {self.process.returncode}: {self.last_words()}")

    def _ended(self) -> bool:
        return self.process.stdout is not None and self.process.stdout.at_eof()

    async def ended(self) -> int:
        """Wait for its end; its exit status."""
        async with asyncio.timeout(WAIT_SECONDS):
            status = await self.process.wait()
            await self._listening
        return status

    async def health(self) -> dict[str, Any]:
        """What its health page says."""

        def ask() -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/health", timeout=5) as answer:
                return json.load(answer)

        found: dict[str, Any] = await asyncio.to_thread(ask)
        return found

    async def partitions(self) -> set[str]:
        """What it holds; nothing while it is not ready."""
        with suppress(OSError):
            return set((await self.health())["partitions"])
        return set()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still is."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def go_on(self) -> None:
        """Let it go on where its fate made it wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()

    async def leave(self) -> None:
        """Have it end in order."""
        self.signal(signal.SIGTERM)
        assert await self.ended() == 0, self.last_words()

    def last_words(self) -> str:
        """The end of what it logged."""
        return self.errors.read_text()[-3_000:]


class Crew:
    """The workers of one deployment."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment, self._folder = deployment, folder
        self._link = deployment.world.link()
        self.sailors: list[Sailor] = []

    async def start(self, *fates: Fate, module: str = "tests.faults.worker", ticks: bool = True) -> Sailor:
        """Start a worker with these fates, without waiting for it."""
        errors = self._folder / f"worker-{len(self.sailors)}.log"
        with errors.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *(["worker"] if module == "knownas" else map(str, fates)),
                env=self.deployment.environment() | self._clock(ticks),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        sailor = Sailor(process, fates, errors)
        self.sailors.append(sailor)
        return sailor

    def _clock(self, ticks: bool) -> dict[str, str]:
        settings = self.deployment.settings
        return {
            "KNOWNAS_TICK_SECONDS": str(settings.tick_seconds if ticks else NEVER_SECONDS),
            "KNOWNAS_IDLE_GUEST_DAYS": str(settings.idle_guest_days),
        }

    async def verify(self) -> Report:
        """What `knownas verify` finds when everything is done. A tick between two of its looks would be a difference,
        so whoever ticks leaves before; a last tick that they left is folded by somebody who does not."""
        await self.settled()
        if self.deployment.settings.idle_guest_days:
            await self._leave()
        return await self.deployment.verify()

    async def _leave(self) -> None:
        deployment = self.deployment
        alive = [sailor for sailor in self.sailors if sailor.process.returncode is None]
        await asyncio.gather(*(sailor.ready() for sailor in alive))
        await asyncio.gather(*(sailor.leave() for sailor in alive))
        if await backlog(deployment.world.log, deployment.reader, deployment.layout):
            await self.start(ticks=False)
            async with asyncio.timeout(WAIT_SECONDS):
                await deployment.settled()

    async def settled(self) -> None:
        """Wait until everything is done and the guests of long ago are gone; a worker that is gone or stuck must not
        make a test wait for ever."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.deployment.settled()
            while self.deployment.settings.idle_guest_days and await self._idle_guests():
                await asyncio.sleep(0.05)
            await self.deployment.settled()

    async def _idle_guests(self) -> bool:
        """Whether a shard has guests that are to go, or has not yet looked for them."""
        world, shards = self.deployment.world, range(self.deployment.layout.shards)
        asked: list[Command] = []
        for prefix in map(world.keys.shard, shards):
            asked += [("HEXISTS", prefix + k.AT, "indexed"), ("ZCOUNT", prefix + k.IDLE, "-inf", IDLE_BEFORE)]
        answers = await self._link.run(asked)
        return not all(answers[::2]) or any(answers[1::2])

    def kills(self) -> Counter[str]:
        """How many were killed at each gap."""
        return Counter(
            sailor.met[-1]
            for sailor in self.sailors
            if sailor.process.returncode == -signal.SIGKILL and sailor.fates and len(sailor.met) == len(sailor.fates)
        )

    async def close(self) -> None:
        """End whoever is left."""
        for sailor in self.sailors:
            if sailor.process.returncode is None:
                sailor.signal(signal.SIGKILL)
                await sailor.ended()


@asynccontextmanager
async def crew_of(deployment: Deployment, folder: Path) -> AsyncIterator[Crew]:
    """A crew that is gone in the end."""
    crew = Crew(deployment, folder)
    try:
        yield crew
    finally:
        await crew.close()
