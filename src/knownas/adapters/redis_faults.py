"""What an error of the store means: for most of them one waits, some say that the set-up is wrong."""

from __future__ import annotations

import ssl
from typing import Final

from redis import exceptions
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from knownas.errors import CannotStart, WorldFault

_PASSING: Final[dict[type[Exception], str]] = {
    exceptions.ReadOnlyError: "is read-only, so it is a replica: point KNOWNAS_REDIS at the primary. Nothing is lost, "
    "this goes on when it takes writes",
    exceptions.OutOfMemoryError: "is full: raise its maxmemory (and leave maxmemory-policy at noeviction). Nothing is "
    "lost, this goes on when there is room",
    exceptions.MovedError: "has moved slots to other nodes: starting over",
    exceptions.AskError: "is moving slots to other nodes: starting over",
    exceptions.BusyLoadingError: "is reading its data from disk",
    exceptions.ClusterDownError: "is a cluster with slots that no node serves: look at `cluster info` there",
    exceptions.MasterDownError: "is a replica without its primary",
    exceptions.NoScriptError: "forgot our scripts: starting over",
    exceptions.TryAgainError: "is moving slots to other nodes: starting over",
}
"""Errors of the store that pass without us, by class where the client knows them (it strips the code then)."""

_PASSING_CODES: Final[dict[str, str]] = {
    "BUSY": "is busy with a script",
    "OOM": _PASSING[exceptions.OutOfMemoryError],
    "MISCONF": "cannot write to its disk, so it takes no writes: make room there. Nothing is lost",
    "NOREPLICAS": "has too few replicas to take writes",
}
"""The same by their first word."""


def fault(error: Exception, shown: str) -> Exception:
    """What to raise instead of an error of the client; `shown` is where the store is."""
    if isinstance(error, AuthenticationError):
        return CannotStart(
            f"the store at {shown} refuses our name or password ({error}): check KNOWNAS_REDIS, KNOWNAS_REDIS_USERNAME "
            "and KNOWNAS_REDIS_PASSWORD"
        )
    if isinstance(error, NoPermissionError):
        return CannotStart(
            f"the store at {shown} does not let our user do that ({error}): give it the rights of deploy/knownas.acl"
        )
    if (wrong := _wrong_certificate(error)) is not None:
        return CannotStart(
            f"no TLS with the store at {shown} ({wrong}): check KNOWNAS_REDIS_CA_FILE, _CERT_FILE and _KEY_FILE, and "
            "that the host in KNOWNAS_REDIS is one that its certificate names"
        )
    for kind, what in _PASSING.items():
        if isinstance(error, kind):
            return WorldFault(f"the store at {shown} {what}")
    if isinstance(error, ResponseError):
        said = str(error).removeprefix("ERR ")
        meaning = next((what for code, what in _PASSING_CODES.items() if said.startswith(code)), None)
        return error if meaning is None else WorldFault(f"the store at {shown} {meaning}")
    if isinstance(error, OSError | exceptions.ConnectionError | exceptions.TimeoutError):
        return WorldFault(f"the store does not answer at {shown}")
    return WorldFault(f"the store at {shown}: {str(error) or type(error).__name__}")


def _wrong_certificate(error: BaseException | None) -> str | None:
    """What is wrong with a certificate, somewhere in the chain of what led to an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, ssl.SSLError) and error.reason:
            return error.reason.replace("_", " ").lower()
        error = error.__cause__ or error.__context__
    return None
