"""The shop's traffic, read the way a consumer reads it: is all there that a demo shall show, and nothing else?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import orjson
import pytest

from knownas.demo.characters import ANN, DARA_EMAIL, DARAS_PHONE, STORE_TABLET, TEST_PHONE
from knownas.demo.shop import Sending, going_on, traffic
from knownas.demo.visits import PAUSE_SECONDS
from knownas.demo.world import PRODUCT_BY_NAME, PRODUCTS
from knownas.nouns import EVENTS, UPDATES, murmur2
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, Intake, take_in

NOW = 1_763_700_000
SHOPS = [(seed, events) for seed in (0, 1, 7, 2026) for events in (300, 1_000, 20_000)]
BUSY = (5, 100_000)
"""So many records that many visits are under way at any time."""

WANTED = {
    "App Launched", "Product Viewed", "Added to Cart", "Search", "Charged",
    "guest becomes a customer", "link", "gray event", "switch", "logout",
    "$incr", "$decr", "$add", "$remove", "$set", "$setOnce", "$delete", "null",
    "push token", "e-mail opt-out", "imported by a server", "charged by a server", "placeholder",
    "bad_device", "future_ts", "unknown_type", "not_json", "wrong key", "wrong topic",
    "birthday", "record id", "sent twice", "address opt-out", "deletion", "test mark",
}  # fmt: skip


class Read(NamedTuple):
    """A record with what the intake says of it."""

    sending: Sending
    intake: Intake | Flaw


def read(seed: int, events: int) -> Iterator[Read]:
    rules = IdentityRules()
    return (Read(sending, take_in(sending.value, NOW * 1000, rules)) for sending in traffic(seed, events, NOW))


def accepted(seed: int, events: int) -> Iterator[tuple[Sending, Intake]]:
    return ((sending, intake) for sending, intake in read(seed, events) if isinstance(intake, Intake))


def misplaced(sending: Sending) -> str | None:
    if sending.device is None:
        return None
    if sending.topic != EVENTS:
        return "wrong topic"
    return "wrong key" if sending.key != sending.device.encode() else None


class Watcher:
    """Follows who uses which device, as somebody would who watches the shop."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._accounts: dict[str, str] = {}
        self._user: dict[str, str] = {}
        self._guest_events: Counter[str] = Counter()
        self._ids: set[str] = set()

    def watch(self, read: Read) -> None:
        sending, intake = read
        if isinstance(intake, Flaw):
            self.seen[intake.reason] += 1
            return
        self.seen.update(kind for kind in (misplaced(sending), intake.record.evtName) if kind)
        self.seen["placeholder"] += len(intake.named.unusable)
        if self._is_sent_twice(intake.record.id):
            return
        self._watch_properties(intake)
        if intake.record.type in ("delete", "test"):
            self.seen["deletion" if intake.record.type == "delete" else "test mark"] += 1
        elif sending.device is None:
            self._watch_server(intake)
        elif intake.record.type == "event" and sending.device not in self._user:
            self._guest_events[sending.device] += 1
        elif intake.record.type == "logout":
            del self._user[sending.device]
            self.seen["logout"] += 1
        elif intake.record.type == "login" and intake.named.usable:
            self._watch_login(sending.device, intake)

    def _is_sent_twice(self, record_id: str | None) -> bool:
        if record_id is None:
            return False
        is_twice = record_id in self._ids
        self._ids.add(record_id)
        self.seen["sent twice" if is_twice else "record id"] += 1
        return is_twice

    def _watch_properties(self, intake: Intake) -> None:
        data = intake.record.profileData or {}
        operators = (operator for value in data.values() if isinstance(value, dict) for operator in value)
        self.seen.update(operators)
        self.seen["null"] += None in data.values()
        self.seen["e-mail opt-out"] += data.get("MSG-email") is False
        self.seen["birthday"] += "DOB" in data
        self.seen["address opt-out"] += bool(intake.record.subscriptions)
        self.seen["push token"] += "pushToken" in (intake.record.context or {})

    def _watch_server(self, intake: Intake) -> None:
        self._account(intake)
        event = intake.record.evtName
        self.seen["imported by a server" if event is None else "charged by a server"] += 1

    def _watch_login(self, device: str, intake: Intake) -> None:
        user, is_known = self._account(intake)
        before = self._user.get(device)
        guest_events = self._guest_events.pop(device, 0)
        if before is not None:
            self.seen["switch"] += before != user
        elif is_known and guest_events:
            self.seen["link"] += 1
            self.seen["gray event"] += guest_events
        elif guest_events:
            self.seen["guest becomes a customer"] += 1
        self._user[device] = user

    def _account(self, intake: Intake) -> tuple[str, bool]:
        values = [identity.value for identity in intake.named.usable]
        known = [self._accounts[value] for value in values if value in self._accounts]
        account = (known or values)[0]
        for value in values:
            self._accounts.setdefault(value, account)
        return account, bool(known)


