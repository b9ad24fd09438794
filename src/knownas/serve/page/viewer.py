"""Who looks at a page, and what they may do."""

from __future__ import annotations

from typing import Final, NamedTuple

from knownas.serve.keys import KeyRow, Right
from knownas.serve.page.session import Session


class Viewer(NamedTuple):
    """The holder of a key, by the key's id and name, or whoever sits at a machine where no key is asked for."""

    key: str
    name: str
    rights: tuple[Right, ...]
    session: Session | None = None

    @property
    def is_open(self) -> bool:
        """Whether no key was asked for."""
        return self.session is None

    def may(self, right: Right) -> bool:
        """Who administers has to see what."""
        return right in self.rights or (right == "read" and "admin" in self.rights)


ANYBODY: Final = Viewer("", "anybody on this machine", ("read", "admin"))


def viewer_of(row: KeyRow, session: Session) -> Viewer:
    """The holder of a key."""
    return Viewer(row.id, row.name, row.rights, session)
