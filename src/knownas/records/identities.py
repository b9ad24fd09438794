"""The identities of a record: which can be used, in what form, and which cannot and why.

The rules, in words. A record's identities are those of `identities`, then those in `profileData` (`Email`, `Phone`,
`FBID`, `GPID`), each in the declared order of kinds. E-mails are trimmed and lower-cased, phones are E.164, other
values are trimmed; a number is its digits. A declared identity also sets its property, in its normalized form. A
kind that is not declared is a property only. A placeholder (`null`, `0`, `undefined`, ...) is nobody's identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from knownas.nouns import PROPERTY_OF_KIND, Identity, Record
from knownas.records.values import TEXT_BYTES, is_junk, longer_than, refusal_of_property


class IdentityRules(NamedTuple):
    """What a deployment declares: the identity kinds in order, and the region of phone numbers without a prefix."""

    kinds: tuple[str, ...] = ("identity", "email", "facebook", "google")
    region: str | None = None


class Unusable(NamedTuple):
    """An identity or a key that does not apply, and the refusal reason."""

    kind: str
    reason: str


class Named(NamedTuple):
    """What the identities of a record come to.

    `properties[i]` is the property that comes with `usable[i]`, if it has one; `plain` are the properties of kinds
    that are not declared; `taken` are the `profileData` keys that were read as identities.
    """

    usable: tuple[Identity, ...] = ()
    properties: tuple[str | None, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    plain: tuple[tuple[str, Any], ...] = ()
    taken: tuple[str, ...] = ()


NOTHING = Named()


def name(record: Record, rules: IdentityRules, at: int) -> Named | None:
    """Read the identities of a record of that Kafka time. None: one of them is neither a string nor a number."""
    if not record.identities and not record.profileData:
        return NOTHING
    found: dict[Identity, str | None] = {}
    unusable: list[Unusable] = []
    plain: list[tuple[str, Any]] = []
    taken: list[str] = []
    for kind, value in _in_order(record.identities or {}, rules):
        if value is not None and type(value) not in (str, int, float, bool):
            return None
        field = PROPERTY_OF_KIND.get(kind)
        if kind not in rules.kinds:
            refusal = refusal_of_property(field or kind, value, at)
            if refusal is None:
                plain.append((field or kind, value))
            else:
                unusable.append(Unusable(kind, refusal))
            continue
        _read(kind, value, field, rules, found, unusable)
    for kind in rules.kinds:
        field = PROPERTY_OF_KIND.get(kind)
        value = record.profileData.get(field) if record.profileData and field else None
        if type(value) is dict and len(value) == 1 and "$set" in value:
            value = value["$set"]
        if field and value is not None and type(value) in (str, int, float, bool):
            taken.append(field)
            _read(kind, value, field, rules, found, unusable)
    order = {kind: place for place, kind in enumerate(rules.kinds)}
    usable = sorted(found, key=lambda identity: order[identity.kind])
    return Named(
        tuple(usable), tuple(found[i] for i in usable), tuple(dict.fromkeys(unusable)), tuple(plain), tuple(taken)
    )


def normalize(kind: str, value: str | float | bool | None, region: str | None) -> Identity | Unusable:
    """One identity in the form it is compared in, or why it cannot be used."""
    if type(value) is float and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip().replace("\0", "�")
    if is_junk(text):
        return Unusable(kind, "junk")
    if longer_than(text, TEXT_BYTES):
        return Unusable(kind, "too_long")
    if kind == "email":
        return Identity(kind, text.lower())
    if kind == "phone":
        number = _e164(text, region)
        return Identity(kind, number) if number else Unusable(kind, "bad_phone")
    return Identity(kind, text)


def _read(
    kind: str,
    value: Any,
    field: str | None,
    rules: IdentityRules,
    found: dict[Identity, str | None],
    unusable: list[Unusable],
) -> None:
    normal = normalize(kind, value, rules.region)
    if isinstance(normal, Unusable):
        unusable.append(normal)
    else:
        found.setdefault(normal, field)


def _in_order(identities: dict[str, Any], rules: IdentityRules) -> Iterable[tuple[str, Any]]:
    """Declared kinds in their order, then the others as they came."""
    declared = [(kind, identities[kind]) for kind in rules.kinds if kind in identities]
    return declared + [(kind, value) for kind, value in identities.items() if kind not in rules.kinds]


@lru_cache(maxsize=10_000)
def _e164(text: str, region: str | None) -> str | None:
    """A phone number with its country code; a bare number gets its plus, or the default region's rules."""
    import phonenumbers  # its tables take 50 MB: only who declares phones pays

    for candidate, where in ((text, region), ("+" + text.lstrip("0"), None)):
        try:
            number = phonenumbers.parse(candidate, where)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None
