"""The identities of a record and the properties that may be set: what counts, in which form, and why the rest does not.

Identities are those of `identities`, then those in `profileData`, each in the declared order of kinds. E-mails are
trimmed and lower-cased, phones are E.164, other values are trimmed; a placeholder is nobody. A declared identity sets
its property too; a kind that is not declared is a property only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from knownas.nouns import PROPERTY_OF_KIND, Identity
from knownas.plain.calendar import BIRTHDAYS, birthday, may_be_born

PLACEHOLDERS = (
    "", "null", "none", "nan", "undefined", "true", "false", "[object object]", "anonymous", "guest",
    "not_authenticated", "unknown",
)  # fmt: skip
COMPUTED = ("age", "ct_is_test_user", "type", "reachable")
OPERATORS = ("$set", "$setOnce", "$add", "$remove", "$incr", "$decr", "$delete")


class Named(NamedTuple):
    """What the identities of a record come to.

    `usable` are those that count, each with the property it sets; `unusable` (kind, reason) are those that do not;
    `plain` are properties given as identities of undeclared kinds; `taken` are the keys of `profileData` that were
    read as identities.
    """

    usable: list[tuple[Identity, str | None]]
    unusable: list[tuple[str, str]]
    plain: list[tuple[str, Any]]
    taken: list[str]


def is_junk(text: str) -> bool:
    """Whether a text is a placeholder: nobody's device, nobody's identity."""
    bare = text.strip().strip("'\"").strip().casefold()
    return bare in PLACEHOLDERS or set(bare) <= {"0", "-"}


def name(
    given: dict[str, Any], properties: dict[str, Any], kinds: tuple[str, ...], region: str | None, at: int
) -> Named:
    """Read `identities` and `profileData` of a record of that Kafka time."""
    named = Named([], [], [], [])
    for kind in kinds:
        if kind in given:
            _add(named, kind, given[kind], region)
    for kind, value in given.items():
        if kind not in kinds:
            _add_undeclared(named, kind, value, at)
    for kind in kinds:
        field = PROPERTY_OF_KIND.get(kind)
        value = properties.get(field) if field is not None else None
        if isinstance(value, dict) and list(value) == ["$set"]:
            value = value["$set"]
        if field is not None and isinstance(value, str | int | float):
            named.taken.append(field)
            _add(named, kind, value, region)
    named.usable.sort(key=lambda pair: kinds.index(pair[0].kind))
    return named._replace(unusable=list(dict.fromkeys(named.unusable)))


def _add(named: Named, kind: str, value: Any, region: str | None) -> None:
    usable = normal_form(kind, value, region)
    if isinstance(usable, str):
        named.unusable.append((kind, usable))
    elif usable not in [identity for identity, _ in named.usable]:
        named.usable.append((usable, PROPERTY_OF_KIND.get(kind)))


def _add_undeclared(named: Named, kind: str, value: Any, at: int) -> None:
    field = PROPERTY_OF_KIND.get(kind, kind)
    reason = refusal(field, value, at)
    if reason is None:
        named.plain.append((field, value))
    else:
        named.unusable.append((kind, reason))


def normal_form(kind: str, value: Any, region: str | None) -> Identity | str:
    """An identity in the form it is compared in, or why it does not count."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = "" if value is None else str(value).strip()
    if is_junk(text):
        return "junk"
    if _bytes(text) > 512:
        return "too_long"
    if kind == "phone":
        number = _e164(text, region)
        return "bad_phone" if number is None else Identity(kind, number)
    return Identity(kind, text.lower() if kind == "email" else text)


def _e164(text: str, region: str | None) -> str | None:
    """With its country code; a number that has none belongs to the region, else its digits start with one."""
    import phonenumbers

    for written, where in ((text, region), ("+" + text.lstrip("0"), None)):
        try:
            number = phonenumbers.parse(written, where)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None


def refusal(key: str, value: Any, at: int) -> str | None:
    """Why a property cannot be set to this by a record of that Kafka time, or None."""
    reason = _refusal_of_any(key, value)
    return _refusal_of_birthday(value, at) if reason is None and key in BIRTHDAYS else reason


def _refusal_of_birthday(value: Any, at: int) -> str | None:
    operator, operand = next(iter(value.items())) if isinstance(value, dict) else ("$set", value)
    if operator == "$delete":
        return None
    if operator not in ("$set", "$setOnce"):
        return "bad_birthday"
    day = birthday(operand)
    return None if operand is None or (day is not None and may_be_born(day, at)) else "bad_birthday"


def _refusal_of_any(key: str, value: Any) -> str | None:
    if key in COMPUTED:
        return "system_property"
    if not 1 <= _bytes(key) <= 120:
        return "too_long"
    if not isinstance(value, dict):
        return _refusal_of_plain(value)
    return _refusal_of_operator(*value.items()) if len(value) == 1 else "bad_value"


def _refusal_of_operator(given: tuple[str, Any]) -> str | None:
    operator, operand = given
    if operator in ("$incr", "$decr"):
        return None if type(operand) in (int, float) else "not_a_number"
    if operator not in OPERATORS or (operator in ("$add", "$remove") and operand is None):
        return "bad_value"
    return None if operator == "$delete" else _refusal_of_plain(operand)


def _refusal_of_plain(value: Any) -> str | None:
    if isinstance(value, dict):
        return "bad_value"
    if not isinstance(value, list):
        return "too_long" if isinstance(value, str) and _bytes(value) > 512 else None
    if len(value) > 100:
        return "too_many_items"
    for item in value:
        if item is None or isinstance(item, dict | list):
            return "bad_value"
        if isinstance(item, str) and _bytes(item) > 512:
            return "too_long"
    return None


def _bytes(text: str) -> int:
    return len(text.encode())
