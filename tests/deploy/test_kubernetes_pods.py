"""What runs on Kubernetes: its settings, command lines and rights, and how many there are of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from knownas.settings import Settings
from tests.deploy.kubernetes import containers, environment, of_kind, ports
from tests.deploy.manifests import PROJECT, ROOT, Object, check_command, image_environment, settings_of


def test_every_mount_has_its_volume_and_every_file_of_a_setting_its_mount(objects: Sequence[Object]) -> None:
    for name, pod, container in containers(objects):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounts) == {volume["name"] for volume in pod["spec"]["volumes"]}, name
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        for variable, value in environment(container, objects).items():
            if variable.endswith("_FILE"):
                assert str(Path(value).parent) in mounts.values(), f"{name}: {variable}"


def test_the_environment_of_every_container_makes_settings(
    objects: Sequence[Object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, pod, container in containers(objects):
        with monkeypatch.context() as patched:
            settings = settings_of(image_environment() | environment(container, objects), tmp_path, patched)
        declared = ports(pod)
        assert declared in ({}, {"health": settings.health_port}, {"http": settings.http_port}), name
        assert pod["spec"]["terminationGracePeriodSeconds"] > settings.drain_seconds if "health" in declared else True
        assert pod["spec"]["enableServiceLinks"] is False, "services' addresses are no settings"


def test_a_secret_is_never_said_where_all_can_read_it(objects: Sequence[Object]) -> None:
    assert of_kind(objects, "Secret") == []
    for _, _, container in containers(objects):
        for variable, value in environment(container, objects).items():
            assert variable.endswith("_FILE") or not re.search("SECRET|PASSWORD|TOKEN_KEYS", variable), variable
            assert "@" not in value, variable


def test_every_command_line_is_one(objects: Sequence[Object]) -> None:
    for _, _, container in containers(objects):
        assert "command" not in container
        check_command(container["args"])


def test_a_worker_has_the_name_of_its_pod_which_a_stateful_set_keeps(objects: Sequence[Object]) -> None:
    said = {name: environment(container, objects) for name, _, container in containers(objects)}
    assert {name for name, variables in said.items() if "KNOWNAS_WORKER_NAME" in variables} == {
        "StatefulSet knownas-worker"
    }
    assert said["StatefulSet knownas-worker"]["KNOWNAS_WORKER_NAME"] == "pod-metadata.name"


def test_every_image_is_this_version(objects: Sequence[Object]) -> None:
    images = {container["image"] for _, _, container in containers(objects)}
    assert {image.rpartition("/")[2] for image in images} == {f"knownas:{PROJECT['version']}"}


def test_every_pod_keeps_to_the_strictest_standard_of_kubernetes(objects: Sequence[Object]) -> None:
    for name, pod, container in containers(objects):
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == security["runAsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])


def test_everything_that_runs_says_what_it_needs(objects: Sequence[Object]) -> None:
    for name, _, container in containers(objects):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
        assert set(container["resources"]["limits"]) == {"memory"}, "throttling a worker makes others wait for it"


def test_who_runs_on_is_scaled_and_never_drained_at_once(objects: Sequence[Object]) -> None:
    runs_on = {one["metadata"]["name"] for one in objects if one["kind"] in {"StatefulSet", "Deployment"}}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in objects if "scaleTargetRef" in one.get("spec", {})}
    assert scaled == runs_on == {one["metadata"]["name"] for one in of_kind(objects, "PodDisruptionBudget")}
    assert [one for one in objects if "replicas" in one.get("spec", {})] == [], "applying would undo what scaling did"
    assert {one["spec"]["maxUnavailable"] for one in of_kind(objects, "PodDisruptionBudget")} == {1}
    assert {one["spec"]["minReplicas"] for one in of_kind(objects, "HorizontalPodAutoscaler")} == {2}


def test_workers_are_scaled_by_the_lag_of_every_topic_that_they_read(objects: Sequence[Object]) -> None:
    (scaling,) = of_kind(objects, "ScaledObject")
    (worker,) = [container for name, _, container in containers(objects) if name == "StatefulSet knownas-worker"]
    (job,) = [container for name, _, container in containers(objects) if name == "Job knownas-topics"]
    asked: list[dict[str, Any]] = [trigger["metadata"] for trigger in scaling["spec"]["triggers"]]
    topics = tomllib.loads((ROOT / "deploy/topics.toml").read_text())
    read = {name for name, topic in topics.items() if re.search(r"\bstage [12]\b", topic["reads"])}
    assert {about["topic"] for about in asked} == {f"knownas.{name}" for name in read}
    assert {about["consumerGroup"] for about in asked} == {Settings.model_fields["group"].default}
    assert {about["bootstrapServersFromEnv"] for about in asked} <= set(environment(worker, objects))
    words = job["args"]
    made = {words[words.index(flag) + 1] for flag in ("--partitions", "--shards")}
    assert made == {str(scaling["spec"]["maxReplicaCount"])}, "a worker without a partition does nothing"
