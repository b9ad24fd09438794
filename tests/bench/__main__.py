"""`make bench`: the same bytes through knownas and its peers, side by side on one machine.

Reading order: traffic (the bytes), peers/ (the others), systems (how each is started and looked at), race (one run,
and when the clock starts and stops), reference (no work, no figure), latency, report. The others
(`make bench ARGS="memory"`, `serve`, `rolling`, `durability`, `rebuild`, `find`) are apart, each with what it needs in
the file of its name; find with crowd and yardstick.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from knownas.cli.output import console, errors, say_json
from knownas.embedded import EmbeddedError, console_progress, start_valkey
from knownas.embedded import Services as Embedded
from tests.bench.durability import Cost
from tests.bench.durability import as_json as durability_as_json
from tests.bench.durability import lines as durability_lines
from tests.bench.durability import measure as measure_durability
from tests.bench.find import lines as finding_lines
from tests.bench.find import measure as measure_finding
from tests.bench.latency import Latency, measure
from tests.bench.memory import Memory
from tests.bench.memory import measure as measure_memory
from tests.bench.race import Figures, order, run
from tests.bench.rebuild import Rebuilding
from tests.bench.rebuild import lines as rebuilding_lines
from tests.bench.rebuild import measure as measure_rebuilding
from tests.bench.reference import expected
from tests.bench.report import latency_lines, summary, table
from tests.bench.rolling import Rolled
from tests.bench.rolling import lines as rolling_lines
from tests.bench.rolling import measure as measure_rolling
from tests.bench.serve import Serving
from tests.bench.serve import lines as serving_lines
from tests.bench.serve import measure as measure_serving
from tests.bench.systems import SYSTEMS, Broken, Services
from tests.bench.traffic import Traffic, shop

LATENCY_RATE = 2_000
LATENCY_SECONDS = 10

app = App(name="make bench", help_flags=["--help"], version_flags=[], console=console)
AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


@app.default
def bench(
    *,
    records: AtLeastOne = 40_000,
    warm_up: AtLeastOne = 4_000,
    runs: AtLeastOne = 1,
    seed: int = 7,
    systems: str = ",".join(SYSTEMS),
    latency: bool = True,
    json: bool = False,
) -> int:
    """Drain the demo shop's traffic through knownas and its peers, and compare what it costs.

    A system that did not do its work gets no figures; the exit status is 1 then.

    Parameters
    ----------
    records
        How many records are measured.
    warm_up
        How many records go before them.
    runs
        How often everything is run; the figures are medians.
    seed
        The same seed makes the same bytes.
    systems
        Which systems, by commas.
    latency
        Whether to measure how long knownas takes from producer to profile.
    json
        End with one line of JSON instead of a table.
    """
    names = [name.strip() for name in systems.split(",")]
    if unknown := [name for name in names if name not in SYSTEMS]:
        errors.print(f"bench: no system is called {', '.join(unknown)}; there are {', '.join(SYSTEMS)}", markup=False)
        return 2
    race = Bench(shop(seed, warm_up, records), seed)
    if not _on_services(lambda services: race.run(services, names, runs, latency)):
        return 1
    race.report(names, json)
    return 1 if race.broken else 0


@app.command
def memory(*, devices: AtLeastOne = 1_000_000, json: bool = False) -> int:
    """Send the first records of devices never seen before, and see what memory a worker and the store take.

    Parameters
    ----------
    devices
        How many devices, each with a profile of its own.
    json
        End with one line of JSON.
    """
    seen: list[Memory] = []

    async def measured(services: Services) -> None:
        async for at in measure_memory(_namespace(), services, devices):
            seen.append(at)
            errors.print(f"{at.devices:>9,} devices: worker {at.worker_mib:,} MiB, store {at.store_mib:,} MiB")

    if not _on_services(measured):
        return 1
    if json:
        say_json({"memory": [at._asdict() for at in seen]})
    return 0


@app.command
def serve(*, json: bool = False) -> int:
    """Measure the gateway: uploads beside a bare server of the same library, profile fetches with and without traffic.

    Parameters
    ----------
    json
        End with one line of JSON.
    """
    seen: list[Serving] = []

    async def measured(services: Services) -> None:
        seen.append(await measure_serving(_namespace(), services))

    if not _on_services(measured):
        return 1
    _say(seen[0].as_json(), serving_lines(seen[0]), json)
    return 0


@app.command
def rolling(*, json: bool = False) -> int:
    """Restart three workers under load one after the other: how long each partition pauses, by how workers leave.

    Parameters
    ----------
    json
        End with one line of JSON.
    """
    seen: list[Rolled] = []

    async def measured(services: Services) -> None:
        async for rolled in measure_rolling(_namespace(), services):
            seen.append(rolled)
            for line in rolling_lines(rolled):
                errors.print(line)

    if not _on_services(measured):
        return 1
    if json:
        say_json({"rolling": [rolled._asdict() for rolled in seen]})
    return 0


@app.command
def durability(*, records: AtLeastOne = 40_000, runs: AtLeastOne = 3, latency: bool = True, json: bool = False) -> int:
    """Drain the same records with one Valkey, with a replica that is waited for, and with a cluster of three.

    Parameters
    ----------
    records
        How many records are measured.
    runs
        How often; the figures are medians.
    latency
        Whether to measure how long each takes from producer to profile.
    json
        End with one line of JSON.
    """
    seen: dict[str, Cost] = {}

    async def measured(services: Services) -> None:
        seen.update(await measure_durability(_namespace, services, records, runs, latency, errors.print))

    if not _on_services(measured):
        return 1
    _say(durability_as_json(seen), durability_lines(seen), json)
    return 0


@app.command
def rebuild(*, profiles: AtLeastOne = 100_000, json: bool = False) -> int:
    """Empty the store, make it anew from Kafka, and compare it byte for byte with what it was.

    Parameters
    ----------
    profiles
        How many people there are.
    json
        End with one line of JSON.
    """
    seen: list[Rebuilding] = []

    async def measured(services: Services) -> None:
        seen.append(await measure_rebuilding(_namespace(), services, profiles, errors.print))

    if not _on_services(measured):
        return 1
    _say(seen[0]._asdict(), rebuilding_lines(seen[0]), json)
    return 1 if seen[0].differing_keys else 0


@app.command
def find(*, profiles: AtLeastOne = 100_000, json: bool = False) -> int:
    """Find people by identity and by five queries, beside looking at everybody and beside embedded DuckDB.

    Parameters
    ----------
    profiles
        How many people there are.
    json
        End with one line of JSON.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="knownas-bench-")))
        try:
            store = stack.enter_context(start_valkey(folder / "valkey"))
            found = asyncio.run(measure_finding(store.url, folder, profiles, errors.print))
        except (EmbeddedError, Broken) as error:
            errors.print(f"bench: {error}", style="red", markup=False)
            return 1
    _say(found.as_json(), finding_lines(found), json)
    return 0


