"""Forms as they come, and whether a page of this gateway sent them. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from knownas.doors import Asked
from knownas.serve.faults import Fault

TOKEN: Final = "token"  # noqa: S105 (the name of a field)
"""The field of a form that holds the session's token."""
MOST_FIELDS: Final = 1_000


def must_be_ours(asked: Asked) -> None:
    """A `Fault` where a form was sent from anywhere but a page of this gateway."""
    site = asked.headers.get("sec-fetch-site")
    ours = site == "same-origin" if site is not None else _netloc(asked.headers.get("origin")) == _host(asked)
    if not ours:
        raise Fault(403, "from_elsewhere", "This was sent from a page of another site, and is not done.")


def _netloc(origin: str | None) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() if origin else None
    except ValueError:
        return None


def _host(asked: Asked) -> str:
    return asked.headers.get("host", "").lower()


def form_of(asked: Asked) -> tuple[tuple[str, str], ...]:
    """The fields of a form, in order."""
    try:
        text = asked.body.decode()
        return tuple(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Fault(400, "bad_form", "This is no form of this page.") from None


def inside(path: str) -> str:
    """A path of this gateway to go on to, whatever a request asked for."""
    plain = path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
