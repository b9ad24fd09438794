"""Alerts and dashboards ask only for what workers and gateways say, and are as the tools make them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tools.dashboards import dashboards, text_of

from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed, page_of
from tests.serve.running import gateway

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
SECTIONS = [
    (name, panel) for name, dashboard in dashboards().items() for panel in dashboard["panels"] if panel["type"] != "row"
]


def expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    found = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    for name, panel in SECTIONS:
        found |= {f"{name} {panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


def asked_for(expression: str) -> set[tuple[str, tuple[str, ...]]]:
    """The metrics that an expression asks for, each with the labels that it chooses by."""
    chosen = re.findall(r"\b((?:knownas|process)_[a-z_]+)(?:\{([^}]*)\})?", expression)
    return {(name, tuple(re.findall(r"(\w+)[=!]", labels))) for name, labels in chosen}


def told(page: str) -> dict[str, set[str]]:
    """The metrics of a page, each with its labels; those that whoever asks adds are there too."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? ", page, re.MULTILINE):
        found.setdefault(name, {"job", "instance"}).update(re.findall(r'(\w+)="', labels))
    return found


async def test_every_metric_that_is_asked_for_is_told_by_a_worker_or_a_gateway(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace) as deployment, deployment.worker() as worker:
        async with gateway(deployment) as served:
            await served.put({"type": "event", "device": "d-1", "evtName": "A"}, {"type": "event", "device": "d-1"})
            await deployment.send(b"no record")
            await deployment.settled()
            pages = await page_of(worker.health_port, until="knownas_log_end{"), (await served.call("GET", "/metrics"))
        metrics = told(pages[0]) | told(pages[1].body.decode())
        missing = {
            where: sorted(name for name, labels in asked_for(expr) if not set(labels) <= metrics.get(name, set()))
            for where, expr in expressions().items()
        }
    assert {where: names for where, names in missing.items() if names} == {}


async def test_positions_and_lag_are_told_and_are_0_when_all_is_done(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace) as deployment, deployment.worker() as worker:
        await deployment.send(event("d-1"), login("d-1", email="a@x.ie"), event("d-2"))
        await deployment.settled()
        ends = await ends_of(deployment)
        page = await page_of(
            worker.health_port, until=f'knownas_log_end{{partition="{ends[0]}",topic="events"}} {ends[1]}.'
        )
        lag = re.findall(r"^knownas_lag_records\{.*\} (.*)$", page, re.MULTILINE)
    assert [float(value) for value in lag] == [0.0] * 12


async def ends_of(deployment: Deployment) -> tuple[int, int]:
    """A partition of `events` that has records, and its end."""
    bounds = await deployment.world.log.bounds([(deployment.layout.name("events"), number) for number in range(4)])
    return next((number, end) for (_, number), (_, end) in bounds.items() if end)


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_is_as_the_code_makes_it(name: str) -> None:
    written = (ROOT / "deploy/grafana" / name).read_text()
    assert written == text_of(dashboards()[name]), "run: .venv/bin/python tools/dashboards.py"
    assert len({panel["id"] for panel in json.loads(written)["panels"]}) == len(json.loads(written)["panels"])


def test_a_panel_that_nobody_feeds_does_not_read_as_well() -> None:
    assert {panel["fieldConfig"]["defaults"]["noValue"] for _, panel in SECTIONS} == {"no data"}


def promtool() -> str:
    """Prometheus' own tool."""
    if (found := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    return found


@pytest.mark.parametrize("words", [("rules", "alerts.yml"), ("config", "prometheus.yml")], ids=["rules", "config"])
def test_prometheus_takes_its_files(words: tuple[str, str]) -> None:
    ended = subprocess.run(
        [promtool(), "check", words[0], str(ALERTS.parent / words[1])], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_prometheus_can_read_every_expression_of_the_dashboards(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:number{place}", "expr": expr.replace("$__rate_interval", "1m")}
        for place, expr in enumerate(expressions().values())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    ended = subprocess.run([promtool(), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_alerts_fire_when_they_should_and_not_before() -> None:
    ended = subprocess.run(
        [promtool(), "test", "rules", str(Path(__file__).parent / "alerts_test.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
