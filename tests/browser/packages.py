"""The browser packages that the tests run, installed once by npm from the lock file into `.cache`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "npm"
FILES: Final = ("package.json", "package-lock.json", ".npmrc")
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class MissingError(Exception):
    """What these tests need and this machine has not, and how to come by it."""


def program(*names: str, package: str) -> str:
    """Where a program is."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise MissingError(f"{names[0]} is missing; install it: apt-get install {package}")


def installed(project: Path = HERE) -> Path:
    """The folder whose `node_modules` has what a project's lock file names; made at the first call."""
    npm = program("npm", package="npm")
    lock = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{project.name}-{lock}"
    if (folder / "ready").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(project / name, folder / name)
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder, text=True, capture_output=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        why = done.stderr.strip().splitlines()
        raise MissingError(
            f"npm could not install the packages of {project.name}: {why[0] if why else 'no reason given'}"
        )
    (folder / "ready").touch()
    return folder
