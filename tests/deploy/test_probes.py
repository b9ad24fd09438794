"""Whoever asks a worker or a gateway, probes and Prometheus alike, asks for what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
import yaml

from knownas.operate.health import Health
from knownas.serve import routes_about
from tests.deploy.kubernetes import containers, pods, ports
from tests.deploy.manifests import ROOT, Object

FOUND = ROOT / "deploy/prometheus/kubernetes.yml"


def asked(objects: Sequence[Object], port: str) -> set[str]:
    """The paths that probes ask a port for."""
    probes = [
        value["httpGet"] for _, _, one in containers(objects) for key, value in one.items() if key.endswith("Probe")
    ]
    return {probe["path"] for probe in probes if probe["port"] == port}


async def test_a_worker_answers_its_probes(objects: Sequence[Object]) -> None:
    health = Health(lambda: b"", [])
    health.partitions = []
    assert asked(objects, "health") == {"/health/live", "/health/ready"}
    async with health.served("127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        for path in [*asked(objects, "health"), "/metrics"]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                assert answer.status == 200, path


def test_a_gateway_has_the_pages_that_its_probes_ask_for(objects: Sequence[Object]) -> None:
    there = {route.path for route in routes_about.routes(dict, bytes, [])}
    assert asked(objects, "http") == {"/health/live", "/health/ready"} <= there


def test_prometheus_finds_workers_and_gateways_by_their_labels_and_ports(objects: Sequence[Object]) -> None:
    (job,) = yaml.safe_load(FOUND.read_text())["scrape_configs"]
    keep = next(rule for rule in job["relabel_configs"] if rule.get("action") == "keep")
    prefix = "__meta_kubernetes_pod_label_app_kubernetes_io_"
    assert keep["source_labels"] == [f"{prefix}name", f"{prefix}component", "__meta_kubernetes_pod_container_port_name"]
    kept = set()
    for pod in pods(objects).values():
        labels = pod["metadata"]["labels"]
        for port in ports(pod):
            words = (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"], port)
            if re.fullmatch(keep["regex"], ";".join(words)):
                kept.add(words[1:])
    assert kept == {("worker", "health"), ("gateway", "http")}


def test_prometheus_takes_what_finds_the_pods(tmp_path: Path) -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    about = yaml.safe_load(FOUND.read_text())
    # Debian's promtool is made without Kubernetes: all else it checks.
    assert about["scrape_configs"][0].pop("kubernetes_sd_configs") == [{"role": "pod"}]
    shutil.copy(FOUND.parent / "alerts.yml", tmp_path)
    (tmp_path / "kubernetes.yml").write_text(yaml.safe_dump(about))
    words = [promtool, "check", "config", str(tmp_path / "kubernetes.yml")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
