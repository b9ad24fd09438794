"""Planes: what the index of a shard is made of, how each is named, and what is written in which. Pure.

A plane says of every profile of a shard whether something holds of it, one bit a profile, by the profile's number
(`nouns.Profile.number`, from 0; freed by a deletion and given out again). A value takes several planes: the bits of a
number (a *slice*, `bits`), whose plane is the slice's name, a dot and the bit. Events and properties stand in names by
their small numbers in the shard's `Directory`, values of texts by their codes.

| plane                  | holds of a profile                                                                     |
|------------------------|----------------------------------------------------------------------------------------|
| `all`                  | it is there (tombstones have no number and are in no plane)                            |
| `orphan` `test`        | a person's former guest; a test user                                                   |
| `t:<type>` `r:<channel>` | its type; a channel it is reachable by                                               |
| `guests` `geo` `zone`  | has linked guests; a latitude and a longitude; said a time zone that exists            |
| `hasborn` `born.<b>`   | has a birthday; its day, as `date_slice`                                               |
| `bday.<b>`             | the birthday's month * 32 + day                                                        |
| `first.<b>` `last.<b>` | days of first and last record in the deployment's zone, as `day_slice`                 |
| `x<p>`                 | has property p                                                                         |
| `v<p>.<b>`             | the code of its value, where that is a text or yes or no (0: it is neither)            |
| `hn<p>` `n<p>.<b>`     | it is a number; its `number_slice`                                                     |
| `nx<p>`                | it is a number that the slice does not say exactly                                     |
| `hy<p>` `y<p>.<b>`     | it is a text that names a day; that day, as `date_slice`                               |
| `m<p>` `i<p>:<code>`   | it is a list; one of whose items has this code                                         |
| `k<p>`                 | it is a list, one of whose items has no code of its own                                |
| `c<field>.<b>`         | the code of a field of `CODED_FIELDS`                                                  |
| `e<e>` `e<e>+<k>`      | did event e ever; at least 2^k times ever (k from 1 to `POWERS`)                       |
| `d<e>:<day>` `dd<e>:<day>` | did it on that day; twice or more on it                                            |
| `b<e>`                 | did it three times or more on one of the days that are kept by day                     |
| `s<n>`                 | is in the live segment n                                                               |

**Codes.** A value gets the next code of its property or field when it is first set, from 1, as long as there are fewer
than `CODES` (in the shard: `CODES_IN_ALL`) and it is no longer than `CODED_CHARACTERS`. Any other has the code
`bucket(text)`, whose highest bit (`BUCKET_BIT`) is set: it shares it with other values, so being in a bucket is never
sure. The other way round is: who has a value with a code of its own never is in a bucket for it. A value that is not in
the directory and was not refused a code is nobody's.

**Days.** Only days from the directory's `oldest` on have planes, and only as far as the profile keeps its counts of
that event by day. Properties of `EXISTENCE_ONLY` have `x` alone. Of events beyond the first `EVENTS` and properties
beyond the first `PROPERTIES` names of a shard nothing is indexed.

**In the store** a plane is a string of bits, the first number in the highest bit of the first byte (as `SETBIT` has
it), and may end early: what is beyond its end is 0. One that is empty may not exist. A plane that `may_be_list` is
first a list: its numbers in three bytes each (`pack`), in any order, until it has more than `listed`; then, for ever,
bits. To find somebody a list's member costs a tenth as much as all bits of a shard of 100,000 do, so lists are short,
and shorter where bits take little room.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

from knownas.nouns import PROPERTY_OF_KIND, ProfileType

EVENTS: Final = 128
PROPERTIES: Final = 100
"""How many names of a shard, the first to appear, are indexed."""

CODES: Final = 4_095
"""How many values of a property or field have a code of their own: 12 bits, without 0."""
CODES_IN_ALL: Final = 65_536
"""The same of all properties and fields of a shard: what a worker holds of them is bounded."""
CODED_CHARACTERS: Final = 100
"""Longer texts have no code of their own."""
BUCKET_BIT: Final = 12
CODE_BITS: Final = BUCKET_BIT + 1

NUMBER_BITS: Final = 24
DATE_BITS: Final = 17
DAY_BITS: Final = 16
BIRTHDAY_BITS: Final = 9
POWERS: Final = 16

DAYS: Final = 92
"""How many days have planes, the newest among them."""
LISTED: Final = 256
"""No list is longer."""
NUMBER_BYTES: Final = 3
ID_BYTES: Final = 16
"""What a profile's id takes by number."""
MOST_NUMBERS: Final = 1 << 8 * NUMBER_BYTES

