"""Finding people over HTTP, on real services."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from knownas.serve.routes_find import CatalogShown, FoundShown
from tests.builders import event, login
from tests.serve.running import Gateway, Heard


@pytest.fixture
async def shop(served: Gateway) -> Gateway:
    """Ann who charged, Ben who looked, and what Ann did as a guest on her phone."""
    await served.put(event("phone", "Viewed", {"sku": "A1"}))
    put = await served.put(
        login("laptop", {"Name": "Ann", "Plan": "Gold", "visits": 7}, email="ann@x.ie"),
        event("laptop", "Charged", {"Amount": 30}),
        login("tablet", {"Name": "Ben", "Plan": "Silver", "visits": 9}, email="ben@x.ie"),
        event("tablet", "Viewed", {"sku": "B2"}),
        login("phone", email="ann@x.ie"),
    )
    await served.get("/v1/profiles/by/email/ben@x.ie", params={"wait": put.json["position"]})
    await served.get("/v1/profiles/by/email/ann@x.ie", params={"wait": put.json["position"]})
    return served


async def find(gateway: Gateway, query: Any, **more: Any) -> Heard:
    """Ask."""
    return await gateway.call("POST", "/v1/find", "read", json={"query": query, **more})


async def names(gateway: Gateway, query: Any, **more: Any) -> list[str]:
    """Who is found."""
    found = msgspec.convert((await find(gateway, query, **more)).json, FoundShown)
    return [shown["properties"]["Name"] for shown in found["profiles"]]


async def test_people_are_found_by_what_they_did_and_are_in_either_form(shop: Gateway) -> None:
    assert await names(shop, "did Charged where (Amount > 10) in 30d or Plan = Bronze") == ["Ann"]
    assert await names(shop, {"all": [{"did": "Viewed"}, {"not": {"did": "Charged"}}]}) == ["Ben"]
    answer = (await find(shop, "did Viewed", count=True)).json
    assert answer == {"people": 1, "orphans": 1, "exact_since": None, "unknown": []}
    assert (await find(shop, "did Flown", count=True)).json["unknown"] == ["Flown"]


async def test_pages_meet(shop: Gateway) -> None:
    first = (await find(shop, "Name exists", limit=1, sort="visits")).json
    second = (await find(shop, "Name exists", limit=1, sort="visits", cursor=first["cursor"])).json
    assert [page["profiles"][0]["properties"]["Name"] for page in (first, second)] == ["Ben", "Ann"]
    assert second["cursor"] is None


WRONG: list[tuple[Any, str]] = [
    ("did Charged >= ", "at 15"),
    ("Plan like Gold", "at 6: an operator is wanted, not 'like'"),
    ({"all": [{"did": "A", "count": {"near": 1}}]}, "all[0].count"),
    ({"property": "x", "like": 5}, "there is no operator 'like'"),
    ("not " * 15 + "Plan = Gold", "at 41: conditions are nested at most 10 deep"),
    (" or ".join(["Plan = Gold"] * 101), "at most 100 conditions"),
    (5, "a condition is an object"),
]


async def test_a_wrong_query_is_refused_with_its_place(shop: Gateway) -> None:
    for query, place in WRONG:
        refused = await find(shop, query)
        assert (refused.status, refused.json["reason"]) == (400, "bad_query")
        assert place in refused.json["error"]
    refused = await find(shop, "everyone", sort="colour")
    assert (refused.status, refused.json["reason"]) == (400, "bad_page")


async def test_an_export_streams_everybody_in_lines(shop: Gateway) -> None:
    out = await find(shop, "Plan exists", export="csv", fields=["Name", "visits", "type"])
    assert out.headers["Content-Type"].startswith("text/csv")
    head, *rows = out.body.decode().splitlines()
    assert (head, sorted(rows)) == ("Name,visits,type", ["Ann,7,customer", "Ben,9,addressable"])
    lines = (await find(shop, "Plan exists", export="jsonl")).body.splitlines()
    assert sorted(json.loads(line)["properties"]["Name"] for line in lines) == ["Ann", "Ben"]


async def test_why_somebody_does_not_match_is_told_condition_by_condition(shop: Gateway) -> None:
    ben = (await shop.get("/v1/profiles/by/email/ben@x.ie")).json["id"]
    told = (await find(shop, "did Charged and Plan = Silver", why=ben)).json
    assert (told["matches"], [(part["matches"], part["saw"]) for part in told["of"]]) == (
        False, [(False, 0), (True, "Silver")],
    )  # fmt: skip


async def test_the_catalog_says_what_there_is_to_ask_for(shop: Gateway) -> None:
    known = msgspec.convert((await shop.get("/v1/catalog")).json, CatalogShown)
    assert (known["people"], known["orphans"]) == (2, 1)
    assert [(one["name"], one["people"]) for one in known["events"]] == [("Viewed", 2), ("Charged", 1)]
    assert known["events"][1]["properties"] == [{"name": "Amount", "kinds": ["number"], "values": [30]}]
    held = {one["name"]: (one["kinds"], sorted(one["values"])) for one in known["properties"]}
    assert held["Plan"] == (["text"], ["Gold", "Silver"])
    assert held["Email"] == ([], [])
