"""What deploy/kubernetes gives: as its files say, and as kustomize puts it together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.deploy.kubernetes import kustomized, written
from tests.deploy.manifests import KUBERNETES, Object

MADE: dict[str, Callable[[], Sequence[Object]]] = {
    "base, as written": lambda: written(KUBERNETES / "base"),
    "base": lambda: kustomized(KUBERNETES / "base"),
    "example": lambda: kustomized(KUBERNETES / "example"),
}


@pytest.fixture(params=MADE)
def objects(request: pytest.FixtureRequest) -> Sequence[Object]:
    """The objects, one kustomization after the other."""
    return MADE[request.param]()
