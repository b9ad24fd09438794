"""What a call ends with when it cannot be answered as asked: a status, a code and words that help. No traces."""

from __future__ import annotations

from collections.abc import Mapping

from knownas.errors import KnownasError


class Fault(KnownasError):
    """An answer that is not 200. `code` is for programs, the text for people."""

    def __init__(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.headers = status, code, text, dict(headers or {})


def bad_request(code: str, text: str) -> Fault:
    """The caller's mistake."""
    return Fault(400, code, text)


def not_found(code: str, text: str) -> Fault:
    """It is not there, and why."""
    return Fault(404, code, text)


def unavailable(text: str, seconds: int = 2) -> Fault:
    """Kafka or the store is away: try again later."""
    return Fault(503, "unavailable", text, {"Retry-After": str(seconds)})