def seen_in(seed: int, events: int) -> Counter[str]:
    watcher = Watcher()
    for record in read(seed, events):
        watcher.watch(record)
    return +watcher.seen


def test_the_same_seed_makes_the_same_shop_and_another_seed_another() -> None:
    assert list(traffic(7, 2_000, NOW)) == list(traffic(7, 2_000, NOW))
    assert list(traffic(7, 2_000, NOW)) != list(traffic(8, 2_000, NOW))


@pytest.mark.parametrize("events", [0, 1, 5, 199, 300, 12_345])
def test_there_are_exactly_as_many_records_as_asked_for(events: int) -> None:
    assert sum(1 for _ in traffic(3, events, NOW)) == events


@pytest.mark.parametrize(("seed", "events"), [*SHOPS, BUSY])
def test_everything_that_happens_in_a_shop_happens_at_least_once(seed: int, events: int) -> None:
    assert seen_in(seed, events).keys() >= WANTED


def test_three_hundred_records_are_enough_whatever_the_seed() -> None:
    missing = {seed: WANTED - seen_in(seed, 300).keys() for seed in range(300)}
    assert {seed: kinds for seed, kinds in missing.items() if kinds} == {}


@pytest.mark.parametrize(("seed", "events"), SHOPS)
def test_the_intake_accepts_all_but_the_flawed_and_refuses_nothing_but_placeholders(seed: int, events: int) -> None:
    flaws: set[str] = set()
    refusals: set[str] = set()
    for _, intake in read(seed, events):
        if isinstance(intake, Flaw):
            flaws.add(intake.reason)
        else:
            refusals.update(reason for _, reason in (*intake.named.unusable, *intake.refused))
    assert flaws == {"bad_device", "future_ts", "unknown_type", "not_json"}
    assert refusals == {"junk"}


@pytest.mark.parametrize("seed", [0, 1, 7, 2026])
def test_flaws_and_misplaced_records_are_few(seed: int) -> None:
    events = 20_000
    seen = seen_in(seed, events)
    flaws = sum(seen[reason] for reason in ("bad_device", "future_ts", "unknown_type", "not_json"))
    assert 0.001 < flaws / events < 0.004
    assert 0.0015 < (seen["wrong key"] + seen["wrong topic"]) / events < 0.005
    assert 0 < seen["placeholder"] / events < 0.002


@pytest.mark.parametrize(("seed", "events"), SHOPS)
def test_a_record_has_the_key_its_producer_should_give_it_unless_it_is_misplaced(seed: int, events: int) -> None:
    for sending, intake in accepted(seed, events):
        assert sending.device == intake.record.device
        if sending.device is None:
            kind, value = sending.key.decode().split(":", 1)
            assert sending.topic == UPDATES
            assert (intake.record.identities or {})[kind] == value
        elif misplaced(sending) == "wrong key":
            assert sending.key.startswith(b"session-")
        else:
            assert sending.key == sending.device.encode()