FIRST_DATE: Final = -43_829
"""1850-01-01 as a day since 1970: the first day of a `date_slice`."""

ALL: Final = "all"
ORPHAN: Final = "orphan"
TEST: Final = "test"
GUESTS: Final = "guests"
GEO: Final = "geo"
ZONE: Final = "zone"
HAS_BORN: Final = "hasborn"
BORN: Final = "born"
BIRTHDAY: Final = "bday"
FIRST_SEEN: Final = "first"
LAST_SEEN: Final = "last"

TYPES: Final[tuple[ProfileType, ...]] = ("anonymous", "addressable", "customer")
CHANNELS: Final = ("email", "push", "sms")

CHANNEL_FIELDS: Final = ("source", "medium", "campaign", "referrer")
CONTEXT_FIELDS: Final = (
    "city", "country", "os", "osVersion", "browser", "appVersion", "make", "model", "language", "timezone",
)  # fmt: skip
CODED_FIELDS: Final = (*CONTEXT_FIELDS, *CHANNEL_FIELDS)
EXISTENCE_ONLY: Final = frozenset({"Photo", *PROPERTY_OF_KIND.values()})
"""Properties that are looked up in another way, or by nobody."""


# --------------------------------------------------------------------------------------------------------------- names


def bit(slice_: str, number: int) -> str:
    """The plane of one bit of a slice."""
    return f"{slice_}.{number}"


def of_type(type_: str) -> str:
    """Profiles of a type."""
    return f"t:{type_}"


def reachable_by(channel: str) -> str:
    """Who is reachable by a channel."""
    return f"r:{channel}"


def has_property(property_: int) -> str:
    """Who has a property."""
    return f"x{property_}"


def code_slice(property_: int) -> str:
    """The slice of the code of a property's value."""
    return f"v{property_}"


def has_number(property_: int) -> str:
    """Whose value is a number."""
    return f"hn{property_}"


def value_slice(property_: int) -> str:
    """The slice of a number (`number_slice`)."""
    return f"n{property_}"


def inexact_number(property_: int) -> str:
    """Whose number is only nearly what its slice says."""
    return f"nx{property_}"


def has_date(property_: int) -> str:
    """Whose text names a day."""
    return f"hy{property_}"


def property_date_slice(property_: int) -> str:
    """The slice of the day a text names (`date_slice`)."""
    return f"y{property_}"


def is_list(property_: int) -> str:
    """Whose value is a list."""
    return f"m{property_}"


def item(property_: int, code: int) -> str:
    """Who has a list with an item of this code."""
    return f"i{property_}:{code}"


def uncoded_item(property_: int) -> str:
    """Who has a list with an item that has no code of its own."""
    return f"k{property_}"


def field_slice(field: str) -> str:
    """The slice of the code of a field of `CODED_FIELDS`."""
    return f"c{field}"


def ever(event: int) -> str:
    """Who did it at all."""
    return f"e{event}"


def power(event: int, exponent: int) -> str:
    """Who did it at least 2^exponent times."""
    return f"e{event}+{exponent}"


def on_day(event: int, day: int) -> str:
    """Who did it on a day."""
    return f"d{event}:{day}"


def twice_on_day(event: int, day: int) -> str:
    """Who did it twice or more on a day."""
    return f"dd{event}:{day}"


