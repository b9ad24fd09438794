"""The store's users: the file says what the code needs, and each key and command of the code is somebody's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from knownas.adapters.redis import SCRIPTS
from knownas.adapters.rights import OF_GATEWAYS, OF_WORKERS, acl_file, users

FILE = Path(__file__).parents[2] / "deploy" / "knownas.acl"


def test_the_file_in_deploy_is_what_the_code_says() -> None:
    assert FILE.read_text() == acl_file(), "run: .venv/bin/python tools/acl.py"


def test_every_script_is_somebodys() -> None:
    assert {*OF_WORKERS, *OF_GATEWAYS, "segments"} == set(SCRIPTS)
    assert {f"{name}.lua" for name in SCRIPTS} == {
        file.name for file in files("knownas.adapters").iterdir() if file.name.endswith(".lua")
    }


def test_a_prefix_with_signs_of_a_pattern_means_itself() -> None:
    assert r"~a\*b:{o*}:*" in users("a*b:")[0].parts


def test_nobody_may_log_in_before_a_password_is_given_and_nobody_else_may_do_anything() -> None:
    lines = acl_file().splitlines()
    assert lines[0] == "user default off"
    assert not [line for line in lines if "nopass" in line or ">" in line or "#" in line]


def test_a_gateway_may_write_nothing_but_what_a_query_works_out_and_definitions() -> None:
    plain = [part for part in users()[1].parts if part.startswith("~")]
    assert plain == ["~ka:{[0-9]*}:q:n", "~ka:{[0-9]*}:q:ids", "~ka:{meta}:segments"]
    assert not {"+set", "+hset", "+unlink", "+mset"} & set(users()[1].parts)
