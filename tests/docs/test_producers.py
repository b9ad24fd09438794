"""The snippets for those who produce, compiled and run: each record is where murmur2 puts its key, and is taken in.

Skipped, with the reason, where a language or its Kafka client is not to be had.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
import pytest

from knownas.embedded.jars import default_cache_dir, install_kafka
from knownas.embedded.progress import silent
from knownas.nouns import EVENTS, murmur2
from tests.browser.packages import MissingError, installed, program
from tests.docs.blocks import ROOT, blocks
from tests.docs.test_snippets import check_record
from tests.pipeline.deployment import deployed

HERE: Final = Path(__file__).parent / "producers"
SNIPPETS: Final = {block.language: block.text for block in blocks(ROOT / "docs/how-to/produce.md")}
PATIENCE_SECONDS: Final = 240
PARTITIONS: Final = 32
"""So many that a record is hardly in the right one by chance."""

JAVA: Final = """import java.util.Properties;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;
public class Produce { public static void main(String[] arguments) throws Exception { %s } }
"""
GO: Final = """package main
import ("context"; "log"; "github.com/twmb/franz-go/pkg/kgo")
func main() {
%s}
"""


def python(text: str, folder: Path) -> None:
    """confluent-kafka, which the tests have."""
    run(folder, sys.executable, "-c", text)


def java(text: str, folder: Path) -> None:
    """kafka-clients, of the jars that the embedded Kafka is made of."""
    compiler, machine = (
        program("javac", package="default-jdk-headless"),
        program("java", package="default-jre-headless"),
    )
    jars = str(install_kafka(default_cache_dir(), silent).folder / "jars" / "*")
    (folder / "Produce.java").write_text(JAVA % text)
    run(folder, compiler, "-cp", jars, "Produce.java")
    run(folder, machine, "-cp", f"{jars}{os.pathsep}.", "Produce")


def go(text: str, folder: Path) -> None:
    """franz-go, in the version of go.mod, checked against go.sum."""
    found = program("go", package="golang")
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / name, folder / name)
    (folder / "main.go").write_text(GO % text)
    if run(folder, found, "mod", "download", check=False):
        raise MissingError("franz-go cannot be downloaded")
    run(folder, found, "run", "-mod=readonly", ".")


def js(text: str, folder: Path) -> None:
    """kafkajs, in the version of package.json."""
    found = program("node", package="nodejs")
    (folder / "produce.cjs").write_text(text)
    run(folder, found, "produce.cjs", NODE_PATH=str(installed(HERE) / "node_modules"))


RUN: Final[dict[str, Callable[[str, Path], None]]] = {"python": python, "java": java, "go": go, "js": js}


def run(folder: Path, *command: str, check: bool = True, **more: str) -> int:
    """Let a program run to its end."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | more,
        text=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.returncode


@pytest.mark.parametrize("language", RUN)
async def test_what_a_snippet_sends_is_in_its_partition_and_taken_in(
    kafka: str, redis_url: str, namespace: str, tmp_path: Path, language: str
) -> None:
    async with deployed(kafka, redis_url, namespace, partitions=PARTITIONS) as deployment:
        topic = deployment.layout.name(EVENTS)
        text = SNIPPETS[language].replace("127.0.0.1:9092", kafka).replace("knownas.events", topic)
        try:
            await asyncio.to_thread(RUN[language], text, tmp_path)
        except MissingError as missing:
            pytest.skip(str(missing))
        (record,) = [one async for one in deployment.world.log.read(topic)]
    assert record.partition == murmur2(record.key) % PARTITIONS
    check_record(orjson.loads(record.value))


def test_every_language_has_its_snippet_run() -> None:
    assert set(RUN) == set(SNIPPETS) - {"sh"}


def test_the_snippet_that_begins_a_trace_runs(tmp_path: Path) -> None:
    (snippet,) = blocks(ROOT / "docs/how-to/trace.md")[1:]
    run(tmp_path, sys.executable, "-c", snippet.text)