@pytest.mark.parametrize(("seed", "events"), [*SHOPS, BUSY])
def test_time_goes_forward_for_all_and_on_every_device_and_ends_near_now(seed: int, events: int) -> None:
    newest: dict[str, float] = {}
    last: float = 0
    sent: set[bytes] = set()
    for sending, intake in accepted(seed, events):
        if sending.value in sent and intake.record.id is not None:
            continue
        sent.add(sending.value)
        who = sending.device or sending.key.decode().split(":", 1)[1]
        assert newest.get(who, 0) < intake.ts, (who, sending)
        assert last <= intake.ts <= NOW
        newest[who] = last = intake.ts
    assert NOW - last < 12 * 3600


@pytest.mark.parametrize(("seed", "events"), [*SHOPS, BUSY])
def test_nobody_launches_the_shop_while_they_are_still_in_it(seed: int, events: int) -> None:
    newest: dict[str | None, float] = {}
    for sending, intake in accepted(seed, events):
        if intake.record.evtName == "App Launched":
            assert newest.get(sending.device, 0) + PAUSE_SECONDS <= intake.ts
        newest[sending.device] = intake.ts


@pytest.mark.parametrize(("seed", "events"), SHOPS)
def test_without_requests_there_is_nothing_but_what_most_visitors_do(seed: int, events: int) -> None:
    kinds, others = Counter[str](), 0
    for sending in traffic(seed, events, NOW, requests=False):
        intake = take_in(sending.value, NOW * 1000, IdentityRules())
        if isinstance(intake, Intake):
            kinds[intake.record.type] += 1
            others += bool(intake.record.id or intake.record.subscriptions)
    assert kinds.keys() == {"event", "login", "profile", "logout"}
    assert others == 0


def test_a_long_stream_covers_a_month() -> None:
    first = next(accepted(4, 50_000))[1].ts
    assert 29 < (NOW - first) / 86_400 < 31


@pytest.mark.parametrize("events", [1_200, 12_000, 60_000])
def test_the_number_of_people_grows_with_the_number_of_records(events: int) -> None:
    devices = {sending.device for sending, _ in accepted(9, events) if sending.device}
    assert 8 < events / len(devices) < 16


def test_addresses_are_of_domains_that_nobody_owns() -> None:
    emails = {
        identity.value
        for _, intake in accepted(11, 20_000)
        for identity in intake.named.usable
        if identity.kind == "email"
    }
    assert len(emails) > 500
    assert {email.rsplit("@", 1)[1] for email in emails} == {"example.com", "example.org"}
    assert all(email.isascii() and email.count("@") == 1 for email in emails)


def test_a_purchase_has_an_amount_that_its_items_add_up_to() -> None:
    bills = [intake.record.evtData for _, intake in accepted(2, 5_000) if intake.record.evtName == "Charged"]
    for bill in bills:
        assert bill is not None
        assert bill["Currency"] == "EUR"
        assert bill["Amount"] == pytest.approx(sum(item["price"] * item["quantity"] for item in bill["Items"]))


def test_no_two_products_share_a_number_or_a_name() -> None:
    assert len({product["sku"] for product in PRODUCTS}) == len(PRODUCTS) == len(PRODUCT_BY_NAME)


def test_a_launch_tells_where_and_on_what() -> None:
    for _, intake in accepted(2, 5_000):
        if intake.record.evtName == "App Launched":
            context = intake.record.context or {}
            assert {"os", "city", "country", "latitude", "longitude", "timezone"} <= context.keys()
            assert ("browser" in context) != ("appVersion" in context)


def records_on(device: str, seed: int, events: int) -> list[dict[str, Any]]:
    return [orjson.loads(sending.value) for sending in traffic(seed, events, NOW) if sending.device == device]


