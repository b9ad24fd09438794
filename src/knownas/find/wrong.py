"""A query that cannot be read: what is wrong, where, and what is allowed there."""

from __future__ import annotations

from collections.abc import Iterable

from knownas.errors import WrongInput


class WrongQuery(WrongInput):
    """`place` is a path in the JSON form (`all[1].count`), `column` counts characters of the one-line form from 1."""

    def __init__(
        self,
        problem: str,
        place: str = "",
        column: int | None = None,
        allowed: Iterable[str] = (),
        line: str | None = None,
    ) -> None:
        self.problem, self.place, self.column, self.line = problem, place, column, line
        self.allowed = tuple(allowed)
        super().__init__(self._told())

    def _told(self) -> str:
        where = f"at {self.column}" if self.column is not None else f"at {self.place or 'the root'}"
        allowed = f"; allowed here: {', '.join(self.allowed)}" if self.allowed else ""
        return f"{where}: {self.problem}{allowed}"

    def pointed(self) -> str:
        """The line with a mark under the place, for a terminal; the problem alone where there is no line."""
        if self.column is None or not self.line or not self.line.isprintable():
            return str(self)
        return f"{self.line}\n{' ' * (self.column - 1)}^ {self}"
