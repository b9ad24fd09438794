"""The objects of deploy/kubernetes, and what they name: pods, containers, ports, each other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import Object


@cache
def written(folder: Path) -> tuple[Object, ...]:
    """The objects of a kustomization as they stand in its files, with what it generates; patches are for kustomize."""
    about = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects = [found for name in about["resources"] for found in yaml.safe_load_all((folder / name).read_text())]
    labels = {key: value for each in about["labels"] for key, value in each["pairs"].items()}
    for made in about["configMapGenerator"]:
        data = dict(literal.split("=", 1) for literal in made["literals"])
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made["name"]}, "data": data})
    for each in [*objects, *(pod for pod in map(pod_of, objects) if pod)]:
        each.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    return tuple(objects)


@cache
def kustomized(folder: Path) -> tuple[Object, ...]:
    """The objects as kustomize makes them, with patches."""
    if kubectl := shutil.which("kubectl"):
        words = [kubectl, "kustomize"]
    elif kustomize := shutil.which("kustomize"):
        words = [kustomize, "build"]
    else:
        pytest.skip("neither kubectl nor kustomize is installed: overlays are not put together")
    ended = subprocess.run([*words, str(folder)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return tuple(yaml.safe_load_all(ended.stdout))


def name_of(one: Object) -> str:
    """Kind and name."""
    return f"{one['kind']} {one['metadata']['name']}"


def pod_of(one: Object) -> Object | None:
    """The pod that an object makes, None where it makes none."""
    template: Object | None = one.get("spec", {}).get("template")
    return template


def pods(objects: Sequence[Object]) -> dict[str, Object]:
    """All pods, by what makes them."""
    return {name_of(one): pod for one in objects if (pod := pod_of(one)) is not None}


def containers(objects: Sequence[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Each container with the pod it is in and what makes that."""
    for name, pod in pods(objects).items():
        for container in pod["spec"]["containers"]:
            yield name, pod, container


def environment(container: Object, objects: Sequence[Object]) -> dict[str, str]:
    """What a container's environment says; what only a pod knows is said as `pod's FIELD`."""
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", ()):
        said = variable.get("value") or f"pod-{variable['valueFrom']['fieldRef']['fieldPath']}"
        found[variable["name"]] = said
    return found


def named_by(one: Object) -> Iterator[tuple[str, str]]:
    """Every object that one names, by kind and name."""
    spec = one.get("spec", {})
    if "scaleTargetRef" in spec:
        yield spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]
    if "serviceName" in spec:
        yield "Service", spec["serviceName"]
    asked = [trigger for trigger in spec.get("triggers", ()) if "authenticationRef" in trigger]
    yield from (("TriggerAuthentication", trigger["authenticationRef"]["name"]) for trigger in asked)
    yield from (("Secret", each["name"]) for each in spec.get("secretTargetRef", ()))
    yield from (("ConfigMap", each["name"]) for each in spec.get("configMapTargetRef", ()))
    yield from (("Secret", each["secretName"]) for each in spec.get("tls", ()))
    yield from (("Service", path["backend"]["service"]["name"]) for path in paths(one))
    if pod := pod_of(one):
        yield from named_by_pod(pod["spec"])


def named_by_pod(spec: Object) -> Iterator[tuple[str, str]]:
    """Every object that a pod names."""
    yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec["volumes"]:
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in spec["containers"]:
        yield from (("ConfigMap", source["configMapRef"]["name"]) for source in container["envFrom"])


def paths(ingress: Object) -> list[Object]:
    """What an Ingress sends on."""
    return [path for rule in ingress.get("spec", {}).get("rules", ()) for path in rule["http"]["paths"]]


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """The objects of a kind."""
    return [one for one in objects if one["kind"] == kind]


def chosen(objects: Sequence[Object], labels: Mapping[str, str]) -> list[Object]:
    """The pods that labels choose."""
    return [pod for pod in pods(objects).values() if labels.items() <= pod["metadata"]["labels"].items()]


def ports(pod: Object) -> dict[str, int]:
    """The ports of a pod, by name."""
    found = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    return {port["name"]: port["containerPort"] for port in found}
