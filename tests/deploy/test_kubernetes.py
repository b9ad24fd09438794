"""Kubernetes would take the manifests, and every name in one of them leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import jsonschema_rs
import msgspec
import pytest
import yaml

from tests.deploy import keda
from tests.deploy.kubernetes import chosen, containers, name_of, named_by, of_kind, paths, ports, written
from tests.deploy.manifests import KUBERNETES, SCHEMAS, Object

SCHEMA = json.loads((SCHEMAS / "kubernetes.json").read_text())
GUIDE = (KUBERNETES / "README.md").read_text()


def problems(one: Object) -> list[str]:
    """What Kubernetes, or KEDA, would say against an object."""
    if one["apiVersion"].startswith("keda.sh/"):
        try:
            msgspec.convert(one, keda.KINDS[one["kind"]])
        except msgspec.ValidationError as error:
            return [str(error)]
        return []
    schema = {**SCHEMA["kinds"][f"{one['apiVersion']} {one['kind']}"], "$defs": SCHEMA["$defs"]}
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(one)]


def nothings(value: object, at: str = "") -> Iterator[str]:
    """Where a value says nothing, which schemas let pass."""
    if value is None:
        yield at
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nothings(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from nothings(inner, f"{at}[{place}]")


def test_every_object_is_what_its_schema_says(objects: Sequence[Object]) -> None:
    assert {name_of(one): found for one in objects if (found := [*problems(one), *nothings(one)])} == {}


def test_what_a_schema_does_not_know_is_noticed() -> None:
    worker = next(one for one in written(KUBERNETES / "base") if one["kind"] == "StatefulSet")
    scaling = next(one for one in written(KUBERNETES / "base") if one["kind"] == "ScaledObject")
    assert problems({**worker, "spec": {**worker["spec"], "replica": 3}})
    assert problems({**scaling, "spec": {**scaling["spec"], "maxReplicas": 3}})


@pytest.mark.parametrize("folder", ["base", "example"])
def test_every_file_of_a_kustomization_is_used_and_there(folder: str) -> None:
    about = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    used = {*about["resources"], *(patch["path"] for patch in about.get("patches", ()))}
    files = {file.name for file in (KUBERNETES / folder).iterdir()} - {"kustomization.yaml"}
    assert files == used - {"../base"}


def test_every_name_leads_to_an_object_or_to_one_that_the_guide_says_how_to_make(objects: Sequence[Object]) -> None:
    wanted = {named for one in objects for named in named_by(one)}
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    ours = {(kind, name) for kind, name in wanted - there if kind in {"Secret", "ConfigMap"} and f"`{name}`" in GUIDE}
    assert wanted - there - ours == set()


def test_every_selector_chooses_pods_of_one_part_or_all(objects: Sequence[Object]) -> None:
    for one in objects:
        spec = one.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector is None:
            continue
        found = chosen(objects, selector.get("matchLabels", selector))
        parts = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in found}
        mine = one["metadata"]["labels"].get("app.kubernetes.io/component")
        assert parts == ({mine} if mine else {"worker", "gateway", "topics"}), name_of(one)


def test_every_port_that_is_named_is_there(objects: Sequence[Object]) -> None:
    for service in of_kind(objects, "Service"):
        (pod,) = chosen(objects, service["spec"]["selector"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports(pod)), name_of(service)
    for _, pod, container in containers(objects):
        probes = [value for key, value in container.items() if key.endswith("Probe")]
        assert {probe["httpGet"]["port"] for probe in probes} <= set(ports(pod))
    for policy in of_kind(objects, "NetworkPolicy"):
        let_in = [port["port"] for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]]
        for pod in chosen(objects, policy["spec"]["podSelector"]["matchLabels"]):
            assert {port for port in let_in if isinstance(port, str)} <= set(ports(pod)), name_of(policy)
    services = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]} for one in of_kind(objects, "Service")
    }
    for ingress in of_kind(objects, "Ingress"):
        for path in paths(ingress):
            assert path["backend"]["service"]["port"]["name"] in services[path["backend"]["service"]["name"]]
