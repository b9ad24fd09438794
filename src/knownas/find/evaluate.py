"""One profile against a query, as of a moment: whether it matches, how exactly that is known, and why.

The rules, in words. A tombstone matches nothing. An orphan is a match like any other and counted apart
(`standing`). Gray events never count: a profile has its own counts and its own timeline, and only those are looked at.
What single events say (`where`, sums, averages) needs the timeline; without it a condition that hinges on it is
undecided (None), and a query is undecided only if the rest does not settle it. An answer is exact if it rests on
conditions that are: one that certainly holds settles an `any`, one that certainly does not settles an `all`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from knownas.find import history
from knownas.find.history import Event
from knownas.find.moment import Moment, Span
from knownas.find.person import distance_km, field_passes, value_of
from knownas.find.tree import AllOf, AnyOf, Condition, Did, Edge, Field, Near, Not, PropertyTest, Test, Total
from knownas.find.values import passes, passes_one_of
from knownas.nouns import Entry, Profile

Standing = Literal["person", "orphan", "gone"]


class Finding(NamedTuple):
    """Whether a condition holds (None: the timeline is needed), the day from which on that is exact (None: it is
    exact), and what was seen."""

    holds: bool | None
    since: int | None = None
    saw: Any = None


class Reason(NamedTuple):
    """A condition with its finding, and those it is made of."""

    condition: Condition
    finding: Finding
    parts: tuple[Reason, ...] = ()


UNDECIDED: Final = Finding(None)


def standing(profile: Profile) -> Standing:
    """As what a profile is counted, if it matches."""
    if profile.gone or not profile.version:
        return "gone"
    return "person" if profile.guest_of is None else "orphan"


def evaluate(query: Condition, profile: Profile, timeline: Sequence[Entry] | None, moment: Moment) -> Finding:
    """Whether a profile matches."""
    if standing(profile) == "gone":
        return Finding(holds=False)
    return _Evaluation(profile, timeline, moment).find(query)


def why(query: Condition, profile: Profile, timeline: Sequence[Entry] | None, moment: Moment) -> Reason:
    """Each condition of a query with its answer and what was seen."""
    if standing(profile) == "gone":
        return Reason(query, Finding(holds=False, saw="gone"))
    return _Evaluation(profile, timeline, moment).why(query)


class _Evaluation:
    """One profile at one moment."""

    def __init__(self, profile: Profile, timeline: Sequence[Entry] | None, moment: Moment) -> None:
        self._profile, self._timeline, self._moment = profile, timeline, moment

    def why(self, condition: Condition) -> Reason:
        if isinstance(condition, AllOf | AnyOf):
            parts = tuple(self.why(part) for part in condition.of)
            joined = _joined([part.finding for part in parts], settles=isinstance(condition, AnyOf))
            return Reason(condition, joined, parts)
        if isinstance(condition, Not):
            inner = self.why(condition.of)
            return Reason(condition, _turned(inner.finding), (inner,))
        return Reason(condition, self.find(condition))

    def find(self, condition: Condition) -> Finding:
        match condition:
            case PropertyTest(name=name, test=test):
                held = self._profile.properties.get(name)
                value = held.value if held is not None else None
                return Finding(passes(value, test, self._moment.today), None, value)
            case Did():
                return self._did(condition)
            case AllOf(of=of):
                return self._all_or_any(of, settles=False)
            case AnyOf(of=of):
                return self._all_or_any(of, settles=True)
            case Not(of=part):
                return _turned(self.find(part))
            case Field(name=name, test=test):
                value = value_of(name, self._profile, self._moment)
                return Finding(field_passes(name, value, test, self._profile, self._moment), None, value)
            case Edge():
                return self._edge(condition)
            case Near():
                km = distance_km(self._profile, condition)
                return Finding(km is not None and km <= condition.km, None, km)

    def _all_or_any(self, of: tuple[Condition, ...], *, settles: bool) -> Finding:
        findings = []
        for part in of:
            finding = self.find(part)
            if finding.holds is settles and finding.since is None:
                return Finding(settles)
            findings.append(finding)
        return _joined(findings, settles=settles)

    def _edge(self, edge: Edge) -> Finding:
        count = self._profile.events.get(edge.event)
        if count is None:
            return Finding(holds=False)
        ts = count.first if edge.which == "first" else count.last
        return Finding(self._moment.span(edge.window).holds(self._moment.day(ts)), None, ts)

    def _did(self, did: Did) -> Finding:
        span = self._moment.span(did.window)
        count = self._profile.events.get(did.event)
        known = history.counted(count, span, self._moment)
        if count is None or known == history.NEVER:
            return Finding(_allows_none(did), None, 0)
        if not did.where and did.total is None:
            return _compared_count(did, known.least, known.since)
        if self._timeline is None:
            return UNDECIDED
        found = history.events(self._timeline, did.event, self._moment)
        since = history.complete_since(count, found, self._moment)
        if since is not None and _begins(span, count.first, self._moment) >= since:
            since = None
        matching = [event for event in found if span.holds(event.day) and self._passes(event, did)]
        if did.total is None:
            return _compared_count(did, len(matching), since)
        return _compared_total(did, did.total, matching, since)

    def _passes(self, event: Event, did: Did) -> bool:
        today = self._moment.today
        return all(passes_one_of(history.inside(event.data, test.name), test.test, today) for test in did.where)


def _begins(span: Span, first: float, moment: Moment) -> int:
    """The first day of a span on which there can be anything."""
    day = moment.day(first)
    return day if span.start is None else max(span.start, day)


def _allows_none(did: Did) -> bool:
    """Whether somebody without any such event matches."""
    return did.or_none or (did.count is not None and _names_zero(did.count))


def _names_zero(test: Test) -> bool:
    """Whether a bound of a count says 0 itself, and 0 is within it."""
    return test.operator in ("equals", "atLeast", "between") and test.values[0] == 0


def _compared_count(did: Did, least: int, since: int | None) -> Finding:
    """So many at least against the bound; more can only have been before `since`."""
    test = did.count or _AT_LEAST_ONCE
    if least == 0:
        # Whoever has none is asked for, or not; whoever may have some is not told apart.
        return Finding(_allows_none(did), since, 0)
    holds = passes(least, test, 0)
    if since is not None and _is_settled(test, least):
        since = None
    return Finding(holds, since, least)


_AT_LEAST_ONCE: Final = Test("atLeast", (1,))


def _is_settled(test: Test, least: int) -> bool:
    """Whether no greater count would change the answer."""
    if test.operator in ("greater", "atLeast"):
        return passes(least, test, 0)
    top = test.values[-1]
    assert isinstance(top, int)
    return least >= top if test.operator == "less" else least > top


def _compared_total(did: Did, total: Total, matching: list[Event], since: int | None) -> Finding:
    if not matching:
        return Finding(did.or_none, since, None)
    added = sum(
        Fraction(value)
        for event in matching
        for value in history.inside(event.data, total.name)
        if type(value) in (int, float)
    )
    value = added / len(matching) if total.kind == "average" else added
    return Finding(_is_within(Fraction(value), total.test), since, float(value))


def _is_within(value: Fraction, test: Test) -> bool:
    """Compared as what it is exactly, so that no order of adding changes an answer."""
    low, high = test.values[0], test.values[-1]
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    match test.operator:
        case "greater":
            return value > low
        case "atLeast":
            return value >= low
        case "less":
            return value < low
        case "atMost":
            return value <= low
        case _:
            return low <= value <= high


def _turned(finding: Finding) -> Finding:
    return finding if finding.holds is None else Finding(not finding.holds, finding.since, finding.saw)


def _joined(findings: Sequence[Finding], *, settles: bool) -> Finding:
    """Of `any` (`settles` is True) and `all` (False): one that settles decides, an exact one before others."""
    decides = [finding for finding in findings if finding.holds is settles]
    if any(finding.since is None for finding in decides):
        return Finding(settles)
    since = max((finding.since for finding in findings if finding.since is not None), default=None)
    if decides:
        return Finding(settles, since)
    if any(finding.holds is None for finding in findings):
        return UNDECIDED
    return Finding(not settles, since)
