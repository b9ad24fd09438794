"""The image: pinned, without root, without build tools, and as small as what it needs."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest

from tests.deploy.manifests import (
    NAMES,
    PROJECT,
    ROOT,
    check_command,
    image_command,
    image_environment,
    instructions,
    last_stage,
    said,
)

PINNED = re.compile(r"python:3\.(\d+)\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}")


def pins(name: str) -> dict[str, str]:
    """The packages of a file of requirements, with their versions."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;]+)", text, re.MULTILINE))


def test_both_stages_stand_on_the_one_python_that_is_pinned_by_version_and_digest() -> None:
    (python,) = (rest.removeprefix("PYTHON=") for rest in said("ARG") if rest.startswith("PYTHON="))
    version = PINNED.fullmatch(python)
    assert version, python
    assert f">=3.{version[1]}" == PROJECT["requires-python"]
    assert [rest.split()[0] for rest in said("FROM")] == ["${PYTHON}"] * 2


def test_everything_that_is_installed_is_named_with_its_hash_or_comes_from_here() -> None:
    installs = [
        step.strip() for line in said("RUN") for step in line.split("&&") if re.search(r"\bpip\b.*\binstall\b", step)
    ]
    assert len(installs) == 3
    for step in installs:
        assert ("--require-hashes" in step and "--only-binary :all:" in step) or "--no-index" in step, step
    assert not [rest for name, rest in instructions() if name == "ADD" or "apt-get" in rest or "curl" in rest]


@pytest.mark.parametrize("name", ["run.txt", "build.txt"])
def test_every_package_of_the_image_has_hashes_and_the_version_that_the_tests_run_with(name: str) -> None:
    text, tested = (ROOT / "requirements" / name).read_text(), pins("dev.txt")
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block
    assert {package: version for package, version in pins(name).items() if tested.get(package) != version} == {}


def test_what_builds_it_is_among_what_is_pinned() -> None:
    assert "hatchling" in pins("build.txt")
    assert "hatchling" not in pins("run.txt")


def test_the_last_stage_runs_nothing_and_takes_nothing_but_the_installed_packages() -> None:
    assert said("RUN", last_stage()) == []
    assert said("COPY", last_stage()) == ["--from=build /opt/knownas /opt/knownas"]


def test_it_is_not_root_and_says_so_in_numbers() -> None:
    (user,) = said("USER", last_stage())
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)


def test_what_it_sets_are_settings_and_what_it_runs_is_a_command() -> None:
    assert {name for name in image_environment() if name.startswith("KNOWNAS_")} <= NAMES
    assert said("ENTRYPOINT", last_stage()) == ['["knownas"]']
    check_command(image_command())


def test_its_health_check_asks_where_its_worker_answers() -> None:
    (check,) = said("HEALTHCHECK", last_stage())
    assert f"127.0.0.1:{image_environment()['KNOWNAS_HEALTH_PORT']}/health/live" in check
    assert image_environment()["KNOWNAS_HEALTH_PORT"] in said("EXPOSE", last_stage())[0].split()


def test_it_is_made_of_named_files_alone_and_of_no_secret() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    taken = [word for rest in said("COPY") if "--from" not in rest for word in rest.split()[:-1]]
    assert sorted(taken) == sorted(let_in)
    assert all((ROOT / name).exists() for name in taken)
    kept_out = (ROOT / ".gitignore").read_text().splitlines()
    assert any(fnmatch("/deploy/knownas.secret", line) for line in kept_out)


def test_the_same_commit_gives_the_same_bytes() -> None:
    assert any(rest.startswith("SOURCE_DATE_EPOCH=") for rest in said("ARG"))
    assert any("SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}" in rest for rest in said("ENV"))
    assert "PYTHONDONTWRITEBYTECODE" in image_environment()
