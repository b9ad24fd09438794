"""What CleverTap's known profile fields may hold, and the code for what they may not.

An operator is looked through; null (which removes) and the empty text are never wrong: the core knows what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

_EMAIL: Final = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_PHONE: Final = re.compile(r"\+?[\d\s().-]{4,24}")
_OLDEST: Final = 150
_WITH_COUNTRY: Final = 10**10
"""The least number that has more digits than a national one."""


def flaw_of_profile(data: dict[str, Any]) -> tuple[int, str] | None:
    """CleverTap's code and words for the first field that is invalid."""
    for field, (code, valid, wanted) in _FIELDS.items():
        value = _plain(data.get(field))
        if value is not None and value != "" and not valid(value):
            return code, f"`{field}` is {wanted}"
    return None


def with_plus(data: dict[str, Any]) -> dict[str, Any]:
    """The same with a `Phone` that came as a number as text: one with a country code gets the plus that JSON took."""
    phone = data.get("Phone")
    if type(phone) is not int:
        return data
    return data | {"Phone": f"+{phone}" if phone >= _WITH_COUNTRY else str(phone)}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((operator, operand),) = value.items() if len(value) == 1 else (("", None),)
    return operand if operator in ("$set", "$setOnce") else None


def _one_of(*words: str) -> Callable[[Any], bool]:
    known = frozenset(words)
    return lambda value: (
        (str(value) if isinstance(value, bool) else value).strip().lower() in known
        if isinstance(value, str | bool)
        else False
    )


def _is_email(value: Any) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value.strip()) is not None


def _is_phone(value: Any) -> bool:
    text = str(value) if type(value) is int else value
    return isinstance(text, str) and _PHONE.fullmatch(text.strip()) is not None


def _is_age(value: Any) -> bool:
    text = value.strip() if isinstance(value, str) else None
    number = int(text) if text is not None and text.isdecimal() and len(text) <= 3 else value
    return type(number) in (int, float) and 0 <= number <= _OLDEST


_YES_NO: Final = ("y", "n", "yes", "no", "true", "false")
_FIELDS: Final[dict[str, tuple[int, Callable[[Any], bool], str]]] = {
    "Gender": (
        514,
        _one_of("m", "f", "o", "u", "male", "female", "other", "others", "unknown"),
        "M, F, Others or Unknown",
    ),
    "Email": (515, _is_email, "an e-mail address"),
    "Phone": (516, _is_phone, "a phone number with its country code"),
    "Employed": (517, _one_of(*_YES_NO), "Y or N"),
    "Education": (518, _one_of("school", "college", "graduate"), "School, College or Graduate"),
    "Married": (519, _one_of(*_YES_NO), "Y or N"),
    "Age": (520, _is_age, "a number of years"),
}
