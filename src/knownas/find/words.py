"""The one-line form cut into words, each with the column it begins at."""

from __future__ import annotations

import json
import re
from typing import Final, Literal, NamedTuple

from knownas.find.wrong import WrongQuery

LINE_CHARACTERS: Final = 20_000

_PATTERN: Final = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<sign>\.\.|>=|<=|!=|[=<>(),])
    | (?P<bare>(?:(?!\.\.)[^\s"(),=<>!])+)
    )""",
    re.VERBOSE | re.DOTALL,
)

Sort = Literal["quoted", "sign", "bare", "end"]


class Word(NamedTuple):
    """One word: its sort, its text (of a quoted one what is between the quotes), its column, from 1."""

    sort: Sort
    text: str
    column: int

    def told(self) -> str:
        """The word as an error names it."""
        if self.sort == "end":
            return "the end"
        return repr(self.text if len(self.text) <= 40 else self.text[:39] + "…")


def cut(line: str) -> list[Word]:
    """The words of a line, the last of them its end."""
    if len(line) > LINE_CHARACTERS:
        raise WrongQuery(f"a query has at most {LINE_CHARACTERS} characters", column=1)
    words: list[Word] = []
    place, end = 0, len(line.rstrip())
    while place < end:
        found = _PATTERN.match(line, place)
        if found is None:
            place += len(line[place:]) - len(line[place:].lstrip())
            quote = line[place] == '"'
            problem = "this quote is not closed" if quote else f"{line[place]!r} means nothing here"
            raise WrongQuery(problem, column=place + 1, line=line)
        sort = found.lastgroup
        column = found.start(sort or 0) + 1
        if sort == "quoted":
            words.append(Word("quoted", _unquoted(found["quoted"], column, line), column))
        elif sort == "sign":
            words.append(Word("sign", found["sign"], column))
        else:
            words.append(Word("bare", found["bare"], column))
        place = found.end()
    words.append(Word("end", "", end + 1))
    return words


def _unquoted(text: str, column: int, line: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise WrongQuery(
            'in quotes a backslash stands before one of " \\ n t r b f or u0000', column=column, line=line
        ) from None
