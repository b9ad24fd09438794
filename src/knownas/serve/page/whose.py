"""Who is meant by a kind and a text that somebody typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from knownas.nouns import PROPERTY_OF_KIND, Profile
from knownas.serve.faults import Fault
from knownas.serve.whom import Whom

PROFILE_ID: Final = re.compile(r"[0-9a-f]{32}")
DEVICE: Final = "device"
ID: Final = "profile"


class Unknown(NamedTuple):
    """Nobody is meant; why, in words."""

    why: str


class Choice(NamedTuple):
    """A kind to choose: what is sent, how it reads."""

    kind: str
    words: str


_WORDS: Final = {"identity": "own id (identity)", "email": "email", "phone": "phone", "facebook": "Facebook id",
                 "google": "Google id"}  # fmt: skip


class Whose:
    """Looks people up."""

    def __init__(self, whom: Whom, kinds: Sequence[str]) -> None:
        self._whom, self._kinds = whom, tuple(kinds)

    def choices(self) -> list[Choice]:
        """What people can be looked up by: declared kinds, and those that could be declared."""
        kinds = [Choice(kind, _WORDS.get(kind, kind)) for kind in self._kinds]
        others = [
            Choice(kind, f"{_WORDS[kind]} (not declared)") for kind in PROPERTY_OF_KIND if kind not in self._kinds
        ]
        return [Choice("", "anything"), *kinds, Choice(DEVICE, "device"), Choice(ID, "profile id"), *others]

    async def find(self, kind: str, text: str) -> Profile | Unknown:
        """Who it is. `email:ann@x.ie` names its kind itself, where none is chosen."""
        said = text.strip()
        if not said:
            return Unknown("Write who is looked for.")
        if not kind:
            named, colon, rest = said.partition(":")
            if colon and named in (*self._kinds, *PROPERTY_OF_KIND, DEVICE):
                kind, said = named, rest.strip()
        if not kind:
            return await self._anything(said)
        if kind not in (*self._kinds, DEVICE, ID):
            return Unknown(self._undeclared(kind))
        try:
            return await self._by(kind, said)
        except Fault as fault:
            return Unknown(f"“{said}”: {fault.text}.")

    async def _anything(self, text: str) -> Profile | Unknown:
        kinds = (*self._kinds, DEVICE)
        for kind in (ID, *kinds) if PROFILE_ID.fullmatch(text) else kinds:
            with suppress(Fault):
                return await self._by(kind, text)
        return Unknown(f"Nobody is known as “{text}”: not by {', '.join(self._kinds)}, device or profile id.")

    async def _by(self, kind: str, text: str) -> Profile:
        return await self._whom.profile(text if kind == ID else await self._whom.id_of(kind, text))

    def _undeclared(self, kind: str) -> str:
        how = f"KNOWNAS_IDENTITY_KINDS={','.join(self._kinds)},{kind if kind.isidentifier() else 'kind'}"
        return (
            f"“{kind}” is not declared as an identity here, so nobody is found by it. To declare it, start with {how} "
            "(in the order in which they win; fixed at a store's first use). As a property it can be asked for below."
        )
