"""Every command of the documents is one, every snippet is of its language, every name is there, every link leads on."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from cyclopts import MissingArgumentError
from tools.contract.http import described
from tools.contract.metrics_page import metrics
from tools.contract.topics import topics

from knownas.cli import app
from knownas.doors.clevertap import read_upload
from knownas.find.line import from_line
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, take_in
from knownas.settings import Settings
from tests.docs.blocks import DOCS, README, ROOT, Block, blocks, commands, here_documents
from tests.doors.asking import asked

NOW_MS: Final = 1_763_700_000_000
BLOCKS: Final = [block for path in DOCS for block in blocks(path)]
SHELL: Final = [block for block in BLOCKS if block.language == "sh"]
PLAIN: Final = {".", "cat", "cd", "echo", "export", "mkdir", "sed"}
"""Programs that every machine has."""
PATHS: Final = described()["paths"]
TARGETS: Final = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def inline() -> Iterator[tuple[str, str]]:
    """Commands in the running text of the documents, by where they stand."""
    for path in [*DOCS, README, ROOT / "deploy/RUNBOOK.md", ROOT / "deploy/SECURITY.md"]:
        for found in re.findall(r"`(knownas [a-z][^`…]*)`", path.read_text().replace("\n", " ")):
            yield path.name, found


def test_there_is_something_to_look_at() -> None:
    assert len(SHELL) > 20
    assert {block.language for block in BLOCKS} == {"sh", "output", "python", "java", "go", "js"}


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_command_of_a_block_can_be_typed(block: Block) -> None:
    for command in commands(block.text):
        check(command)


@pytest.mark.parametrize(("file", "line"), [pytest.param(*one, id=": ".join(one)) for one in sorted(set(inline()))])
def test_every_command_in_the_text_can_be_typed(file: str, line: str) -> None:
    for command in commands(re.sub(r"\b[NM]\b", "8", line)):
        try:
            check(command)
        except MissingArgumentError:  # whoever speaks of a command need not say all of it
            assert not any(word.startswith("-") for word in command), line


@pytest.mark.parametrize("line", re.findall(r"^    ((?:knownas|make|curl|W=).*)$", README.read_text(), re.MULTILINE))
def test_every_command_of_the_readme_can_be_typed(line: str) -> None:
    typed, *_ = re.split(r"\s{2,}", line)  # what follows says what it is for
    first, *others = re.split(r" \| (?=[a-z]+ NAME)", typed)
    for command in [*commands(first), *(["knownas", "segments", *shlex.split(other)] for other in others)]:
        check(command)


def check(command: list[str]) -> None:
    """Let whoever would run a command read it."""
    program, *words = command
    if program == "knownas":
        called, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        assert called is not None
        check_query(str(bound.arguments.get("query", "")))
    elif program == "make":
        assert set(words) <= TARGETS, command
    elif program == "curl":
        check_call(words)
    else:
        assert program in PLAIN, command


def check_query(text: str) -> None:
    """A query can be read. Who is meant by kind:value is no query, nor is a word that stands for one."""
    if text and not text.isupper() and not re.fullmatch(r"\w+:\S+", text):
        from_line(text)


def check_call(words: list[str]) -> None:
    """A call of the gateway: there is the path, with the method; a body is JSON, its records are taken in."""
    address = next(word for word in words if word.startswith("127.0.0.1:8088"))
    path = address.removeprefix("127.0.0.1:8088").partition("?")[0]
    called = next(route for route in PATHS if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path))
    assert ("post" if "-d" in words else "get") in PATHS[called]
    if "-d" in words:
        body = orjson.loads(words[words.index("-d") + 1])
        records = body["records"] if "records" in body else uploaded(path, body)
        for record in records:
            check_record(record)


def uploaded(path: str, body: object) -> list[dict[str, Any]]:
    """The records that an upload in CleverTap's form becomes, all of them."""
    reading = read_upload(asked(path, body)).reading
    assert not reading.failed
    return [taken.record for taken in reading.taken]


def check_record(record: object) -> None:
    """A record that producers are told to send is taken in."""
    taken = take_in(orjson.dumps(record), NOW_MS, IdentityRules())
    assert not isinstance(taken, Flaw), taken


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_record_of_a_block_is_taken_in_but_those_that_are_to_be_wrong(block: Block) -> None:
    echoed = re.findall(r"^echo '(\{.*\})'", block.text, re.MULTILINE)
    for line in [*here_documents(block.text), *echoed]:
        if block.word != "wrong":
            check_record(orjson.loads(line))


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=str)
def test_every_snippet_in_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing; install it: apt-get install nodejs")
@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "js"], ids=str)
def test_every_snippet_for_node_compiles(block: Block, tmp_path: Path) -> None:
    (tmp_path / "snippet.js").write_text(block.text)
    done = subprocess.run(["node", "--check", tmp_path / "snippet.js"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_name_is_there(path: Path) -> None:
    text = path.read_text()
    settings = {f"KNOWNAS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bKNOWNAS_[A-Z_]*[A-Z]\b", text)) <= settings
    assert set(re.findall(r"\bknownas\.([a-z]+(?:-[a-z]+)*)\b", text)) <= topics().keys()
    assert set(re.findall(r"`(knownas_\w+)`", text)) <= set(re.findall(r"`(knownas_\w+)`", metrics()))


@pytest.mark.parametrize("path", [*DOCS, README], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", path.read_text()):
        assert not target or target.startswith("https://") or (path.parent / target).exists(), target


def test_every_document_is_in_the_table_of_documents() -> None:
    shown = (ROOT / "docs/README.md").read_text()
    missing = [
        path.name for path in DOCS if path.name != "README.md" and f"/{path.name})" not in shown.replace("(", "(/")
    ]
    assert missing == []
