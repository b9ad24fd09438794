"""Find People as a browser without script sees it: every step is a form or a link."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.page.shop import HOSTILE, Browser, Seen, signed_in
from tests.serve.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.services]


async def press(browser: Browser, seen: Seen, button: str, **changes: str) -> Seen:
    """Fill fields of the form of rows and press a button."""
    fields = seen.form() | {name.replace("__", "."): text for name, text in changes.items()}
    return await browser.post("/people", [*fields.items(), ("do", button)])


async def test_without_a_session_one_signs_in_and_comes_back(gateway: Gateway) -> None:
    seen = await Browser(gateway).get("/people", q="did Charged")
    assert (seen.status, seen.goes_to) == (303, "/sign-in?next=%2Fpeople%3Fq%3Ddid%2BCharged")


async def test_everybody_is_there_until_something_is_asked(reader: Browser) -> None:
    seen = await reader.get("/people")
    assert seen.text("count") == "3 people and 1 former guest, counted apart"
    assert sorted(seen.names()) == sorted(["Ann", "Ben", HOSTILE])


@pytest.mark.parametrize(
    ("kind", "who"),
    [("email", "Ann@X.ie "), ("", "ann@x.ie"), ("", "email:ann@x.ie"), ("device", "phone"), ("", "laptop")],
)
async def test_somebody_is_found_by_identity_or_device(reader: Browser, kind: str, who: str) -> None:
    seen = await reader.get("/people/by", kind=kind, who=who)
    assert seen.status == 303
    assert (await reader.get(seen.goes_to)).status == 200
    assert (await reader.get("/people/by", kind="profile", who=seen.goes_to.rpartition("/")[2])).goes_to == seen.goes_to


@pytest.mark.parametrize(
    ("kind", "who", "told"),
    [
        ("email", "zoe@x.ie", "nobody is known by this email"),
        ("", "zoe", "Nobody is known as “zoe”"),
        ("phone", "+353", "KNOWNAS_IDENTITY_KINDS=identity,email,facebook,google,phone"),
        ("email", "null", "cannot be anybody's email"),
        ("", " ", "Write who is looked for"),
    ],
)
async def test_of_whom_nobody_is_found_it_is_said_why(reader: Browser, kind: str, who: str, told: str) -> None:
    seen = await reader.get("/people/by", kind=kind, who=who)
    assert seen.status == 200
    assert told in seen.text("by-wrong")


async def test_a_query_is_built_row_by_row_and_ends_in_the_address(reader: Browser) -> None:
    seen = await press(reader, await reader.get("/people"), "add:q:did")
    seen = await press(reader, seen, "look", q__0__event="Charged", q__0__often="count", q__0__when="days")
    seen = await press(reader, seen, "test:q.0:", **{"q.0.bound.value": "1", "q.0.days": "7"})
    seen = await press(reader, seen, "add:q:not-did", **{"q.0.where.0.name": "Items.sku", "q.0.where.0.value": "A1"})
    seen = await press(reader, seen, "add:q:property", **{"q.1.event": "Viewed"})
    seen = await press(reader, seen, "find", **{"q.2.test.name": "Plan", "q.2.test.value": "Gold"})
    line = "did Charged where (Items.sku = A1) >= 1 in 7d and not did Viewed and Plan = Gold"
    assert (seen.status, parse_qs(urlsplit(seen.goes_to).query)) == (303, {"q": [line]})
    shared = await reader.get(seen.goes_to)
    assert (shared.text("count"), shared.names()) == ("1 person", ["Ann"])


async def test_edits_with_script_answer_with_the_finder_and_its_address(gateway: Gateway, reader: Browser) -> None:
    typing = await signed_in(gateway, "read", part=True)
    fields = {**(await reader.get("/people", q="did Charged")).form(), "q.0.event": "Viewed"}
    fields["token"] = (await typing.get("/people")).form()["token"]
    seen = await typing.post("/people", fields.items())
    assert seen.html.lstrip().startswith('<div id="finder"')
    assert seen.heard.headers["HX-Replace-Url"] == "/people?q=did+Viewed"
    assert seen.text("count") == "1 person and 1 former guest, counted apart"


async def test_what_is_wrong_is_said_at_its_row_and_nothing_is_asked(reader: Browser) -> None:
    seen = await press(reader, await reader.get("/people", q="did Charged in 7d"), "find", **{"q.0.days": "many"})
    assert (seen.status, seen.text("q.0.wrong")) == (200, "a number of days from 1 to 3660 is wanted")
    assert seen.text("count") == "Nothing is asked until what is marked is put right"


async def test_a_row_that_was_begun_is_not_dropped_silently(reader: Browser) -> None:
    start = await reader.get("/people", q="did Charged and Plan = Gold")
    seen = await press(reader, start, "find", **{"q.1.test.value": ""})
    assert (seen.status, seen.text("q.1.missing")) == (200, "write a value")
    assert "1 condition is not filled in yet and counts for nothing." in seen.text("found")
    blank = await press(reader, await press(reader, start, "add:q:did"), "find")
    assert parse_qs(urlsplit(blank.goes_to).query) == {"q": ["did Charged and Plan = Gold"]}


async def test_a_wrong_line_is_marked_where_it_is_wrong(reader: Browser) -> None:
    seen = await reader.get("/people", q="did Charged and type gold")
    assert "<mark>gold</mark>" in seen.html
    assert "'gold' is none of them. Allowed here: anonymous, addressable, customer" in seen.text("line-wrong")


async def test_a_line_typed_with_script_keeps_the_rows_until_it_can_be_read(gateway: Gateway) -> None:
    typing = await signed_in(gateway, "read", part=True)
    wrong = await typing.get("/people", q="did Charged and")
    assert wrong.heard.headers["HX-Retarget"] == "#line"
    assert "something is missing" in wrong.text("line-wrong") or "a condition is wanted" in wrong.text("line-wrong")
    assert wrong.text("q") == ""
    read = await typing.get("/people", q="did Charged and type customer", sort="name")
    assert read.heard.headers["HX-Replace-Url"] == "/people?q=did+Charged+and+type+%3D+customer&sort=name"
    assert read.text("count") == "1 person"


async def test_names_and_values_are_suggested(reader: Browser) -> None:
    seen = await reader.get("/people", q="did Charged where (Amount > 5) and Plan = Gold and visits > 3")
    for option in ('id="events"', '<option value="Viewed">', '<option value="Plan">', '<option value="Silver">'):
        assert option in seen.html
    assert '<datalist id="q.0.names"><option value="Amount"></option>' in seen.html
    operators = seen.html.partition('id="q.2.test.operator"')[2].partition("</select>")[0]
    assert "is more than" in operators
    assert "starts with" not in operators


async def test_as_what_a_value_is_compared_is_asked_where_it_looks_like_something_else(reader: Browser) -> None:
    seen = await reader.get("/people", q='mixed = "5" and mixed = Gold and mixed in ("7", 8)')
    assert '<option value="text" selected>as text</option>' in seen.html
    assert ('id="q.0.test.sort"' in seen.html, 'id="q.1.test.sort"' in seen.html) == (True, False)
    # No row can say of each item as what it is compared: that condition is written out.
    assert seen.form()["q.2.line"] == 'mixed in ("7", 8)'


async def test_what_nobody_ever_had_is_said_with_what_may_be_meant(reader: Browser) -> None:
    seen = await reader.get("/people", q="did Chraged")
    assert (seen.text("count"), "Is “Charged” meant?" in seen.text("found")) == ("0 people", True)


async def test_people_are_put_in_order_and_former_guests_are_shown_where_asked(reader: Browser) -> None:
    assert (await reader.get("/people", q="Plan exists", sort="visits")).names() == ["Ben", "Ann"]
    assert (await reader.get("/people", q="Plan exists", sort="name")).names() == ["Ann", "Ben"]
    seen = await reader.get("/people", q="did Viewed", orphans="yes")
    assert (len(seen.names()), "former guest</span>" in seen.html) == (2, True)
    wrong = await reader.get("/people", q="Plan exists", sort="colour")
    assert "nobody is put in order by 'colour'" in wrong.text("found")


async def test_a_page_begins_where_an_earlier_one_ended(gateway: Gateway, reader: Browser) -> None:
    first = await gateway.call("POST", "/v1/find", "read", json={"query": "Plan exists", "limit": 1, "sort": "visits"})
    seen = await reader.get("/people", q="Plan exists", sort="visits", cursor=first.json["cursor"])
    assert seen.names() == ["Ann"]
    assert '<a class="button" href="/people?q=Plan+exists&amp;sort=visits">First page</a>' in seen.html
    wrong = await reader.get("/people", q="Plan exists", cursor="x")
    assert (wrong.text("count"), "the cursor is not one that a page gave" in wrong.html) == ("2 people", True)


async def test_an_export_is_everybody_found_and_is_noted(reader: Browser, admin: Browser) -> None:
    out = await reader.get("/people/export", q="Plan exists", form="csv")
    assert out.heard.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    rows = list(csv.DictReader(io.StringIO(out.html)))
    assert sorted(row["Name"] for row in rows) == ["Ann", "Ben"]
    lines = (await reader.get("/people/export", q="did Charged", form="jsonl")).html.splitlines()
    assert [json.loads(line)["properties"]["Name"] for line in lines] == ["Ann"]
    assert (await reader.get("/people/export", q="did", form="csv")).status == 400
    assert (await reader.get("/people/export", q="", form="xls")).status == 400
    assert "exported people" in (await admin.get("/audit")).html


async def test_why_somebody_does_not_match_is_told_condition_by_condition(reader: Browser) -> None:
    seen = await reader.get("/people", q="did Charged >= 2 and (Plan = Gold or age > 30)", why="email:ben@x.ie")
    assert seen.text("why").endswith(
        "Ben does not match. all of these did Charged >= 2 there was: 0 times"
        " any of these Plan = Gold there was: Silver age > 30 there was: nothing"
    )
    assert seen.html.count('aria-label="does not hold"') == 5
    nobody = await reader.get("/people", q="did Charged", why="email:zoe@x.ie")
    assert "nobody is known by this email" in nobody.text("why-wrong")


async def test_hostile_names_and_values_are_text_everywhere(reader: Browser) -> None:
    line = f"{json.dumps(HOSTILE)} = {json.dumps(HOSTILE)} and did {json.dumps(HOSTILE)}"
    seen = await reader.get("/people", q=line, segment=HOSTILE, why=HOSTILE)
    assert (seen.status, seen.names()) == (200, [HOSTILE])
    assert "<script>alert" not in seen.html
    assert "49" not in seen.text("found").replace("2026", "")
    wrong = await reader.get("/people/by", kind=HOSTILE, who=HOSTILE)
    assert "<script>alert" not in wrong.html
    pressed = await press(reader, seen, "add:q:did")
    assert ("<script>alert" in pressed.html, pressed.names()) == (False, [HOSTILE])


async def test_who_may_only_look_cannot_put_a_segment(reader: Browser) -> None:
    seen = await reader.get("/people", q="did Charged")
    assert "Keep as a live segment" not in seen.html
    token = seen.form()["token"]
    put = await reader.post("/segments", [("token", token), ("name", "buyers"), ("q", "did Charged")])
    assert put.status == 403


async def test_a_form_from_elsewhere_is_refused(gateway: Gateway, admin: Browser) -> None:
    forged = await admin.post("/segments", [("token", "guessed"), ("name", "x"), ("q", "did Charged")])
    assert forged.status == 403
    assert "There is no segment yet" in (await admin.get("/segments")).html
    del gateway


async def test_a_segment_is_kept_looked_at_replaced_and_removed(admin: Browser) -> None:
    name = f"big/{HOSTILE}"
    start = await admin.get("/people", q="did Charged >= 2")
    token = start.form()["token"]

    async def put(line: str, **more: str) -> Seen:
        return await admin.post("/segments", {"token": token, "name": name, "q": line, **more}.items())

    there = (await put("did Charged >= 2")).goes_to
    seen = await admin.get(there)
    assert (seen.status, "did Charged &gt;= 2" in seen.html) == (200, True)
    assert "<script>alert" not in (await admin.get("/segments")).html
    assert (await put("did Charged >= 2")).goes_to == there
    asked = await put("did Viewed")
    assert (asked.status, "Replace “" in asked.html) == (409, True)
    assert (await put("did Viewed", replace="yes")).goes_to == there
    assert "did Viewed" in (await admin.get(there)).html
    assert (await admin.get(f"{there}/remove")).status == 200
    assert (await admin.post(f"{there}/remove", [("token", token)])).goes_to == "/segments"
    assert (await admin.get(there)).status == 404
    assert (await put("did", replace="yes")).status == 400
