"""Time zones by their IANA names, from the packaged database: the same on every machine, whatever it has itself."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

UTC: Final = "UTC"


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1_000)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None where the name is none."""
    if name not in _known():
        return None
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
