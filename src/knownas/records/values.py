"""What single values may be: placeholders, limits, numbers and property values with their operators.

Limits are those of the contract: keys up to 120 bytes, strings up to 512 bytes, lists up to 100 items, numbers that
fit into 64 bits, 32 levels of nesting.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from knownas.profile import birthday

KEY_BYTES: Final = 120
TEXT_BYTES: Final = 512
LIST_ITEMS: Final = 100
NESTING: Final = 32
REMEMBERED_CHARACTERS: Final = 128
"""Longer texts are looked at anew each time: remembering them would hold what somebody sends, not who comes back."""
OPERATORS: Final = frozenset({"$set", "$setOnce", "$add", "$remove", "$incr", "$decr", "$delete"})
SYSTEM_PROPERTIES: Final = frozenset({"age", "ct_is_test_user", "type", "reachable"})

_PLACEHOLDERS: Final = frozenset({
    "null", "none", "nan", "undefined", "true", "false", "[object object]", "anonymous", "guest", "not_authenticated",
    "unknown",
})  # fmt: skip
_ZEROS_OR_DASHES: Final = re.compile(r"[0-]*")
_HARMLESS: Final = frozenset({str, bool, float, type(None)})
"""What needs no look: a float that JSON gave is finite."""

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def is_junk(text: str) -> bool:
    """Whether a string stands for "nothing" rather than for somebody, quoted or not, in any case."""
    return _is_junk(text) if len(text) <= REMEMBERED_CHARACTERS else _looks_like_junk(text)


def _looks_like_junk(text: str) -> bool:
    bare = text.strip().strip("\"'").strip().casefold()
    return bare in _PLACEHOLDERS or _ZEROS_OR_DASHES.fullmatch(bare) is not None


_is_junk = lru_cache(maxsize=65_536)(_looks_like_junk)


def longer_than(text: str, limit_bytes: int) -> bool:
    """Whether a text takes more bytes in UTF-8; most are so short that they need not be encoded to know."""
    return len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes


def holds_huge_number(value: Any) -> bool:
    """Whether an integer in it does not fit into 64 bits: no JSON reader downstream should meet that."""
    kind = type(value)
    if kind in _HARMLESS:
        return False
    if kind is int:
        return not _INT_MIN <= value <= _INT_MAX
    items = value.values() if kind is dict else value
    return not _HARMLESS.issuperset(map(type, items)) and any(map(holds_huge_number, items))


def refusal_of_property(key: str, value: Any, at: int) -> str | None:
    """The refusal reason for a property that cannot be stored under this key, or None; `at` is the record's Kafka time
    in milliseconds."""
    refusal = _refusal_of_shape(key, value)
    if refusal is None and key in birthday.FIELDS:
        return _refusal_of_birthday(value, at)
    return refusal


def _refusal_of_birthday(value: Any, at: int) -> str | None:
    operator, operand = "$set", value
    if type(value) is dict:
        ((operator, operand),) = value.items()
    if operator == "$delete" or (operator in ("$set", "$setOnce") and operand is None):
        return None
    born = birthday.parse(operand) if operator in ("$set", "$setOnce") else None
    return None if born is not None and birthday.is_possible(born, at) else "bad_birthday"


def _refusal_of_shape(key: str, value: Any) -> str | None:
    if key in SYSTEM_PROPERTIES:
        return "system_property"
    if not key or longer_than(key, KEY_BYTES):
        return "too_long"
    if type(value) is not dict:
        return _refusal_of_plain(value)
    if len(value) != 1:
        return "bad_value"
    ((operator, operand),) = value.items()
    if operator not in OPERATORS:
        return "bad_value"
    if operator in ("$incr", "$decr"):
        return None if type(operand) in (int, float) else "not_a_number"
    if operator in ("$add", "$remove") and operand is None:
        return "bad_value"
    return None if operator == "$delete" else _refusal_of_plain(operand)


def _refusal_of_plain(value: Any) -> str | None:
    if type(value) is str:
        return "too_long" if longer_than(value, TEXT_BYTES) else None
    if type(value) is list:
        if len(value) > LIST_ITEMS:
            return "too_many_items"
        for item in value:
            if item is None or type(item) in (list, dict):
                return "bad_value"
            if type(item) is str and longer_than(item, TEXT_BYTES):
                return "too_long"
        return None
    return "bad_value" if type(value) is dict else None
