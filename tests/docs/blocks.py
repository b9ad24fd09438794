"""The code blocks of the documents, and the commands in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = sorted((ROOT / "docs").rglob("*.md"))
README: Final = ROOT / "README.md"
_FENCED: Final = re.compile(r"^( *)```(\w+) ?(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_HEREDOC: Final = re.compile(r"<<'END'\n(.*?)^END$", re.MULTILINE | re.DOTALL)
_SEPARATES: Final = set(";|&()\n")


class Block(NamedTuple):
    """A block of a document: where it stands, its language, the word after that, its text."""

    file: str
    line: int
    language: str
    word: str
    text: str

    def __str__(self) -> str:
        """Where to look."""
        return f"{self.file}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """All fenced blocks of a document."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path.relative_to(ROOT).as_posix(), text.count("\n", 0, found.start()) + 1, found[2], found[3],
            textwrap.dedent(found[4]),
        )
        for found in _FENCED.finditer(text)
    ]  # fmt: skip


def commands(shell: str) -> Iterator[list[str]]:
    """Every command of a piece of shell, as its words; what is written to a file or read from here is left out."""
    for line in _HEREDOC.sub("<HERE", shell).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.wordchars += "$:@[],"
        command: list[str] = []
        for word in words:
            if set(word) <= _SEPARATES:
                yield from _whole(command)
                command = []
            else:
                command.append(word)
        yield from _whole(command)


def _whole(command: list[str]) -> Iterator[list[str]]:
    """A command without redirections and what it is assigned to."""
    cut = next((n for n, word in enumerate(command) if set(word) <= {"<", ">"}), len(command))
    if command[:cut] and not re.fullmatch(r"\w+=\$", command[0]):
        yield command[:cut]


def here_documents(shell: str) -> list[str]:
    """What a piece of shell writes into files, line by line."""
    return [line for found in _HEREDOC.finditer(shell) for line in found[1].splitlines()]
