"""What the stories cannot show of a decision: what is claimed, what is sent home, what a repeat leaves behind."""

from __future__ import annotations

import msgspec

from knownas.identity.decide import decide
from knownas.identity.plan import Arrival, Known, Look, Plan
from knownas.nouns import Identity, Outcome, Owner, Position
from knownas.records.identities import IdentityRules
from knownas.records.intake import take_in
from knownas.records.origin import HEADER, Origin, unseal
from tests.builders import NAMES, NOON, event, login

ANN = Identity("email", "ann@x.ie")
NOTHING = Known({NAMES.device("d-1"): ()}, {ANN: None}, {}, {})


def _arrival(offset: int, record: dict[str, object], home: int | None = 0, origin: Origin | None = None) -> Arrival:
    value = msgspec.json.encode(record)
    intake = take_in(value, NOON * 1000, IdentityRules())
    device = NAMES.device(str(record["device"])) if "device" in record else None
    return Arrival(offset, NOON * 1000, b"k", value, [("trace", b"t")], intake, device, home, origin)


def _plan(*arrivals: Arrival, known: Known = NOTHING) -> Plan:
    return decide("events", 0, arrivals, known, NAMES)


def test_a_claim_says_what_was_assumed_of_every_identity_and_what_is_written() -> None:
    bob = Identity("email", "bob@x.ie")
    theirs = Owner("P", 0, "updates", 0, 1)
    known = NOTHING._replace(owners={ANN: None, bob: theirs})
    record = login("d-1", {"Email": "bob@x.ie"}, email="ann@x.ie")
    plan = _plan(_arrival(5, record), known=known)
    assert plan.looks == [Look(ANN, None, Owner("P", 0, "events", 0, 5)), Look(bob, theirs, None)]
    assert plan.takes


def test_a_record_sees_the_claims_and_facts_of_those_before_it_in_the_chunk() -> None:
    plan = _plan(_arrival(5, login("d-1", email="ann@x.ie")), _arrival(6, login("d-1", email="ann@x.ie")))
    mine = Owner(NAMES.person(ANN, 0), 0, "events", 0, 5)
    assert plan.looks == [Look(ANN, None, mine), Look(ANN, mine, None)]
    assert [fact.offset for fact in plan.facts[NAMES.device("d-1")]] == [5]


def test_what_was_decided_before_a_crash_is_decided_again_whatever_is_owned_now() -> None:
    known = NOTHING._replace(owners={ANN: Owner("Q", 0, "updates", 0, 9)}, outcomes={5: Outcome("P", (0,), ())})
    plan = _plan(_arrival(5, login("d-1", email="ann@x.ie")), known=known)
    assert plan.looks == []
    assert plan.resolved[0].message.profile == "P"
    assert plan.resolved[0].message.claims == [ANN]


def test_a_record_in_the_wrong_partition_is_sent_home_with_a_seal_and_its_own_headers() -> None:
    plan = _plan(_arrival(5, event("d-1"), home=3))
    [moved] = plan.moved
    assert (moved.partition, moved.key, moved.at, moved.headers[0]) == (3, b"d-1", NOON * 1000, ("trace", b"t"))
    name, header = moved.headers[1]
    assert name == HEADER
    assert unseal(NAMES, header or b"", 3, moved.value) == Origin(Position("events", 0, 5), NOON * 1000)
    assert not plan.resolved


def test_a_copy_that_comes_twice_is_skipped_the_second_time() -> None:
    origin = Origin(Position("updates", 1, 7), NOON * 1000)
    plan = _plan(_arrival(5, event("d-1"), origin=origin), _arrival(6, event("d-1"), origin=origin))
    assert ([sent.message.source.offset for sent in plan.resolved], plan.repeats) == ([5], 1)
    assert plan.origins == {"updates/1": 7}
    again = _plan(_arrival(8, event("d-1"), origin=origin), known=NOTHING._replace(origins=plan.origins))
    assert (again.resolved, again.repeats) == ([], 1)


def test_a_record_without_a_device_is_right_where_it_is() -> None:
    plan = decide("events", 0, [_arrival(5, event(None, identities={"email": "ann@x.ie"}), home=None)], NOTHING, NAMES)
    assert [sent.message.profile for sent in plan.resolved] == [NAMES.person(ANN, 0)]


def test_a_producers_headers_go_on_with_the_record() -> None:
    assert _plan(_arrival(5, event("d-1"))).resolved[0].headers == [("trace", b"t")]
