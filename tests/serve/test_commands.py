"""`knownas serve`, `knownas keys` and `knownas import` as somebody at a terminal meets them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from knownas.cli import run
from tests.pipeline.deployment import Deployment


def asked(url: str, key: str) -> int:
    """The status of a call."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_key_is_made_shown_once_listed_and_taken_back(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in deployment.environment().items():
        monkeypatch.setenv(name, value)

    def said(*words: str, status: int = 0) -> str:
        assert run(("keys", *words)) == status
        return "".join(capsys.readouterr())

    made = json.loads(said("create", "read", "--name", "page", "--json"))
    assert made["key"].startswith("rk_")
    listed = said("list")
    assert made["id"] in listed
    assert "page" in listed
    assert made["key"] not in listed
    assert "is revoked" in said("revoke", made["key"])
    assert "there is no such key" in said("revoke", made["id"], status=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keys", "create"), "say what the key may do"),
        (("keys", "create", "read", "--key", "TEST-ACC-000"), "may only write"),
        (("keys", "create", "write", "--key", "short"), "8 to 256"),
        (("serve", "--open", "--host", "0.0.0.0"), "--open is for 127.0.0.1 alone"),
        (("import", "none.csv"), "there is no file"),
    ],
)
def test_wrong_input_ends_with_a_line_that_helps(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) in (1, 2)
    assert said in capsys.readouterr().err


async def test_a_gateway_serves_until_it_is_told_to_stop(deployment: Deployment) -> None:
    key = deployment.command("keys", "create", "read").stdout.strip()
    process = deployment._popen("serve", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("gateway ready, http://127.0.0.1:"), line
    url = line.split()[2].removesuffix("/docs")
    assert asked(f"{url}/v1/profiles/x", key) == 404
    assert asked(f"{url}/v1/profiles/x", "nonsense") == 401
    process.terminate()
    assert process.wait(20) == 0


async def test_an_import_goes_on_where_it_was_and_counts_nothing_twice(deployment: Deployment, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    rows = [f"p{n}@x.ie,{n}," for n in range(50)]
    table.write_text("Mail,points,Notes\n" + "\n".join(rows) + "\nnull,1,\n,2,\np1@x.ie\n")
    deployment.command("keys", "create", "read")
    words = ("import", str(table), "--map", "Mail=email", "Notes=-", "--json")
    looked = deployment.command(*words, "--dry-run")
    assert json.loads(looked.stdout)["good"] == 50, looked.stderr
    async with deployment.worker():
        for again, sent in (((), 50), ((), 0), (("--again",), 50)):
            done = deployment.command(*words, *again)
            assert json.loads(done.stdout)["sent"] == sent, done.stderr
            assert done.returncode == (2 if sent else 0)
        await deployment.settled()
    assert not (await deployment.verify()).differences
    person = await deployment.of_identity("email", "p7@x.ie")
    assert (person.properties["points"].value, person.version) == (7, 1)
