"""`knownas verify`."""

from __future__ import annotations

from knownas.cli.output import console, plain, say_json
from knownas.operate.verify import Report, verify_store
from knownas.operate.world import open_world
from knownas.settings import load


async def verify(json: bool = False) -> int:
    """Replay the log through the plain model and compare with what the store holds, byte for byte.

    Parameters
    ----------
    json
        Answer as one JSON document.
    """
    settings = load()
    async with open_world(settings) as world:
        report = await verify_store(world, await world.layout())
    if json:
        say_json(report.as_json())
    else:
        say_report(report)
    return 0 if report.equal else 1


def say_report(report: Report) -> None:
    """What a verification found, for people."""
    console.print(f"{report.records:,} records replayed, {report.profiles:,} profiles compared")
    if report.waiting:
        console.print(f"{report.waiting:,} records are not done yet: compare again when the workers have caught up")
    for name in report.filling:
        console.print(plain(f"segment {name} is still being filled: whoever is in it by now is compared"))
    for line in report.differences[:10]:
        console.print(f"differs: {plain(line)}")
    console.print("no difference" if report.equal else f"{len(report.differences):,} differences")
