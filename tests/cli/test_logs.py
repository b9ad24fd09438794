"""Where log lines go, and what is in them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import orjson
import pytest
import structlog

from knownas.cli.output import quiet_logs
from knownas.cli.worker import ready_at
from knownas.settings import load


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_goes_to_what_is_standard_error_when_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    log = structlog.get_logger()
    closed, later = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", closed)
    quiet_logs()
    monkeypatch.setattr("sys.stderr", later)
    closed.close()
    log.info("a partition was taken", partition=3)
    assert "a partition was taken" in later.getvalue()


def test_as_json_a_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    quiet_logs(as_json=True)
    structlog.get_logger().warning("the store is away", seconds=2)
    line = orjson.loads(capsys.readouterr().err)
    assert {name: line[name] for name in ("event", "seconds", "level")} == {
        "event": "the store is away", "seconds": 2, "level": "warning",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("worker-0.shop", "worker-0.shop"), ("::1", "[::1]")]
)
def test_a_worker_says_where_its_health_page_is_wherever_that_listens(
    capsys: pytest.CaptureFixture[str], host: str, shown: str
) -> None:
    ready_at(load(health_host=host))(8081)
    assert capsys.readouterr().out == f"worker ready, health on http://{shown}:8081/health\n"
