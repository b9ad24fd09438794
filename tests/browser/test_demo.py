"""The demo in Chromium, as somebody meets it who has only typed `make demo`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import Machine
from tests.browser.looking import beyond, picture, serious

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.services]

PATIENCE_SECONDS: Final = 240
FIGURES: Final = "document.querySelector('#figures').textContent"


@asynccontextmanager
async def demo(folder: Path, **environment: str) -> AsyncIterator[asyncio.StreamReader]:
    """A demo that is running: what it says. It is ended as one ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "knownas", "demo", "--events", "2000", cwd=folder, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def said(out: asyncio.StreamReader, what: str) -> str:
    """Its next line that holds something."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in out:
            if what in line.decode():
                return line.decode()
    raise AssertionError(f"the demo ended without {what!r}")


async def test_the_demo_prints_a_page_that_moves_and_says_what_to_try(
    machine: Machine, chromium: Chromium, kafka: str, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    environment = {
        "KNOWNAS_KAFKA": kafka, "KNOWNAS_REDIS": redis_url, "KNOWNAS_TOPIC_PREFIX": f"{namespace}.",
        "KNOWNAS_REDIS_PREFIX": f"{namespace}:", "KNOWNAS_GROUP": namespace,
    }  # fmt: skip
    async with demo(tmp_path, **environment) as out:
        url = (await said(out, "the page: ")).split()[2]
        who = await chromium.visitor(uuid.uuid4().hex)
        await said(out, "the shop stays open")
        await who.visit(url)
        assert await who.run("document.body.textContent.includes('No key is asked for')")
        before = await who.run(FIGURES)
        await who.until(f"{FIGURES} !== {before!r}")
        await picture(who, "demo")
        assert await serious(who, machine.packages) == []
        assert await beyond(who) == []
        tries = await who.run("[...document.querySelectorAll('.guide a')].map((link) => link.href)")
        await who.visit(tries[0])
        await who.until("document.querySelectorAll('#lines .gray').length === 4")
        await who.visit(tries[1])
        await who.until(
            "document.querySelector('.story').textContent.includes('Another person logged in on the device')"
        )
        await who.visit(tries[2])
        await who.until("document.querySelector('h1').textContent === 'bought-today'")
        assert await who.said() == []
        await chromium.forget()
