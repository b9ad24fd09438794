"""`knownas doctor`."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import Parameter, validators

from knownas.cli.output import console, plain, say_json
from knownas.operate.doctor import Doctor
from knownas.operate.findings import Finding, is_to_be_done
from knownas.settings import load

Seconds = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=600))]

_COLORS: Final = {"fine": "green", "note": "cyan", "warning": "yellow", "wrong": "red"}
WELL, ILL = 0, 1


async def doctor(watch_seconds: Seconds = 3.0, json: bool = False) -> int:
    """Look at everything this deployment stands on, and say what is wrong, what that means, and what to type.

    Broker, versions, disks, topics and their retention; the store's version, persistence, eviction policy, memory and
    clock; whether settings and store belong together; workers, lag, stuck partitions. It changes nothing. Exit status
    0: nothing is to be done; 1: something is.

    Parameters
    ----------
    watch_seconds
        How long positions are watched to tell a partition that is stuck from one that is slow.
    json
        Answer as one JSON document.
    """
    found: list[Finding] = []
    visit = Doctor(load(), watch_seconds)
    try:
        async for finding in visit.findings():
            found.append(finding)
            if not json:
                _show(finding)
    finally:
        await visit.close()
    to_do = sum(map(is_to_be_done, found))
    if json:
        say_json({"findings": [finding._asdict() for finding in found], "toDo": to_do})
    else:
        console.print(f"{to_do} things to do" if to_do != 1 else "1 thing to do")
    return ILL if to_do else WELL


def _show(finding: Finding) -> None:
    mark = f"[{_COLORS[finding.state]}]{finding.state:<8}[/]"
    console.print(f"{mark}{finding.about}: {plain(finding.said)}")
    for label, text in (("that means", finding.means), ("do this", finding.do)):
        if text:
            console.print(f"{'':<10}{label}: {plain(text)}")
