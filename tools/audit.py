"""Looks the pinned packages up in the list of known weaknesses: `make audit`, and a part of `make check`.

Exit status 1 and one line for each weakness. It is the one check that needs the network: where the list does not
answer, one line says that nothing was looked up, and the check goes on. (pip-audit itself calls packages fine that it
could not look up, and crashes where the list is away.)
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """What is to be said, and the exit status."""

    lines: list[str]
    status: int


def main(program: str, requirements: str) -> int:
    """Say what this program finds about the packages of this file; the exit status."""
    verdict = judge(asked(program, requirements))
    print("\n".join(verdict.lines))
    return verdict.status


def asked(program: str, requirements: str) -> list[dict[str, Any]] | None:
    """What pip-audit says of each package; None where it could say nothing."""
    words = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    try:
        ended = subprocess.run(  # noqa: S603 (the Makefile says which program)
            [program, *words, "--requirement", requirements], capture_output=True, text=True, check=False, timeout=300
        )
        packages: list[dict[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    return packages


def judge(packages: list[dict[str, Any]] | None) -> Verdict:
    """One line for each weakness; else one that says how many packages were looked up, and which were not."""
    looked_up = [package for package in packages or () if "skip_reason" not in package]
    if not looked_up:
        return Verdict(["known weaknesses: nothing was looked up, the list does not answer here"], 0)
    found = [line(package, weakness) for package in looked_up for weakness in package["vulns"]]
    if found:
        return Verdict(found, 1)
    skipped = [package["name"] for package in packages or () if "skip_reason" in package]
    but = f"; not looked up: {', '.join(skipped)}" if skipped else ""
    return Verdict([f"known weaknesses of {len(looked_up)} packages: none{but}"], 0)


def line(package: dict[str, Any], weakness: dict[str, Any]) -> str:
    """What an operator needs of a weakness."""
    mended = ", ".join(weakness.get("fix_versions") or ()) or "no version yet"
    names = ", ".join([weakness["id"], *(weakness.get("aliases") or ())])
    return f"{package['name']} {package['version']}: {names}; mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
