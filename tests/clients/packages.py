"""The published clients that the tests run, installed once into `.cache` from the lock files beside this one."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.browser.packages import MissingError, installed

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "clients"


def node_packages() -> Path:
    """The folder whose `node_modules` has the Node clients."""
    return installed(HERE)


def python_with_clients() -> str:
    """A Python that has the Python clients: they hold other packages at versions that knownas is beyond."""
    requirements = HERE / "requirements.txt"
    lock = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"python-{lock}"
    python = str(folder / "bin" / "python")
    if (folder / "ready").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements))
    (folder / "ready").touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, text=True, capture_output=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines()
        raise MissingError(f"the Python clients could not be installed: {why[-1] if why else 'no reason given'}")
