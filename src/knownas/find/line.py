r"""The one-line form of a query, read into the same objects as the JSON form.

    query     = one { "or" one }                 "and" binds closer than "or", "not" closest
    one       = part { "and" part }
    part      = "not" part | "(" query ")" | "everyone" | condition
    condition = "did" EVENT { "where" "(" test { "and" test } ")" | bound | window | "including" "none" }
              | ("sum" | "average") NAME "of" EVENT { the same }
              | ("first" | "last") EVENT window
              | "near" LATITUDE [","] LONGITUDE "within" 10km
              | test
    test      = NAME operator                    a field of `vocabulary.FIELDS`, or a property
    bound     = ">= 2" | "> 2" | "<= 2" | "< 2" | "= 2" | "2..5"
    window    = "in 30d" | "from" DATE ["to" DATE] | "to" DATE | "ever"

A name in quotes is always a property; so is a bare one that is no field. Text in quotes is as in JSON, and always
text: `Plan = 5` asks for a number, `Plan = "5"` for a text, `renewal < 2026-01-31` for a day. Where a field is one of
few words, a yes or no, or a number, `=` may be left out: `type customer`, `test yes`, `age 25`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from knownas.find.reading import Spot, from_object
from knownas.find.tree import DEPTH, Condition, Operator
from knownas.find.vocabulary import FIELDS, KEYWORDS, OPERATORS, OPERATORS_OF_KIND, PROPERTY, SIGNS, FieldKind
from knownas.find.words import Word, cut
from knownas.find.wrong import WrongQuery

NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAYS: Final = re.compile(r"(\d{1,6})(d|days?)?", re.ASCII)
_KM: Final = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(km)?", re.ASCII)
_SHORT: Final = ("choice", "yes-no", "number")
_AFTER_PART: Final = ("and", "or", "the end")
_AFTER_DID: Final = ("where (…)", ">= 2", "2..5", "in 30d", "from 2026-01-31", "including none", "and", "or")
_OPENERS: Final = ("did", "sum", "average", "first", "last", "near", "not", "(", "everyone", "a field", "a property")
_HEADS: Final = {"property": "a property", "field": "a field", "all": "and", "any": "or"}


def from_line(line: str) -> Condition:
    """A query from its one-line form."""
    try:
        return from_object(_Parser(line).query())
    except WrongQuery as error:
        if error.line is not None:
            raise
        allowed = [OPERATORS[name].line if name in OPERATORS else _HEADS.get(name, name) for name in error.allowed]
        problem = error.problem
        raise WrongQuery(problem, "", error.column or 1, dict.fromkeys(allowed), line) from None


class _Parser:
    """Walks the words of one line."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._words = cut(line)
        self._next = 0
        self._depth = 0

    def query(self) -> Spot:
        found = self._either()
        if self._word.sort != "end":
            self._wrong(f"{self._word.told()} is not expected here", _AFTER_PART)
        return found

    # ------------------------------------------------------------------------------------------------- joining

    def _either(self) -> Spot:
        return self._joined("or", "any", self._both)

    def _both(self) -> Spot:
        return self._joined("and", "all", self._part)

    def _joined(self, word: str, head: str, part: Any) -> Spot:
        column = self._word.column
        parts = [part()]
        while self._took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Spot({head: parts}, columns={"": column})

    def _part(self) -> Spot:
        column = self._word.column
        self._depth += 1
        if self._depth > 3 * DEPTH:
            self._wrong(f"conditions are nested at most {DEPTH} deep")
        try:
            if self._took("not"):
                return Spot({"not": self._part()}, columns={"": column})
            if self._took("("):
                inner = self._either()
                self._expect(")", *_AFTER_PART[:2])
                return inner
            return self._condition()
        finally:
            self._depth -= 1

    # ---------------------------------------------------------------------------------------------- conditions

    def _condition(self) -> Spot:
        word = self._word
        begins = _BEGINNINGS.get(word.text.lower()) if word.sort == "bare" else None
        if begins is not None:
            self._take()
            return begins(self, word)
        if word.sort not in ("bare", "quoted") or self._is_keyword():
            self._wrong(f"a condition is wanted, not {word.told()}", _OPENERS)
        return self._test(everything=True)

    def _everyone(self, first: Word) -> Spot:
        return Spot({"all": []}, columns={"": first.column})

    def _total(self, first: Word) -> Spot:
        name = self._name("the name of an event property")
        self._expect("of")
        return self._did(first, (first.text.lower(), name))

    def _edge(self, first: Word) -> Spot:
        event, edge = self._name("the name of an event"), first.text.lower()
        found = Spot({edge: event.text}, columns={"": first.column, edge: event.column})
        while self._window(found):
            pass
        return found

    def _did(self, first: Word, total: tuple[str, Word] | None = None) -> Spot:
        if total is None and self._took("not"):
            return Spot({"not": self._did(first)}, columns={"": first.column})
        event = self._name("the name of an event")
        found = Spot({"did": event.text}, columns={"": first.column, "did": event.column})
        bounds = found
        if total is not None:
            kind, name = total
            bounds = found[kind] = Spot({"of": name.text}, columns={"": first.column, "of": name.column})
            found.columns[kind] = name.column
        while True:
            here = self._word
            if here.text == "where" and self._took("where"):
                self._once(found, "where", here)
                found["where"] = self._where()
            elif self._word.sort == "bare" and self._took("including"):
                self._once(found, "orNone", here)
                self._expect("none")
                found["orNone"] = True
            elif self._window(found):
                pass
            elif self._is_bound():
                bounds = self._bounds_of(found, total, here)
                self._bound(bounds)
            else:
                break
        if total is not None and len(bounds) == 1:
            self._wrong("what is it compared with?", (">= 2", "2..5"))
        return found

    def _bounds_of(self, found: Spot, total: tuple[str, Word] | None, here: Word) -> Spot:
        """The object that a bound goes into."""
        if total is not None:
            bounds: Spot = found[total[0]]
            if len(bounds) > 1:
                self._wrong(f"{here.told()} is not expected here: it is compared already")
            return bounds
        self._once(found, "count", here)
        bounds = found["count"] = Spot(columns={"": here.column})
        return bounds

    def _is_bound(self) -> bool:
        sort, text, _ = self._word
        return (sort == "sign" and text in SIGNS) or (sort == "bare" and NUMBER.fullmatch(text) is not None)

    def _once(self, found: Spot, key: str, word: Word) -> None:
        if key in found:
            self._wrong(f"{word.told()} is not expected here: it was said before", at=word)
        found.columns[key] = word.column

    def _bound(self, into: Spot) -> None:
        word = self._take()
        if word.sort == "sign":
            value = self._take()
            self._put(into, SIGNS[word.text], self._number(value), value.column)
        else:
            self._range_or_equals(into, word, self._number)

    def _range_or_equals(self, into: Spot, word: Word, read: Any) -> None:
        if not self._took(".."):
            self._put(into, "equals", read(word), word.column)
            return
        high = self._take()
        self._put(into, "between", [read(word), read(high)], word.column)
        into.columns["between", 1] = high.column

    def _window(self, found: Spot) -> bool:
        word = self._word
        if word.sort != "bare":
            return False
        if self._took("ever"):
            return True
        if self._took("in"):
            self._once(found, "inLast", word)
            self._took("last")
            found["inLast"] = self._days()
        elif self._took("from") or self._took("to"):
            self._once(found, word.text, word)
            day = self._take()
            found[word.text], found.columns[word.text] = day.text, day.column
        else:
            return False
        return True

    def _where(self) -> list[Spot]:
        self._expect("(")
        tests = [self._test(everything=False)]
        while self._took("and"):
            tests.append(self._test(everything=False))
        self._expect(")", "and")
        return tests

    def _near(self, first: Word) -> Spot:
        latitude = self._take()
        self._took(",")
        longitude = self._take()
        self._expect("within")
        distance = self._take()
        km = _KM.fullmatch(distance.text)
        if km is None:
            self._wrong("a distance is wanted", ("10km",), distance)
        if km[2] is None:
            self._expect("km")
        columns = {"": first.column, "latitude": latitude.column, "longitude": longitude.column, "km": distance.column}
        place = Spot(
            {"latitude": self._number(latitude), "longitude": self._number(longitude), "km": float(km[1])},
            columns=columns,
        )
        return Spot({"near": place}, columns={"": first.column})

    # --------------------------------------------------------------------------------------------------- tests

    def _test(self, *, everything: bool) -> Spot:
        """A name and an operator; inside `where`, every name is that of an event property."""
        name = self._name("the name of a property")
        is_field = everything and name.sort == "bare" and name.text in FIELDS
        head = "field" if is_field else "property"
        found = Spot({head: name.text}, columns={"": name.column, head: name.column})
        self._operator(found, FIELDS[name.text] if is_field else PROPERTY)
        return found

    def _operator(self, found: Spot, field: FieldKind) -> None:
        word = self._word
        if word.sort == "sign" and word.text in SIGNS:
            self._take()
            value = self._value_word()
            self._put(found, SIGNS[word.text], self._value(value, field), value.column)
            found.columns["", 0] = word.column
        elif self._took("in"):
            self._in(found, word, field)
        elif self._took("contains"):
            self._put(found, "contains", self._text(), word.column)
        elif self._took("starts"):
            self._expect("with")
            self._put(found, "startsWith", self._text(), word.column)
        elif self._took("exists"):
            self._put(found, "exists", True, word.column)
        elif self._took("missing"):
            self._put(found, "missing", True, word.column)
        elif field.kind == "birthday":
            self._birthday(found, word)
        elif self._is_value() and (field.kind in _SHORT or self._words[self._next + 1].text == ".."):
            self._short(found, field)
        else:
            self._wrong(f"an operator is wanted, not {word.told()}", _operators(field))

    def _short(self, found: Spot, field: FieldKind) -> None:
        """A range, or a value with `=` left out."""
        if field.kind == "choice":
            self._took("by")
            if self._word.text not in field.choices:
                self._wrong(f"{self._word.told()} is none of them", (*field.choices, *_operators(field)))
        self._range_or_equals(found, self._take(), lambda word: self._value(word, field))

    def _in(self, found: Spot, word: Word, field: FieldKind) -> None:
        if self._took("("):
            values, columns = [], []
            while True:
                value = self._value_word()
                values.append(self._value(value, field))
                columns.append(value.column)
                if not self._took(","):
                    break
            self._expect(")", ",")
            self._put(found, "in", values, word.column)
            found.columns |= {("in", i): column for i, column in enumerate(columns)}
        elif self._took("next"):
            self._put(found, "inNext", self._days(), word.column)
        elif field.kind == "birthday" and self._took("month"):
            self._month(found)
        elif self._took("last") or _DAYS.fullmatch(self._word.text):
            self._put(found, "inLast", self._days(), word.column)
        else:
            self._wrong(f"after in, {self._word.told()} is not expected", ("(a, b)", "30d", "next 7d"))

    def _birthday(self, found: Spot, word: Word) -> None:
        if self._took("today"):
            self._put(found, "today", True, word.column)
        elif self._took("on"):
            day = self._take()
            self._put(found, "on", day.text, day.column)
        elif self._took("month"):
            self._month(found)
        else:
            self._wrong(f"an operator is wanted, not {word.told()}", _operators(FIELDS["birthday"]))

    def _month(self, found: Spot) -> None:
        month = self._take()
        self._put(found, "month", int(month.text) if month.text.isdecimal() else month.text, month.column)

    # -------------------------------------------------------------------------------------------------- values

    def _value(self, word: Word, field: FieldKind) -> Any:
        """What a word stands for, beside this kind of field."""
        if field.kind == "yes-no":
            return {"yes": True, "true": True, "no": False, "false": False}.get(word.text.lower(), word.text)
        if word.sort == "quoted" or field.kind in ("text", "version", "choice", "time"):
            return word.text
        if word.text in ("true", "false"):
            return word.text == "true"
        if DATE.fullmatch(word.text):
            return {"date": word.text}
        return self._number(word) if NUMBER.fullmatch(word.text) else word.text

    def _number(self, word: Word) -> int | float:
        if word.sort != "bare" or not NUMBER.fullmatch(word.text) or len(word.text) > 400:
            self._wrong(f"a number is wanted, not {word.told()}", at=word)
        try:
            return int(word.text)
        except ValueError:
            return float(word.text)

    def _days(self) -> int:
        word = self._take()
        days = _DAYS.fullmatch(word.text)
        if days is None:
            self._wrong(f"a number of days is wanted, not {word.told()}", ("30d",), word)
        if days[2] is None and not (self._took("days") or self._took("day")):
            self._wrong("days are said as such", ("30d",), word)
        return int(days[1])

    def _text(self) -> str:
        return self._value_word().text

    def _value_word(self) -> Word:
        if not self._is_value():
            self._wrong(f"a value is wanted, not {self._word.told()}")
        return self._take()

    def _name(self, wanted: str) -> Word:
        if self._word.sort not in ("bare", "quoted") or self._is_keyword():
            self._wrong(f"{wanted} is wanted, not {self._word.told()}; a word of the language stands in quotes")
        return self._take()

    # --------------------------------------------------------------------------------------------------- words

    @property
    def _word(self) -> Word:
        return self._words[self._next]

    def _take(self) -> Word:
        word = self._word
        if word.sort == "end":
            self._wrong("something is missing at the end")
        self._next += 1
        return word

    def _took(self, text: str) -> bool:
        """Whether the next word is this one; if so it is taken."""
        word = self._word
        if word.sort == "quoted" or word.text.lower() != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str, *beside: str) -> None:
        if not self._took(text):
            self._wrong(f"{self._word.told()} is not expected here", (text, *beside))

    def _is_keyword(self) -> bool:
        return self._word.sort == "bare" and self._word.text.lower() in KEYWORDS

    def _is_value(self) -> bool:
        if self._word.text.lower() == "by" and self._word.sort == "bare":
            return self._words[self._next + 1].sort in ("bare", "quoted")
        return self._word.sort in ("bare", "quoted") and not self._is_keyword()

    def _put(self, into: Spot, operator: Operator, value: Any, column: int) -> None:
        into[operator] = value
        into.columns[operator] = column

    def _wrong(self, problem: str, allowed: tuple[str, ...] = (), at: Word | None = None) -> NoReturn:
        raise WrongQuery(problem, column=(at or self._word).column, allowed=allowed, line=self._line)


_BEGINNINGS: Final[dict[str, Callable[[_Parser, Word], Spot]]] = {
    "everyone": _Parser._everyone,
    "did": _Parser._did,
    "sum": _Parser._total,
    "average": _Parser._total,
    "first": _Parser._edge,
    "last": _Parser._edge,
    "near": _Parser._near,
}


def _operators(field: FieldKind) -> tuple[str, ...]:
    return tuple(OPERATORS[name].line for name in OPERATORS_OF_KIND[field.kind])
