"""The system's Chromium, driven by Playwright in a Node process of its own (`driver.mjs`)."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

DRIVER: Final = Path(__file__).with_name("driver.mjs")
PATIENCE_SECONDS: Final = 20
LINE_BYTES: Final = 1 << 24


class Visitor:
    """A browser of somebody's own: cookies and storage are kept from page to page, and shared with nobody."""

    def __init__(self, chromium: Chromium, who: str) -> None:
        self._chromium, self.who = chromium, who

    async def visit(self, url: str) -> None:
        """Open a page; the one before is left."""
        await self._chromium.ask("visit", who=self.who, url=url)

    async def run(self, script: str) -> Any:
        """Run a script in the page; what it comes to."""
        return await self._chromium.ask("run", who=self.who, script=script)

    async def until(self, script: str, seconds: int = PATIENCE_SECONDS) -> None:
        """Wait until a script in the page comes to something true."""
        await self._chromium.ask("until", who=self.who, script=script, milliseconds=seconds * 1000)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self._hand("press", key=key)

    async def type(self, text: str) -> None:
        """Type where the focus is."""
        await self._hand("type", text=text)

    async def click(self, selector: str) -> None:
        """Click something."""
        await self._hand("click", selector=selector)

    async def fill(self, selector: str, text: str) -> None:
        """Write into a field."""
        await self._hand("fill", selector=selector, text=text)

    async def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""
        await self._hand("choose", selector=selector, value=value)

    async def shoot(self, path: Path) -> None:
        """Keep a picture of the whole page."""
        await self._hand("shoot", path=str(path))

    async def _hand(self, does: str, **on: Any) -> None:
        await self._chromium.ask("hand", who=self.who, does=does, **on)

    async def said(self) -> list[str]:
        """What the pages wrote to the console."""
        said: list[str] = await self._chromium.ask("said", who=self.who)
        return said


class Chromium:
    """A running browser."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def visitor(self, who: str, **looks: Any) -> Visitor:
        """Somebody with a browser that has never been here; `looks` as Playwright's contexts have them."""
        await self.ask("meet", who=who, looks=looks)
        return Visitor(self, who)

    async def forget(self) -> None:
        """Close every visitor's browser."""
        await self.ask("forget")

    async def ask(self, do: str, **more: Any) -> Any:
        """Have the driver do something; what came of it."""
        assert self._process.stdin is not None
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": do, **more}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_SECONDS + 10):
            return await self._waiting[number]

    async def listen(self) -> None:
        """Take the driver's answers until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"], None)
            if waiting is None or waiting.done():
                continue
            if "error" in answer:
                waiting.set_exception(AssertionError(answer["error"]))
            else:
                waiting.set_result(answer["value"])
        for waiting in self._waiting.values():
            waiting.set_exception(AssertionError("the browser's driver ended"))


@asynccontextmanager
async def running(node: str, executable: str, packages: Path) -> AsyncIterator[Chromium]:
    """Chromium, without a window."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        node, str(DRIVER), str(packages), executable, *flags,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
    )  # fmt: skip
    chromium = Chromium(process)
    listening = asyncio.create_task(chromium.listen())
    try:
        yield chromium
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await listening
