"""What the page costs: the server's time for the page of a profile, and what a first look weighs."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

import aiohttp

from tests.page.weight import weight

LOOKS: Final = 300
WARM_UP: Final = 20


class Paged(NamedTuple):
    """Milliseconds of a profile's page (p50, p99), one at a time; bytes of first looks, everything packed."""

    profile_ms: tuple[float, float]
    overview_bytes: int
    profile_bytes: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "profile_page_ms": dict(zip(("p50", "p99"), self.profile_ms, strict=True)),
            "first_look_bytes": {"overview": self.overview_bytes, "profile": self.profile_bytes},
        }


async def look(port: int, identities: list[str]) -> Paged:
    """Look at people whom the gateway knows."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=True) as session:

        async def sent(path: str) -> tuple[str, int]:
            async with session.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200, path
                return await answer.text(), int(answer.headers["Content-Length"])

        paths = []
        for identity in identities:
            async with session.get(f"/v1/profiles/by/identity/{identity}") as answer:
                paths.append(f"/people/{(await answer.json())['id']}")
        took = []
        for number in range(WARM_UP + LOOKS):
            started = time.perf_counter()
            await sent(paths[number % len(paths)])
            took.append((time.perf_counter() - started) * 1000)
        took = sorted(took[WARM_UP:])
        overview, profile = await weight("/", sent), await weight(paths[0], sent)
        ms = round(took[LOOKS // 2], 2), round(took[int(LOOKS * 0.99)], 2)
        return Paged(ms, sum(overview.values()), sum(profile.values()))
