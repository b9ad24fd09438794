"""Whether a request can only have been sent on this machine: where no key is asked for, nobody else is let in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from knownas.doors import Asked

_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_local(asked: Asked, origins: Collection[str] = ()) -> bool:
    """Whether nobody but a program here can have sent this: a page in a browser here says where it comes from.

    Pages of this gateway may do everything, those of `origins` what is meant for pages.
    """
    if _host_of("//" + asked.headers.get("host", "")) not in _LOCAL_HOSTS:
        return False
    page = asked.headers.get("origin") or _origin_of(asked.headers.get("referer"))
    if page is None:
        return asked.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    if page == f"http://{asked.headers.get('host')}":
        return True
    return "*" in origins or page in origins


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _origin_of(url: str | None) -> str | None:
    """The origin of a page's address; of one that is none, what no origin is."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else None
