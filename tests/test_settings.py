"""Settings: wrong ones are named with what would be right, all at once, and secrets are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from knownas.errors import CannotStart
from knownas.settings import load

WRONG = [
    ({"kafka": "localhost"}, "KNOWNAS_KAFKA: 'localhost' is not host:port"),
    ({"redis": "localhost:6379"}, "KNOWNAS_REDIS: it must start with redis://"),
    ({"redis": "redis://user:secret@host:port/0"}, "KNOWNAS_REDIS: its port is not a number"),
    ({"secret": "short"}, "KNOWNAS_SECRET"),
    ({"identity_kinds": "email,email"}, "KNOWNAS_IDENTITY_KINDS: name at least one kind, and each only once"),
    ({"identity_kinds": "device"}, "KNOWNAS_IDENTITY_KINDS: device cannot be a kind"),
    ({"day_timezone": "Dublin"}, "KNOWNAS_DAY_TIMEZONE: 'Dublin' is no time zone: use a name like Europe/Dublin"),
    ({"timeline_entries": "many"}, "KNOWNAS_TIMELINE_ENTRIES"),
    ({"secret": "long enough", "secret_file": "file"}, "not both"),
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


def test_identity_kinds_are_read_in_their_order() -> None:
    assert load(identity_kinds=" phone, email ").identity_rules().kinds == ("phone", "email")


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
