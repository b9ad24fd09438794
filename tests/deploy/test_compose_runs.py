"""docker-compose.yml does what it says, where a Docker daemon is there to do it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPResponse
from itertools import count
from pathlib import Path

import pytest

from tests.deploy.manifests import ROOT

PARTS = (
    ".dockerignore",
    "LICENSE",
    "README.md",
    "deploy",
    "docker-compose.yml",
    "pyproject.toml",
    "requirements",
    "src",
)
WORDS = ("docker", "compose")
GATEWAY = "http://127.0.0.1:8088"


def why_not() -> str | None:
    """What is missing for compose to run, None where nothing is."""
    if shutil.which(WORDS[0]) is None:
        return "docker is not installed"
    for words, missing in (
        (("docker", "info"), "no Docker daemon answers"),
        ((*WORDS, "version"), "docker has no compose"),
    ):
        if subprocess.run(words, capture_output=True, check=False).returncode != 0:
            return missing
    return None


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A copy of what compose needs, with secrets of its own; what ran there is gone afterwards."""
    if reason := why_not():
        pytest.skip(f"{reason}: docker-compose.yml is checked, but not run")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    for name in ("knownas", "grafana"):
        (tmp_path / f"deploy/{name}.secret").write_text(uuid.uuid4().hex)
    yield tmp_path
    compose(tmp_path, "down", "--volumes", "--timeout", "30")


def compose(folder: Path, *words: str) -> str:
    """What a compose command prints."""
    project = ("--project-name", f"knownas-{folder.name.replace('_', '-')}"[:60].lower())
    ended = subprocess.run([*WORDS, *project, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def answered(request: urllib.request.Request | str) -> HTTPResponse:
    """The answer to a request; a fresh key is known to gateways within two seconds, until then it is refused."""
    for attempt in count():
        try:
            answer: HTTPResponse = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED or attempt == 10:
                raise
            time.sleep(0.5)
        else:
            return answer
    raise AssertionError


@pytest.mark.timeout(1_800)
def test_all_services_start_and_a_record_becomes_a_profile(folder: Path) -> None:
    compose(folder, "up", "--build", "--detach", "--wait", "--wait-timeout", "900")
    key = compose(folder, "exec", "-T", "gateway", "knownas", "keys", "create", "write", "read").strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    record = {"type": "login", "device": "d-1", "identities": {"email": "ann@x.ie"}}
    body = json.dumps({"records": [record]}).encode()
    with answered(urllib.request.Request(f"{GATEWAY}/v1/records", body, headers)) as answer:
        position = answer.headers["Knownas-Position"]
    wanted = f"{GATEWAY}/v1/profiles/by/email/ann@x.ie?wait={position}"
    with answered(urllib.request.Request(wanted, headers=headers)) as answer:
        assert json.load(answer)["devices"] == ["d-1"]
    compose(folder, "exec", "-T", "worker", "knownas", "doctor")
    for url in ("http://127.0.0.1:3000/api/health", "http://127.0.0.1:9090/-/healthy"):
        with answered(url) as answer:
            assert answer.status == HTTPStatus.OK
