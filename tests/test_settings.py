"""Settings: wrong ones are named with what would be right, all at once, and secrets are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from knownas.errors import CannotStart
from knownas.settings import LOCAL, load

WRONG = [
    ({"kafka": "localhost"}, "KNOWNAS_KAFKA: 'localhost' is not host:port"),
    ({"redis": "localhost:6379"}, "KNOWNAS_REDIS: it must start with redis://"),
    ({"redis": "redis://user:secret@host:port/0"}, "KNOWNAS_REDIS: its port is not a number"),
    ({"secret": "short"}, "KNOWNAS_SECRET"),
    ({"identity_kinds": "email,email"}, "KNOWNAS_IDENTITY_KINDS: name at least one kind, and each only once"),
    ({"identity_kinds": "device"}, "KNOWNAS_IDENTITY_KINDS: device cannot be a kind"),
    ({"day_timezone": "Dublin"}, "KNOWNAS_DAY_TIMEZONE: 'Dublin' is no time zone: use a name like Europe/Dublin"),
    ({"timeline_entries": "many"}, "KNOWNAS_TIMELINE_ENTRIES"),
    ({"session_timeout_ms": "120000"}, "KNOWNAS_SESSION_TIMEOUT_MS: Input should be less than or equal to 90000"),
    ({"worker_name": "a name"}, "KNOWNAS_WORKER_NAME: String should match pattern"),
    ({"log_level": "loud"}, "KNOWNAS_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"),
    ({"secret": "long enough", "secret_file": "file"}, "not both"),
    ({"redis": "redis+cluster://a,b/4"}, "KNOWNAS_REDIS: a cluster has no database but 0"),
    ({"redis_password": "x", "redis_password_file": "y"}, "set KNOWNAS_REDIS_PASSWORD or KNOWNAS_REDIS_PASSWORD_FILE"),
    ({"kafka_password_file": "/nowhere"}, "KNOWNAS_KAFKA_PASSWORD_FILE /nowhere cannot be read: No such file"),
    ({"kafka_security": "sasl_ssl"}, "needs KNOWNAS_KAFKA_USERNAME and _PASSWORD"),
    ({"kafka_username": "me", "kafka_password": "mine"}, "set it to sasl_ssl"),
    ({"kafka_ca_file": __file__}, "has no use for certificates"),
    ({"kafka_security": "ssl", "kafka_ca_file": "/nowhere"}, "KNOWNAS_KAFKA_CA_FILE: /nowhere cannot be read"),
    ({"redis_cert_file": __file__}, "set both KNOWNAS_REDIS_CERT_FILE and KNOWNAS_REDIS_KEY_FILE"),
    ({"redis_ca_file": __file__}, "KNOWNAS_REDIS has no use for certificates: it must start with rediss"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_wrong_setting_is_named_with_what_it_should_be(given: dict[str, str], said: str) -> None:
    with pytest.raises(CannotStart) as refused:
        load(**given)
    assert said in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(CannotStart) as refused:
        load(kafka="x", redis="y", poll_max_records="z")
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("given", "host", "in_kubernetes", "name"),
    [
        ("mine", "worker-3", True, "mine"),
        (None, "knownas-worker-3", True, "knownas-worker-3"),
        (None, "knownas-worker-3", False, None),
        (None, "knownas-worker-7d9f8b6c5d-x2x4z", True, None),
        (None, "knownas-worker-7d9f8b6c5d-22444", True, None),
    ],
    ids=["given", "a StatefulSet's pod", "any host", "a Deployment's pod", "a Deployment's pod with digits"],
)
def test_a_worker_has_a_name_if_given_one_or_if_its_host_has_one_that_nobody_shares(
    given: str | None, host: str, in_kubernetes: bool, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if in_kubernetes:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert load(worker_name=given).stable_name() == name


def test_how_kafka_is_spoken_to_may_be_written_as_kafka_writes_it() -> None:
    assert load(kafka_security="SSL").kafka_security == "ssl"


def test_an_empty_variable_names_no_file_with_a_secret() -> None:
    assert load(secret="long enough", secret_file="").secret_bytes() == b"long enough"
    with pytest.raises(CannotStart, match="no secret is set"):
        load(secret_file="").secret_bytes()


def test_identity_kinds_are_read_in_their_order() -> None:
    assert load(identity_kinds=" phone, email ").identity_rules().kinds == ("phone", "email")


def test_every_secret_may_stand_in_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    secrets = {
        "redis": "rediss://me:hidden-1@store:1/0", "redis_password": "hidden-2", "kafka_password": "hidden-3",
        "http_token_keys": "hidden-4" + "x" * 32,
    }  # fmt: skip
    files = {f"{name}_file": str(tmp_path / name) for name in secrets}
    for name, secret in secrets.items():
        (tmp_path / name).write_text(secret + "\n")
    found = load(**files, kafka_security="sasl_ssl", kafka_username="me")
    assert {name: getattr(found, name).get_secret_value() for name in secrets} == secrets
    assert "hidden" not in repr(found) + str(found.model_dump())


def test_a_wrong_secret_from_a_file_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("hidden://me:hidden@store")
    with pytest.raises(CannotStart) as refused:
        load(redis_file=str(tmp_path / "url"))
    assert "it must start with" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_secret_is_read_from_its_file_and_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with pytest.raises(CannotStart, match="no secret is set"):
        load().secret_bytes()
    with pytest.raises(CannotStart, match="cannot be read"):
        load(secret_file=str(file)).secret_bytes()
    file.write_text("short\n")
    with pytest.raises(CannotStart, match="fewer than 8"):
        load(secret_file=str(file)).secret_bytes()
    file.write_text("long enough\n")
    assert load(secret_file=str(file)).secret_bytes() == b"long enough"
    assert "long enough" not in repr(load(secret="long enough"))


def test_what_runs_in_the_folder_is_meant_unless_another_deployment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KNOWNAS_KAFKA", "KNOWNAS_REDIS", "KNOWNAS_SECRET", "KNOWNAS_GROUP"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / LOCAL).parent.mkdir()
    (tmp_path / LOCAL).write_text("KNOWNAS_KAFKA=127.0.0.1:1\nKNOWNAS_SECRET=of the folder\nKNOWNAS_GROUP=here\n")
    monkeypatch.chdir(tmp_path)
    assert (load().kafka, load().group) == ("127.0.0.1:1", "here")
    monkeypatch.setenv("KNOWNAS_KAFKA", "127.0.0.1:2")
    assert (load().kafka, load().group, load().secret) == ("127.0.0.1:2", "knownas", None)
