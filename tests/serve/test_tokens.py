"""Tokens: which are ours, for how long, and what they let an SDK read back."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import time
from typing import Any

import pytest

from knownas.cli import run
from knownas.serve.tokens import LONGEST, Claims, Tokens
from tests.builders import login
from tests.doors.sdk import push
from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import Gateway, gateway

NOW = 1_763_791_200
KEY, OTHER = "k" * 32, "o" * 32
TOKENS = Tokens([KEY], 600)
ANN = {"sub": "email:ann@x.ie", "exp": NOW + 60}
TURN = itertools.count()
HS256 = {"typ": "JWT", "alg": "HS256"}


def packed(said: bytes) -> str:
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def signed(claims: Any, head: Any = HS256, key: str = KEY) -> str:
    """A token as a site's server makes it, with its own idea of white space and order."""
    said = f"{packed(json.dumps(head).encode())}.{packed(json.dumps(claims).encode())}"
    return f"{said}.{packed(hmac.digest(key.encode(), said.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (signed(ANN), Claims("email:ann@x.ie", NOW + 60)),
        (signed({"iat": NOW, "device": "d-1", **ANN}), Claims("email:ann@x.ie", NOW + 60, "d-1")),
        (TOKENS.sign(Claims("identity:é", NOW + 1)), Claims("identity:é", NOW + 1)),
        (signed({**ANN, "exp": NOW}), "expired"),
        (signed({**ANN, "exp": NOW + 601}), "too_long_lived"),
        (signed({**ANN, "exp": str(NOW + 60)}), "not_ours"),
        (signed({"sub": "email:ann@x.ie"}), "not_ours"),
        (signed(ANN, key=OTHER), "not_ours"),
        (signed(ANN, head={"alg": "none"}), "not_ours"),
        (signed(ANN, head={"alg": "HS512"}), "not_ours"),
        (signed(ANN, head=[]), "not_ours"),
        (signed(ANN).rpartition(".")[0] + ".", "not_ours"),
        (signed(ANN)[:-4], "not_ours"),
        (signed(ANN | {"more": "x" * LONGEST}), "not_ours"),
        (signed("[" * 1_000), "not_ours"),
        ("", "not_ours"),
        ("..", "not_ours"),
        ("é.é.é", "not_ours"),
    ],
)
def test_a_token_is_ours_or_it_says_nothing(token: str, found: object) -> None:
    assert TOKENS.read(token, NOW * 1000) == found


def test_a_key_is_changed_without_a_gap_and_without_keys_no_token_holds() -> None:
    both = Tokens([OTHER, KEY], 600)
    assert both.read(signed(ANN), NOW * 1000) == both.read(signed(ANN, key=OTHER), NOW * 1000) == Claims(**ANN)  # type: ignore[arg-type]
    assert both.sign(Claims(**ANN)) == Tokens([OTHER], 600).sign(Claims(**ANN))  # type: ignore[arg-type]
    assert Tokens([], 600).read(signed(ANN), NOW * 1000) == "not_ours"


@pytest.mark.parametrize(
    ("words", "keys", "said"),
    [
        (("email:ann@x.ie",), "", "no key for tokens is set"),
        (("email:ann@x.ie",), "short", "at least 32 characters"),
        (("d-1",), KEY, "a token is for an identity"),
        (("email:ann@x.ie", "--minutes", "61"), KEY, "1 to 60 minutes"),
    ],
)
def test_the_command_says_what_it_lacks(
    words: tuple[str, ...], keys: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWNAS_HTTP_TOKEN_KEYS", keys)
    assert run(("keys", "token", *words)) in (1, 2)
    assert said in capsys.readouterr().err


def test_the_command_signs_for_whom_it_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWNAS_HTTP_TOKEN_KEYS", f"{KEY},{OTHER}")
    assert run(("keys", "token", "email:Ann@X.ie", "--device", "d-1", "--json")) == 0
    made = json.loads(capsys.readouterr().out)
    read = TOKENS.read(made["token"], int(time.time() * 1000))
    assert read == Claims("email:ann@x.ie", made["expires"], "d-1")


async def reads_back(served: Gateway, device: str, token: str | None) -> tuple[dict[str, Any], str | None]:
    """What the Web SDK of a device is shown, and why its token was refused."""
    sent = {"type": "event", "evtName": "Seen", "evtData": {}, "g": device, "id": served.keys["write"], "dsync": True}
    path = "/a" if token is None else f"/t/{token}/a"
    asked = push(sent, i=str(int(time.time())), sn=str(next(TURN)))
    heard = await served.call("GET", path, params=list(asked.query), headers={"Accept": "application/json"})
    assert heard.status == 200, heard.body
    return heard.json["tr"]["evpr"]["profile"], heard.headers.get("Knownas-Token")


async def test_a_token_lets_a_device_read_back_its_person_and_nobody_else(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with (
        deployed(kafka, redis_url, namespace, http_token_keys=KEY) as made, made.worker(), gateway(made) as served,
    ):  # fmt: skip
        await met(served, made)
        until = time.time() + 300
        ann, bob = (signed({"sub": f"email:{name}@x.ie", "exp": until}) for name in ("ann", "bob"))
        assert await reads_back(served, "laptop", None) == ({}, None)
        for device in ("laptop", "phone"):
            assert (await reads_back(served, device, ann))[0]["Plan"] == "Gold"
        assert await reads_back(served, "laptop", bob) == ({}, "another_person")
        assert await reads_back(served, "bobs", ann) == ({}, "another_person")
        assert await reads_back(served, "nobodys", ann) == ({}, "another_person")
        assert await reads_back(served, "laptop", signed({"sub": "email:ann@x.ie", "exp": until}, key=OTHER)) == (
            {}, "not_ours",
        )  # fmt: skip
        narrow = signed({"sub": "email:ann@x.ie", "exp": until, "device": "phone"})
        assert await reads_back(served, "laptop", narrow) == ({}, "another_device")
        assert (await reads_back(served, "phone", narrow))[0]["Plan"] == "Gold"
        await made.settled()
        seen = (await served.get("/v1/profiles/by/email/ann@x.ie")).json["events"]["Seen"]["count"]
        assert seen == 7, "whatever its token, what a page sends is counted"


async def met(served: Gateway, deployment: Deployment) -> None:
    """Ann on two devices, Bob on one."""
    put = await served.put(
        login("laptop", {"Plan": "Gold"}, email="ann@x.ie"), login("phone", email="ann@x.ie"),
        login("bobs", email="bob@x.ie"),
    )  # fmt: skip
    assert put.json["status"] == "success"
    await deployment.settled()
