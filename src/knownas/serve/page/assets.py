"""Static files: read and packed once at the start, under addresses that name their content, so kept for ever."""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from knownas.doors import Answer, Asked
from knownas.serve.faults import not_found

MEDIA: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
WHERE: Final = "/static/"
_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


class Asset(NamedTuple):
    """A file as it is sent, plain and packed."""

    media: str
    plain: bytes
    packed: bytes


class Assets:
    """All static files of the page."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._held: dict[str, Asset] = {}
        for file in files(__package__).joinpath("static").iterdir():
            stem, _, kind = file.name.rpartition(".")
            if kind in MEDIA:
                body = file.read_bytes()
                address = f"{stem}.{hashlib.blake2b(body, digest_size=6).hexdigest()}.{kind}"
                self._named[file.name] = WHERE + address
                self._held[address] = Asset(MEDIA[kind], body, gzip.compress(body, 9, mtime=0))

    def url(self, name: str) -> str:
        """Where a file is."""
        return self._named[name]

    async def send(self, asked: Asked) -> Answer:
        """`GET /static/{name}`"""
        asset = self._held.get(asked.inside["name"])
        if asset is None:
            raise not_found("no_such_file", "there is no such file, or it was replaced by a newer one")
        if takes_gzip(asked):
            headers = {**_FOREVER, "Content-Type": asset.media, "Content-Encoding": "gzip"}
            return Answer(200, headers, asset.packed)
        return Answer(200, {**_FOREVER, "Content-Type": asset.media}, asset.plain)


def takes_gzip(asked: Asked) -> bool:
    """Whether an answer may be packed."""
    said = [part.partition(";") for part in asked.headers.get("accept-encoding", "").lower().split(",")]
    return any(name.strip() == "gzip" and more.replace(" ", "") not in ("q=0", "q=0.0") for name, _, more in said)
