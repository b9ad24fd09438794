"""A container's file system cannot be written: what runs in it never tries."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import login
from tests.pipeline.deployment import deployed

TELLS_OF_WRITES = """
import os, sys

def look(name, said):
    if name == "open" and isinstance(said[0], str) and said[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if said[0] != os.devnull:
            tell(said[0])
    if name == "os.mkdir":
        tell(said[0])

def tell(path):
    os.write(1, f"writes {path}\\n".encode())
    os._exit(70)

sys.addaudithook(look)
"""


@pytest.mark.parametrize(
    ("words", "ready"),
    [(["worker"], "worker ready"), (["serve", "--port", "0"], "gateway ready")],
    ids=["worker", "gateway"],
)
async def test_it_works_and_leaves_without_opening_a_file_to_write(
    kafka: str, redis_url: str, namespace: str, tmp_path: Path, words: list[str], ready: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLS_OF_WRITES)
    async with deployed(kafka, redis_url, namespace) as deployment, deployment.worker():
        environment = deployment.environment() | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "knownas", *words, env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            said = (await process.stdout.readline()).decode()
            assert said.startswith(ready), said
            await deployment.send(login("d-1", email="a@x.ie"))
            await deployment.settled()
        finally:
            process.send_signal(signal.SIGTERM)
            rest, _ = await process.communicate()
        assert process.returncode == 0, rest.decode()


def test_a_file_that_is_opened_to_write_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLS_OF_WRITES)
    ended = subprocess.run(
        [sys.executable, "-c", "open('written', 'w')"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (70, "writes written\n")
