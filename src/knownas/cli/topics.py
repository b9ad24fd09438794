"""`knownas topics create`."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter, validators

from knownas.adapters.kafka_cluster import KafkaCluster
from knownas.cli.output import console, say_json
from knownas.errors import WrongInput
from knownas.operate.layout import Fit, create_missing, fit, topics
from knownas.operate.world import open_world
from knownas.settings import load
from knownas.topics import Layout

app = App(name="topics", help="The topics of knownas in Kafka.", help_format="plaintext")

USUAL: Final = 8
"""Partitions and shards where nobody says how many: a few workers may share the work, and idle ones cost little."""
Count = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=10_000))]


@app.command
async def create(
    partitions: Count | None = None, shards: Count | None = None, replication: Count | None = None, json: bool = False
) -> None:
    """Make the topics that are missing, once and for all: the number of partitions cannot be changed later.

    Where some are there already, the others are made as those are.

    Parameters
    ----------
    partitions
        Partitions of events and updates: how many workers can resolve at most; by default 8.
    shards
        Partitions of resolved: how many workers can fold profiles at most; by default 8.
    replication
        Copies of each topic, by default 1; 3 where there are three brokers.
    json
        Answer as one JSON document.
    """
    settings = load()
    async with open_world(settings) as world:
        wanted = Layout(settings.topic_prefix, partitions or USUAL, shards or USUAL)
        there = await KafkaCluster(world.log).topics([wanted.name(short) for short in topics()])
        fitting = fit({name: topic.partitions for name, topic in there.items()}, wanted)
        check_numbers(fitting, partitions, shards)
        copies = replication or min((topic.replication for topic in there.values()), default=1)
        layout = fitting.layout
        made = await create_missing(world.log, layout, copies)
    if json:
        say_json({"created": made})
    else:
        numbers = f"{layout.partitions} partitions, {layout.shards} shards"
        console.print(f"created {', '.join(made)}: {numbers}" if made else f"all topics are there already: {numbers}")


def check_numbers(fitting: Fit, partitions: int | None, shards: int | None) -> None:
    """What is wanted must be what there is, where there is anything."""
    layout, like_sources, like_shards = fitting
    asked = (
        (like_sources, "partitions", partitions, layout.partitions),
        (like_shards, "shards", shards, layout.shards),
    )
    problems = [
        f"there are {count} {what} already ({like}), not {wanted}: the number is fixed when topics are made. "
        'RUNBOOK.md says under "More partitions" how to move'
        for like, what, wanted, count in asked
        if wanted not in (None, count)
    ]
    if problems:
        raise WrongInput("\n".join(problems))
