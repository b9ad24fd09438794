"""docker-compose.yml is a compose file, and what its parts say of each other is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tools.dashboards import dashboards

from tests.deploy.manifests import (
    PROJECT,
    ROOT,
    SCHEMAS,
    check_command,
    compose,
    image_environment,
    services_of_knownas,
    settings_of,
)

SERVICES = compose()["services"]
OURS = services_of_knownas()
PROMETHEUS = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
GRAFANA = ROOT / "deploy/grafana/provisioning"


def binds(service: dict[str, Any]) -> dict[str, str]:
    """What a service mounts, by where it sees it."""
    pairs = [volume.split(":") for volume in service.get("volumes", ())]
    return {pair[1]: pair[0] for pair in pairs}


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


def test_it_says_what_the_compose_specification_allows() -> None:
    schema = jsonschema_rs.validator_for(json.loads((SCHEMAS / "compose-spec.json").read_text()))
    assert [error.message for error in schema.iter_errors(compose())] == []
    assert [error.message for error in schema.iter_errors({**compose(), "srvices": {}})] != []


def test_it_brings_all_that_a_deployment_has() -> None:
    assert set(SERVICES) == {"kafka", "valkey", "topics", "worker", "gateway", "prometheus", "grafana"}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_every_image_is_one_version_for_ever() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: {service['image']}"
    assert {service["image"] for service in OURS.values()} == {f"knownas:{PROJECT['version']}"}


def test_nothing_is_published_but_to_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


def test_secrets_come_from_files_that_no_commit_and_no_image_has() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert [
        kept["file"] for kept in compose()["secrets"].values() if not re.match(r"deploy/\w+\.secret$", kept["file"])
    ] == []


@pytest.mark.parametrize("name", OURS)
def test_the_environment_of_a_service_makes_settings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(image_environment() | OURS[name]["environment"], tmp_path, monkeypatch)
    host, _, port = settings.kafka.partition(":")
    assert f"PLAINTEXT://{host}:{port}," in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"] + ","
    assert settings.redis.get_secret_value() == "redis://valkey:6379/0"
    assert settings.secret_bytes()


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_service_is_one(name: str) -> None:
    check_command(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_our_services_may_do_as_little_as_they_need(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_a_worker_has_time_to_drain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(OURS["worker"]["environment"], tmp_path, monkeypatch)
    assert seconds(OURS["worker"]["stop_grace_period"]) > settings.drain_seconds
    assert seconds(OURS["gateway"]["stop_grace_period"]) > max(settings.http_wait_seconds, settings.http_ack_seconds)


def test_what_is_waited_for_and_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        waited = service.get("depends_on", {})
        assert set(waited) <= set(SERVICES), name
        for other, how in waited.items() if isinstance(waited, dict) else ():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], other
        for place in binds(service).values():
            assert place in compose()["volumes"] or (ROOT / place).exists(), f"{name}: {place}"


def test_the_store_keeps_what_it_acknowledged_and_evicts_nothing() -> None:
    words = SERVICES["valkey"]["command"]
    said = {words[place]: words[place + 1] for place in range(1, len(words), 2)}
    assert said == {"--appendonly": "yes", "--appendfsync": "always", "--maxmemory-policy": "noeviction"}
    assert binds(SERVICES["valkey"]) == {"/data": "valkey"}


def test_prometheus_asks_the_services_that_there_are_where_they_answer() -> None:
    asked = {
        (name, about["port"])
        for job in PROMETHEUS["scrape_configs"]
        for about in job["dns_sd_configs"]
        for name in about["names"]
    }
    ports = {"worker": int(OURS["worker"]["environment"]["KNOWNAS_HEALTH_PORT"]), "gateway": 8088}
    assert asked == set(ports.items())
    assert OURS["worker"]["environment"]["KNOWNAS_HEALTH_HOST"] == "0.0.0.0"
    mounted = binds(SERVICES["prometheus"])["/etc/prometheus"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    assert all((ROOT / mounted / name).exists() for name in ["prometheus.yml", *PROMETHEUS["rule_files"]])


def test_a_health_check_asks_where_its_service_answers_and_is_published() -> None:
    assert f"127.0.0.1:{OURS['worker']['environment']['KNOWNAS_HEALTH_PORT']}/health/ready" in str(
        OURS["worker"]["healthcheck"]
    )
    assert "127.0.0.1:8088/health/ready" in str(OURS["gateway"]["healthcheck"])
    assert OURS["gateway"]["ports"] == ["127.0.0.1:8088:8088"]


def test_grafana_asks_the_prometheus_that_is_there_and_shows_every_dashboard() -> None:
    (source,) = yaml.safe_load((GRAFANA / "datasources/prometheus.yml").read_text())["datasources"]
    assert re.fullmatch(r"http://prometheus:9090", source["url"])
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]
    kinds = {
        each["query"]
        for one in dashboards().values()
        for each in one["templating"]["list"]
        if each["type"] == "datasource"
    }
    assert kinds == {source["type"]}
    (provider,) = yaml.safe_load((GRAFANA / "dashboards/knownas.yml").read_text())["providers"]
    mounted = binds(SERVICES["grafana"])
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    shown = ROOT / mounted[provider["options"]["path"]]
    assert {file.name for file in shown.glob("*.json")} == set(dashboards())
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (shown / home.name).exists()
