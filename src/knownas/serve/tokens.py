"""Tokens: what a site's server says to let a page read back a person.

A page's write key proves nothing about its visitor, so by itself a device is shown only what it has set. A site whose
server has checked who somebody is may say so: it signs a token that names an identity of theirs, and hands it to
the page. While the device of that page speaks for the profile that owns the identity, the SDK reads it back.

A token is a JSON Web Token (RFC 7519) signed with HS256, which every language has a library for, or thirty lines:

| claim    |                                                                                                           |
|----------|-----------------------------------------------------------------------------------------------------------|
| `sub`    | the identity, as `kind:value`                                                                             |
| `exp`    | until when, in seconds since 1970: not further ahead than the setting allows                              |
| `device` | optional: the only device (GUID) that may use it                                                          |

The keys are the setting `http_token_keys`: the first signs here, all are accepted, so one can be changed for another
without a gap. They are for nothing else; the deployment's secret is not given to sites. Whoever holds a token and a
write key can read that one person until it expires, so tokens live for minutes.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

LONGEST: Final = 2_000
"""Characters of a token; a longer one is not looked at."""

Refused = Literal["not_ours", "expired", "too_long_lived"]


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says; other claims are ignored."""

    sub: str
    exp: float
    device: str | None = None


class _Head(msgspec.Struct, frozen=True):
    alg: str
    typ: str = "JWT"


_encode: Final = msgspec.json.Encoder().encode
_read_head: Final = msgspec.json.Decoder(_Head).decode
_read_claims: Final = msgspec.json.Decoder(Claims).decode


class Tokens:
    """Signs tokens and reads them; without keys every token is refused."""

    def __init__(self, keys: Sequence[str], longest_seconds: int) -> None:
        self._keys, self._longest_seconds = tuple(key.encode() for key in keys), longest_seconds

    def sign(self, claims: Claims) -> str:
        """A token that says so."""
        said = f"{_packed(_encode(_Head('HS256')))}.{_packed(_encode(claims))}"
        return f"{said}.{_packed(_mark(self._keys[0], said))}"

    def read(self, token: str, now_ms: int) -> Claims | Refused:
        """What a token says if it is one of ours and its time has not passed, else why not."""
        claims = self._signed(token)
        if claims is None:
            return "not_ours"
        left = claims.exp - now_ms / 1000
        if left <= 0:
            return "expired"
        return claims if left <= self._longest_seconds else "too_long_lived"

    def _signed(self, token: str) -> Claims | None:
        said, _, mark = token.rpartition(".")
        head, _, claims = said.partition(".")
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            # The algorithm is ours to choose, not the token's: any other is none.
            if _read_head(_unpacked(head)).alg != "HS256" or not self._is_marked(said, _unpacked(mark)):
                return None
            return _read_claims(_unpacked(claims))
        except (binascii.Error, ValueError, RecursionError):
            return None

    def _is_marked(self, said: str, mark: bytes) -> bool:
        return any(hmac.compare_digest(_mark(key, said), mark) for key in self._keys)


def _mark(key: bytes, said: str) -> bytes:
    return hmac.digest(key, said.encode(), "sha256")


def _packed(said: bytes) -> str:
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