def busy_day(event: int) -> str:
    """Who did it three times or more on a day that is kept."""
    return f"b{event}"


def segment(number: int) -> str:
    """Who is in a live segment."""
    return f"s{number}"


def may_be_list(plane: str) -> bool:
    """Whether a plane of this name is kept as a list while few are in it."""
    return plane[0] in "dis"


# -------------------------------------------------------------------------------------------------------------- values


def bits(value: int) -> list[int]:
    """The bits of a slice that are set, from the lowest."""
    return [place for place, digit in enumerate(bin(value)[:1:-1]) if digit == "1"]


def text_of(value: Any) -> str:
    """A value as it stands in a dictionary: texts, yes and no, and (of lists) numbers; `1` and `1.0` are one."""
    if type(value) is str:
        return f"s:{value}"
    if type(value) is bool:
        return "b:1" if value else "b:0"
    if type(value) is float and value.is_integer():
        value = int(value)
    return f"n:{value!r}"


def bucket(text: str) -> int:
    """The code of a value (`text_of`) that has none of its own."""
    digest = blake2b(text.encode(), digest_size=2).digest()
    return 1 << BUCKET_BIT | int.from_bytes(digest, "big") & (1 << BUCKET_BIT) - 1


def number_slice(value: float) -> int:
    """A number in `NUMBER_BITS` bits that are in the order of numbers: less may become equal, never greater.

    They are the upper ones of its double, so whole numbers up to 8,192 are told apart exactly.
    """
    (word,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
    word = ~word & _WORD if word >> 63 else word | 1 << 63
    return int(word >> 64 - NUMBER_BITS)


def is_exact(value: float) -> bool:
    """Whether it is the number that its slice stands for (`number_of`); others share the slice, as 5.0001 does 5's."""
    return number_of(number_slice(value)) == value


def number_of(slice_: int) -> float:
    """The number that a slice stands for: of all that share it the one nearest to 0."""
    rest = 64 - NUMBER_BITS
    word = slice_ << rest
    word = word & ~(1 << 63) if word >> 63 else ~(word | (1 << rest) - 1) & _WORD
    (value,) = struct.unpack(">d", struct.pack(">Q", word))
    return float(value)


_WORD: Final = (1 << 64) - 1


def date_slice(day: int) -> int:
    """A day since 1970 counted from 1850 on; what is before or after what the bits hold is at either end."""
    return min(max(day - FIRST_DATE, 0), (1 << DATE_BITS) - 1)


def day_slice(day: int) -> int:
    """A day since 1970; days after 2149 are the last."""
    return min(max(day, 0), (1 << DAY_BITS) - 1)


def birthday_slice(month: int, day: int) -> int:
    """A day of the year."""
    return month * 32 + day


# ------------------------------------------------------------------------------------------------------- in the store


def pack(numbers: Iterable[int]) -> bytes:
    """Numbers of profiles in three bytes each."""
    return b"".join([number.to_bytes(NUMBER_BYTES, "big") for number in numbers])


def unpack(packed: bytes) -> list[int]:
    """The numbers of a list."""
    return [int.from_bytes(packed[i : i + NUMBER_BYTES], "big") for i in range(0, len(packed), NUMBER_BYTES)]


def members(plane: bytes) -> Iterator[int]:
    """The numbers whose bits are set in a plane."""
    for place, byte in enumerate(plane):
        for offset in _SET_BITS[byte]:
            yield place * 8 + offset


_SET_BITS: Final = [[offset for offset in range(8) if byte & 128 >> offset] for byte in range(256)]


def capacity(number: int) -> int:
    """How many bits a new plane is given where this is the highest number: bits that are added later cost twice."""
    step = 8_192 if number >= 8_192 else 1_024
    return (number // step + 1) * step


def listed(bits: int) -> int:
    """How long a list may be where a plane has so many bits: beyond, they take at most ten times as much room."""
    return min(LISTED, bits // (10 * 8 * NUMBER_BYTES))
