"""The OpenAPI document: every call in it can be made, and nothing that fits or misfits it fails the gateway."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import CheckFunction, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.builders import event, login
from tests.pipeline.deployment import Deployment
from tests.serve.running import Gateway, gateway

STREAMS: Final = "/v1/changes"
"""Its answers have no end."""
EXAMPLES: Final = 6
CHECKS: Final[list[CheckFunction]] = [status_code_conformance, response_schema_conformance]


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # the fuzzer's own
async def test_nothing_that_fits_the_document_or_misfits_it_fails_the_gateway(deployment: Deployment) -> None:
    async with deployment.worker(), gateway(deployment, is_open=True) as running:
        put = await running.put(event("laptop", "Viewed"), login("laptop", {"Name": "Ann"}, email="ann@x.ie"))
        ann = (await running.get("/v1/profiles/by/device/laptop", params={"wait": put.json["position"]})).json
        known = {"id": ann["id"], "kind": "email", "value": "ann@x.ie"}
        document = (await running.call("GET", "/openapi.json")).json
        await asyncio.to_thread(_fuzz, running, document, known)


def _fuzz(running: Gateway, document: dict[str, Any], known: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    failed = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in () if operation.path == STREAMS else GenerationMode:
            failed += _fuzz_one(operation, running.url, mode, known)
    assert not failed


def _fuzz_one(operation: Any, url: str, mode: GenerationMode, known: dict[str, str]) -> list[str]:
    failed: list[str] = []
    turn = itertools.count()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        if next(turn) % 2:  # every other call is about somebody who is there
            case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
        answer = case.call(base_url=url, timeout=20)
        if answer.status_code == 500:
            failed.append(f"{operation.label}: {case.as_curl_command()}")
        case.validate_response(answer, checks=CHECKS)

    with suppress(Unsatisfiable):  # a call that takes nothing cannot be made wrongly
        fuzz()
    return failed
