"""People who sign up while a store forgets it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import orjson

from knownas.nouns import EVENTS, murmur2
from knownas.operate.repair import Repaired, repair
from tests.builders import NOON, event, login, profile
from tests.faults.records import Placed
from tests.faults.streams import Stream
from tests.pipeline.deployment import Deployment
from tests.rebuild.playing import quiet

PARTITIONS = 4
CLAIMS = 100


def signing_up() -> Iterator[Placed]:
    """One person after the other comes, and signs up; every fifth has a second device, known by the same e-mail in the
    same partition. So nothing hinges on a race."""
    first_of: dict[int, str] = {}
    for number in count():
        device = f"device-{number}"
        home = murmur2(device.encode()) % PARTITIONS
        email = f"person-{number}@example.com"
        if number % 5 == 4 and home in first_of:
            email = first_of[home]
        elif home not in first_of or number % 25 == 0:
            first_of[home] = email
        records = (
            event(device, "Viewed", {"sku": f"A{number % 9}"}) | {"id": f"v-{number}"},
            login(device, {"Plan": "Gold"}, email=email),
            event(device, "Charged"),
            profile(device, {"visits": {"$incr": 1}}),
        )
        for record in records:
            yield Placed(EVENTS, home, device.encode(), orjson.dumps(record), (NOON + number) * 1000)


async def lose_claims(deployment: Deployment, stream: Stream) -> None:
    """Let the workers go on until so many more claims are in the ledger than the copy can have."""
    before = await claims(deployment)
    while await claims(deployment) < before + CLAIMS + 20:
        await stream.more(100)


async def claims(deployment: Deployment) -> int:
    """How many identities were claimed so far."""
    return sum(row.kind == "claimed" for row in await deployment.ledger())


async def after_a_failure(deployment: Deployment) -> Repaired:
    """A connection learns by its first failure that the store was started again."""
    for link in deployment.world._links:
        await link.close()
    return await repair(deployment.world, quiet)
