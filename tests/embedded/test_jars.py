"""The first download, against a mirror in this process that serves the jars of the machine's own cache."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from knownas.embedded import EmbeddedError, silent
from knownas.embedded.jars import Installation, default_cache_dir, install_kafka

pytestmark = pytest.mark.services


class Mirror:
    """Serves each jar by its name; `broken` ones with other bytes; counts what was asked for."""

    def __init__(self, installation: Installation) -> None:
        self.jars = {path.name: path for path in (installation.folder / "jars").iterdir()}
        self.broken: set[str] = set()
        self.served: Counter[str] = Counter()

    def answer(self, name: str) -> bytes | None:
        if name not in self.jars:
            return None
        self.served[name] += 1
        return b"not a jar" if name in self.broken else self.jars[name].read_bytes()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    mirror = Mirror(install_kafka(default_cache_dir(), silent))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = mirror.answer(self.path.rpartition("/")[2])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\nhere = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
        yield mirror
        server.shutdown()


def test_two_first_starts_at_once_download_once_and_both_have_a_whole_kafka(mirror: Mirror, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: install_kafka(tmp_path / "cache", silent), range(2))
    assert one == two
    assert {path.name for path in (one.folder / "jars").iterdir()} == set(mirror.jars)
    assert one.checkpoint.exists()
    assert set(mirror.served.values()) == {1}


def test_a_changed_jar_is_refused_and_the_next_try_fetches_only_what_is_missing(mirror: Mirror, tmp_path: Path) -> None:
    name = next(name for name in mirror.jars if name.startswith("zstd-jni"))
    mirror.broken = {name}
    with pytest.raises(EmbeddedError, match=f"{name} is not the published file") as raised:
        install_kafka(tmp_path / "cache", silent)
    assert "\n" not in str(raised.value)
    before = set(mirror.served)
    mirror.broken = set()
    installation = install_kafka(tmp_path / "cache", silent)
    assert (installation.folder / "jars" / name).stat().st_size == mirror.jars[name].stat().st_size
    kept = [jar for jar in before - {name} if mirror.served[jar] == 1]
    assert kept, "everything was downloaded twice"


def test_progress_grows_to_the_whole(mirror: Mirror, tmp_path: Path) -> None:
    seen: list[float] = []
    install_kafka(tmp_path / "cache", lambda _what, fraction=None: seen.append(fraction or 0.0))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    told = r"could not download .*\.jar .*check the network .*KNOWNAS_KAFKA"
    with pytest.raises(EmbeddedError, match=told) as raised:
        install_kafka(tmp_path, silent)
    assert "\n" not in str(raised.value)
