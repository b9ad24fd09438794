"""`knownas topics create`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators

from knownas.cli.output import console, say_json
from knownas.operate.layout import create_topics
from knownas.operate.world import open_world
from knownas.settings import load
from knownas.topics import Layout

Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=10_000))]


async def create(partitions: Count = 8, shards: Count = 8, replication: Count = 1, json: bool = False) -> None:
    """Make the topics that are missing, once and for all: the number of partitions cannot be changed later.

    Parameters
    ----------
    partitions
        Partitions of events and updates: how many workers can resolve at most.
    shards
        Partitions of resolved: how many workers can fold profiles at most.
    replication
        Copies of each topic; 3 where there are three brokers.
    json
        Answer as one JSON document.
    """
    settings = load()
    async with open_world(settings) as world:
        made = await create_topics(world.log, Layout(settings.topic_prefix, partitions, shards), replication)
    if json:
        say_json({"created": made})
    else:
        console.print(f"created {', '.join(made)}" if made else "all topics are there already")