@pytest.mark.parametrize(("seed", "events"), [*SHOPS, BUSY])
def test_ann_is_a_guest_who_logs_in_and_buys_and_is_a_guest_again_on_her_phone(seed: int, events: int) -> None:
    laptop, phone = records_on(ANN.laptop, seed, events), records_on(ANN.phone, seed, events)
    assert [record.get("evtName", record["type"]) for record in laptop] == [
        "App Launched", "Search", "Product Viewed", "Product Viewed", "Added to Cart", "login", "Charged", "profile",
    ]  # fmt: skip
    assert laptop[5]["identities"] == {"identity": ANN.identity, "email": "Ann@Example.com"}
    assert [record.get("evtName", record["type"]) for record in phone] == [
        "App Launched", "Search", "Product Viewed", "Product Viewed", "login", "Product Viewed", "Added to Cart",
    ]  # fmt: skip
    assert phone[4]["identities"] == {"email": ANN.email}
    assert laptop[-1]["ts"] + PAUSE_SECONDS <= phone[0]["ts"]
    assert (ANN.counted, ANN.gray) == (8, 4)


def test_ann_is_where_the_traffic_begins_and_nobody_else_uses_her_names() -> None:
    sendings = list(traffic(1, 20_000, NOW))
    assert sendings[0].device == ANN.laptop
    about_ann = [sending for sending in sendings if b'"ann"' in sending.value or b"ann@example.com" in sending.value]
    assert {sending.device for sending in about_ann} == {ANN.laptop, ANN.phone}


@pytest.mark.parametrize("partitions", [*range(1, 17), 20, 24, 30, 32, 40, 48, 60, 64])
def test_anns_devices_share_a_partition_so_that_her_story_is_told_in_order(partitions: int) -> None:
    assert murmur2(ANN.laptop.encode()) % partitions == murmur2(ANN.phone.encode()) % partitions


def test_dara_buys_once_although_her_app_sends_it_twice_and_is_the_last_of_her_phone_when_she_is_deleted() -> None:
    phone = records_on(DARAS_PHONE, 1, 1_000)
    assert [record.get("evtName", record["type"]) for record in phone] == [
        "App Launched", "login", "Charged", "Charged", "profile", "delete",
    ]  # fmt: skip
    assert phone[2] == phone[3]
    assert phone[4]["subscriptions"] == {"email": {DARA_EMAIL: False}}


def test_finn_marks_his_profile_before_he_buys_for_fun() -> None:
    phone = records_on(TEST_PHONE, 1, 1_000)
    assert [record.get("evtName", record["type"]) for record in phone] == ["login", "test", "Charged"]


@pytest.mark.parametrize("seed", [0, 1, 7, 2026])
def test_who_is_deleted_never_comes_back(seed: int) -> None:
    gone: set[str | None] = set()
    for sending, intake in accepted(seed, 20_000):
        assert sending.device not in gone
        if intake.record.type == "delete" and sending.device is not None:
            gone.add(sending.device)
    assert len(gone) > 1


def test_the_tablet_changes_hands_from_ben_to_chloe_to_a_guest() -> None:
    tablet = records_on(STORE_TABLET, 1, 1_000)
    assert [record["identities"]["identity"] if record["type"] == "login" else record["type"] for record in tablet] == [
        "ben", "event", "chloe", "event", "logout", "event",
    ]  # fmt: skip


def test_the_shop_goes_on_with_people_of_its_own_as_fast_as_one_can_watch() -> None:
    now = 1_763_700_000
    some = list(islice(going_on(8, now, 5), 3_000))
    times = [due for due, _ in some]
    assert times == sorted(times)
    assert times[0] == now
    assert 3 < 3_000 / (times[-1] - now) < 6
    assert not {sending.device for _, sending in some} & {ANN.laptop, ANN.phone, STORE_TABLET, DARAS_PHONE, TEST_PHONE}
