"""Makes tests/deploy/schemas: what compose files and Kubernetes objects may say, as their makers publish it.

Run it in an environment of its own, with the packages that carry the schemas:

    python3 -m venv .cache/schemas
    .cache/schemas/bin/pip install check-jsonschema==0.39.0 kubernetes-validate==1.37.0
    .cache/schemas/bin/python tools/deploy_schemas.py

Of Kubernetes it keeps the kinds that deploy/kubernetes has, without descriptions.
"""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

TO = Path(__file__).parents[1] / "tests/deploy/schemas"
OLDEST = "v1.34.0"
"""The oldest Kubernetes that the manifests are checked for."""

KINDS = (
    "configmap-v1", "deployment-apps-v1", "horizontalpodautoscaler-autoscaling-v2", "ingress-networking-v1",
    "job-batch-v1", "namespace-v1", "networkpolicy-networking-v1", "poddisruptionbudget-policy-v1", "service-v1",
    "serviceaccount-v1", "statefulset-apps-v1",
)  # fmt: skip


def main() -> None:
    TO.mkdir(parents=True, exist_ok=True)
    vendor = Path(str(files("check_jsonschema"))) / "builtin_schemas/vendor"
    shutil.copyfile(vendor / "compose-spec.json", TO / "compose-spec.json")
    shutil.copyfile(vendor / "licenses/LICENSE.compose-spec", TO / "LICENSE")
    (TO / "kubernetes.json").write_text(json.dumps(kubernetes(), separators=(",", ":"), sort_keys=True) + "\n")


def kubernetes() -> dict[str, Any]:
    """One document: `kinds` by apiVersion and kind, and the `$defs` that they need."""
    folder = Path(str(files("kubernetes_validate"))) / f"kubernetes-json-schema/{OLDEST}-local-strict"
    every = bare(json.loads((folder / "_definitions.json").read_text()))["$defs"]
    kinds: dict[str, Any] = {}
    for name in KINDS:
        schema = bare(json.loads((folder / f"{name}.json").read_text()))
        (about,) = schema.pop("x-kubernetes-group-version-kind")
        version = "/".join(filter(None, (about["group"], about["version"])))
        kinds[f"{version} {about['kind']}"] = schema
    needed = references(kinds)
    waiting = list(needed)
    while waiting:
        more = references(every[waiting.pop()]) - needed
        needed |= more
        waiting += more
    return {"version": OLDEST, "kinds": kinds, "$defs": {name: every[name] for name in sorted(needed)}}


def bare(schema: Any, *, of_names: bool = False) -> Any:
    """A schema without descriptions, its references within one document. `of_names`: its keys are names of fields."""
    if isinstance(schema, list):
        return [bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: bare(value, of_names=not of_names and key in {"properties", "$defs"})
        for key, value in schema.items()
        if of_names or key not in {"description", "$schema", "$id"}
    }
    if not of_names and isinstance(kept.get("$ref"), str):
        kept["$ref"] = "#" + kept["$ref"].partition("#")[2]
    return kept


def references(schema: Any) -> set[str]:
    """The definitions that a schema refers to."""
    if isinstance(schema, list):
        return {name for item in schema for name in references(item)}
    if not isinstance(schema, dict):
        return set()
    mine = schema.get("$ref")
    found = {mine.removeprefix("#/$defs/")} if isinstance(mine, str) else set()
    return found | {name for value in schema.values() for name in references(value)}


if __name__ == "__main__":
    main()
