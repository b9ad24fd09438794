"""`knownas rebuild` and `knownas repair` on a store that is a cluster, and as a user with the least rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from knownas.errors import CannotStart
from knownas.operate.rebuild import rebuild
from knownas.operate.repair import repair
from tests.faults.streams import streaming
from tests.pipeline.deployment import Deployment, deployed
from tests.rebuild.claims import CLAIMS, after_a_failure, lose_claims, signing_up
from tests.rebuild.playing import deployed_worker, lose_the_store, quiet, shop_of, with_others
from tests.rebuild.whole import differences, everything
from tests.secured import ACL, PASSWORD, with_passwords
from tests.valkeys import ConfiguredValkey, cluster, copy_of, put_back, until_formed, url_of

WORKER: Final = {"redis_username": "knownas-worker"}


async def test_a_cluster_that_is_empty_is_made_anew_byte_for_byte(kafka: str, cluster_url: str, namespace: str) -> None:
    async with shop_of(kafka, cluster_url, namespace) as shopping:
        before = await everything(shopping)
        await lose_the_store(shopping)
        await rebuild(shopping.world, quiet)
        async with deployed_worker(shopping):
            await shopping.settled()
        assert differences(before, await everything(shopping)) == []


@pytest.mark.parametrize("lost", [[1], [0, 1, 2]], ids=["one node", "all nodes"])
async def test_a_cluster_whose_nodes_were_put_back_by_seconds_under_load_is_repaired_and_nothing_differs(
    kafka: str, tmp_path: Path, namespace: str, lost: list[int]
) -> None:
    with cluster(tmp_path) as nodes:
        async with deployed(kafka, url_of(nodes), namespace) as deployment:
            async with deployment.worker(), streaming(deployment, signing_up()) as stream:
                await stream.more(200)
                older = [await copy_of(nodes[number], tmp_path / f"older-{number}") for number in lost]
                await lose_claims(deployment, stream)
            for number, copy in zip(lost, older, strict=True):
                await put_back(nodes[number], copy)
            await asyncio.to_thread(until_formed, nodes)
            done = await after_a_failure(deployment)
            assert done.stage_1.claims >= CLAIMS * len(lost) // 3 // 2
            assert done.back > 0
            async with deployed_worker(deployment):
                await deployment.settled()
            report = await deployment.verify()
            assert report.equal, report.differences[:5]


@pytest.fixture
async def guarded(kafka: str, tmp_path: Path, namespace: str) -> AsyncIterator[Deployment]:
    """A shop in the hands of an operator, whose store knows the users of the file in deploy/ and nobody else."""
    (acl := tmp_path / "users.acl").write_text(with_passwords(ACL.read_text()))
    operator = {"redis_username": "knownas-operator", "redis_password": PASSWORD, "redis_prefix": "ka:"}
    with ConfiguredValkey(tmp_path / "valkey", [f"aclfile {acl}"]) as valkey:
        valkey.start()
        async with shop_of(kafka, valkey.url, namespace, WORKER, **operator) as shopping:
            yield shopping


async def test_an_operators_rights_are_enough_to_make_a_store_anew_and_to_repair_it(guarded: Deployment) -> None:
    before = await everything(guarded)
    await lose_the_store(guarded)
    made = await asyncio.to_thread(guarded.command, "rebuild")
    assert made.returncode == 0, made.stderr
    async with deployed_worker(guarded, WORKER):
        await guarded.settled()
    assert differences(before, await everything(guarded)) == []
    mended = await asyncio.to_thread(guarded.command, "repair")
    assert mended.returncode == 0, mended.stderr
    async with deployed_worker(guarded, WORKER):
        await guarded.settled()
    assert differences(before, await everything(guarded)) == []


async def test_a_workers_rights_are_too_few_for_a_rebuild_which_says_so_before_anything_is_lost(
    guarded: Deployment,
) -> None:
    before = await everything(guarded)
    async with with_others(guarded, **WORKER) as working:
        with pytest.raises(CannotStart, match=r"does not let our user do that .*deploy/knownas\.acl"):
            await rebuild(working.world, quiet, replace=True)
    assert await everything(guarded) == before
    await repair(guarded.world, quiet)
