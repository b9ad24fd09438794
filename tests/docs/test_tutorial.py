"""The tutorial, walked as a newcomer does: in an empty folder, all that it says typed and shown; and then the snippets
in Python against what came of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from knownas.settings import LOCAL
from tests.docs.blocks import ROOT, Block, blocks

pytestmark = pytest.mark.services

WALK: Final = [block for block in blocks(ROOT / "docs/tutorial.md") if not block.word or block.word == "wrong"]
SNIPPETS: Final = {
    block.word: block
    for name in ("produce", "bootstrap-a-consumer", "consume-changes")
    for block in blocks(ROOT / f"docs/how-to/{name}.md")
    if block.language == "python"
}
IN_MILLISECONDS: Final = SNIPPETS["produce"].text.replace('"id": "order-17"', '"ts": 1763700000000')
MENDING: Final = next(
    block.text for block in blocks(ROOT / "docs/how-to/repair-and-resend.md") if "mended.jsonl" in block.text
)
"""How a time in milliseconds is mended."""
PATIENCE_SECONDS: Final = 60
LOOK_SECONDS: Final = 0.2
CHANGES: Final = re.compile(r"knownas send|keys create|segments put")
"""Who types this does something, and does it once; all else is looked at again until it shows what it is to show."""
KEEP: Final = 'declare -p | grep -E "^declare -- [A-Z]=" > .variables; exit $status'


class Folder:
    """The newcomer's empty folder, and the two terminals."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("KNOWNAS_")}
        self.environment = outside | {"PATH": f"{Path(sys.executable).parent}:{outside['PATH']}"}
        self.up: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """`knownas up` in the first terminal, until it is ready."""
        command = ["knownas", "up", "--port", str(self.port)]
        self.up = subprocess.Popen(
            command, cwd=self.path, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.up.stdout is not None
        said = []
        for line in self.up.stdout:
            said.append(line)
            if line.startswith("gateway ready"):
                return
        raise AssertionError("".join(said))

    def stop(self) -> int:
        """Ctrl-C in the first terminal."""
        assert self.up is not None
        self.up.send_signal(signal.SIGINT)
        self.up.communicate(timeout=PATIENCE_SECONDS)
        return self.up.returncode

    def type(self, text: str) -> str:
        """What is shown for what is typed in the second terminal."""
        shell = text.replace("127.0.0.1:8088", f"127.0.0.1:{self.port}")
        typed = f"[ -f .variables ] && . ./.variables\n{shell}\nstatus=$?; {KEEP}"
        return self._run(["bash", "-c", typed])

    def until(self, wanted: str, text: str) -> str:
        """What is shown in the end, for what one types again until it is there."""
        shown = self.type(text)
        patient_until = time.monotonic() + (0 if CHANGES.search(text) else PATIENCE_SECONDS)
        while not is_shown(wanted, shown) and time.monotonic() < patient_until:
            time.sleep(LOOK_SECONDS)  # what is waited for lies in another process
            shown = self.type(text)
        return shown

    def run(self, snippet: Block) -> str:
        """What a snippet in Python prints."""
        found = re.search(r"^KNOWNAS_KAFKA=(.*)$", (self.path / LOCAL).read_text(), re.MULTILINE)
        assert found is not None
        return self._run([sys.executable, "-c", snippet.text], KAFKA=shlex.split(found[1])[0])

    def _run(self, command: list[str], **more: str) -> str:
        done = subprocess.run(
            command, cwd=self.path, env=self.environment | more, text=True, timeout=PATIENCE_SECONDS, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An empty folder in which everything runs."""
    folder = Folder(tmp_path)
    try:
        folder.start()
        yield folder
    finally:
        if folder.up is not None and folder.up.poll() is None:
            folder.up.kill()
            folder.up.communicate()


def is_shown(wanted: str, shown: str) -> bool:
    """Whether these lines are there in this order; `...` is anything."""
    lines = [r"\s+".join(map(re.escape, line.split())).replace(re.escape("..."), ".*") for line in wanted.splitlines()]
    return re.search("^.*" + r".*$(?:\n.*)*?^.*".join(lines), shown, re.MULTILINE) is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing; install it: apt-get install curl")
def test_the_tutorial_shows_what_it_says_and_the_snippets_work_on_what_came_of_it(folder: Folder) -> None:
    for typed, wanted in pairs(WALK):
        shown = folder.until(wanted, typed.text)
        assert is_shown(wanted, shown), f"{typed}\n{shown}"
    folder.run(SNIPPETS["produce"])
    assert "Charged" in folder.until("Charged ...", "knownas profile device:dee-phone")
    folder.run(SNIPPETS["produce"]._replace(text=IN_MILLISECONDS))
    assert "future_ts" in folder.until("...future_ts...", "knownas rejected list --json")
    folder.type(MENDING.replace("--edit mended.jsonl\n", "--edit mended.jsonl --yes\n"))  # nobody is there to say yes
    assert is_shown("Charged  2 ...", folder.until("Charged  2 ...", "knownas profile device:dee-phone"))
    assert folder.run(SNIPPETS["bootstrap"]) == "4 people, 1 former guests\n"
    assert folder.run(SNIPPETS["follow"]).count(" enters buyers\n") == 2
    assert folder.stop() == 0


def pairs(walk: list[Block]) -> Iterator[tuple[Block, str]]:
    """What is typed, with what is to be shown then."""
    for block, following in zip(walk, [*walk[1:], None], strict=True):
        if block.language == "sh":
            yield block, following.text if following is not None and following.language == "output" else ""


@pytest.mark.parametrize(
    ("wanted", "shown", "there"),
    [
        ("Ann  customer ...", "x\nAnn  customer  7895\n", True),
        ("a ...\nc", "a 1\nb\nc\n", True),
        ("c\na ...", "a 1\nb\nc\n", False),
        ("3 of 3", "2 of 3\n", False),
    ],
)
def test_what_is_to_be_shown_is_found_in_its_order(wanted: str, shown: str, there: bool) -> None:
    assert is_shown(wanted, shown) is there