def _say(figures: dict[str, Any], lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        say_json(figures)
        return
    for line in lines:
        console.print(line, markup=False)


def _on_services(work: Callable[[Services], Awaitable[None]]) -> bool:
    """Do what there is to do on a Kafka and a Valkey of its own; False where it could not be done, which is said."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that it retries while topics are new is no news
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="knownas-bench-")))
        try:
            with console_progress() as progress:
                started = stack.enter_context(Embedded(folder, progress=progress))
            asyncio.run(_awaited(work(Services(started.bootstrap, started.redis_url, folder))))
        except (EmbeddedError, Broken) as error:
            errors.print(f"bench: {error}", style="red", markup=False)
            return False
    return True


async def _awaited(work: Awaitable[None]) -> None:
    await work


class Bench:
    """All runs of all systems."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        self._traffic, self._seed = traffic, seed
        self._wanted = expected(traffic)
        self._figures: dict[str, list[Figures]] = {}
        self._latencies: dict[str, Latency] = {}
        self.broken: dict[str, str] = {}

    async def run(self, services: Services, names: Sequence[str], runs: int, latency: bool) -> None:
        """Run everything."""
        self._services = services
        for number in range(runs):
            for name in order(names, number):
                await self._race(name, f"run {number + 1} of {runs}")
        if latency and "knownas" in self._figures and "knownas" not in self.broken:
            await self._measure_latency()

    async def _race(self, name: str, which: str) -> None:
        if name in self.broken:
            return
        errors.print(f"{name}, {which} ...")
        try:
            figures = await run(name, _namespace(), self._services, self._traffic, self._wanted)
        except Broken as broken:
            self._break(name, broken)
        else:
            self._figures.setdefault(name, []).append(figures)

    async def _measure_latency(self) -> None:
        capacity = summary("knownas", self._figures["knownas"], {})["events_per_second"]
        for load, rate in (("2000_per_second", LATENCY_RATE), ("half_capacity", max(1, capacity // 2))):
            errors.print(f"knownas, latency at {rate:,} events a second ...")
            try:
                found = await measure(_namespace(), self._services, self._seed, rate, LATENCY_SECONDS)
            except Broken as broken:
                self._break("knownas", broken)
                return
            self._latencies[load] = found

    def _break(self, name: str, broken: Broken) -> None:
        self.broken[name] = str(broken)
        errors.print(f"bench: {name} gets no figures: {broken}", style="red", markup=False)

    def report(self, names: Sequence[str], as_json: bool) -> None:
        """Say what was found: what is broken has been said already."""
        told = {
            name: summary(name, self._figures[name], self._latencies if name == "knownas" else {})
            for name in names
            if name in self._figures and name not in self.broken
        }
        if as_json:
            say_json(told)
            return
        console.print(table(told))
        for line in latency_lines(told):
            console.print(line)


def _namespace() -> str:
    return f"b{uuid.uuid4().hex[:8]}"


if __name__ == "__main__":
    sys.exit(app())
