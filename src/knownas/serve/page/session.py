"""Who is signed in: a cookie that says whose key was shown and when, sealed with the deployment's secret.

It holds no key. Whoever reads it can look until it ends, so it is short-lived, and renewed while it is used; a day
after signing in one signs in again whatever one does. It names the row of a key (its id and when it was made), and is
looked up with every request: when the key is revoked the session is over, on every gateway, within `keys.LOOK_SECONDS`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

COOKIE: Final = "knownas_session"
IDLE_SECONDS: Final = 30 * 60
RENEWED_AFTER_SECONDS: Final = 5 * 60
LONGEST_SECONDS: Final = 24 * 3600
LONGEST_TEXT: Final = 300

Seal = Callable[[str, str], str]
"""The deployment's keyed hash of a word and a text."""


class Session(NamedTuple):
    """A session. `nonce` tells it from others of the same key; `began`, `seen` and `created` (of the key) are seconds
    since 1970."""

    key: str
    created: int
    nonce: str
    began: int
    seen: int


class Sessions:
    """Writes sessions and reads them."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def begin(self, key: str, created: int, now: int) -> Session:
        """A new session for the holder of a key."""
        return Session(key, created, secrets.token_hex(16), now, now)

    def write(self, session: Session) -> str:
        """The cookie's text."""
        said = ".".join(map(str, session))
        return f"{said}.{self._seal('page session', said)}"

    def read(self, text: str, now: int) -> Session | None:
        """The session that a cookie says, if it is one of ours and not over."""
        said, _, seal = text.rpartition(".")
        if len(text) > LONGEST_TEXT or not text.isascii() or not said:
            return None
        if not hmac.compare_digest(self._seal("page session", said), seal):
            return None
        key, created, nonce, began, seen = said.split(".")
        session = Session(key, int(created), nonce, int(began), int(seen))
        alive = now - session.seen < IDLE_SECONDS and now - session.began < LONGEST_SECONDS
        return session if alive else None

    def form_token(self, session: Session) -> str:
        """What every form of a session carries: pages of other origins cannot know it."""
        return self._seal("page form", session.nonce)

    def is_form_token(self, session: Session, text: str) -> bool:
        """Whether a form is one of this session's."""
        return text.isascii() and hmac.compare_digest(self.form_token(session), text)


def cookie_in(header: str) -> str:
    """The session's text in a `Cookie` header; empty where there is none."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def set_cookie(text: str, *, secure: bool) -> str:
    """A `Set-Cookie` header; without a text the cookie goes."""
    kept = IDLE_SECONDS if text else 0
    return f"{COOKIE}={text}; Path=/; Max-Age={kept}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"
