"""Variables that look like settings and are none are told, with what may be meant."""

from __future__ import annotations

import pytest

from knownas.settings import load
from knownas.settings_unread import unread


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (["KNOWNAS_REDIS_PASSWROD"], {"KNOWNAS_REDIS_PASSWROD": "KNOWNAS_REDIS_PASSWORD"}),
        (["KNOWNAS_HELTH_PORT"], {"KNOWNAS_HELTH_PORT": "KNOWNAS_HEALTH_PORT"}),
        (["Knownas_Kafak"], {"Knownas_Kafak": "KNOWNAS_KAFKA"}),
        (["KNOWNAS_SOMETHING_ELSE"], {"KNOWNAS_SOMETHING_ELSE": ""}),
        (["KNOWNAS_KAFKA", "KNOWNAS_Http_Port", "PATH"], {}),
        (
            [
                "KNOWNAS_GATEWAY_SERVICE_HOST", "KNOWNAS_GATEWAY_SERVICE_PORT", "KNOWNAS_GATEWAY_SERVICE_PORT_HTTP",
                "KNOWNAS_GATEWAY_PORT", "KNOWNAS_GATEWAY_PORT_8088_TCP", "KNOWNAS_GATEWAY_PORT_8088_TCP_ADDR",
                "KNOWNAS_SERVICE_HOST", "KNOWNAS_SERVICE_PORT", "KNOWNAS_PORT",
            ],
            {},
        ),
        (["KNOWNAS_GATEWAY_SERVICE_HOST", "KNOWNAS_HEALTH_PROT"], {"KNOWNAS_HEALTH_PROT": "KNOWNAS_HEALTH_PORT"}),
    ],
    ids=[
        "misspelt", "a misspelt port", "small letters misspelt", "like nothing", "settings, in any letters",
        "what a pod is told of services", "one beside what it is told",
    ],
)  # fmt: skip
def test_a_variable_that_no_setting_reads_is_told_with_the_one_that_may_be_meant(
    there: list[str], told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", dict.fromkeys(there, "x"))
    assert unread() == told


def test_a_variable_in_small_letters_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWNAS_Group", "ours")
    assert (load().group, "KNOWNAS_Group" in unread()) == ("ours", False)
