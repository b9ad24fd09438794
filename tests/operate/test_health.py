"""A worker's page that cannot be where it is told to be."""

from __future__ import annotations

import socket

import pytest

from knownas.errors import CannotStart
from knownas.operate.health import Health


async def refused(host: str, port: int) -> str:
    """Why there is no page there."""
    with pytest.raises(CannotStart) as why:
        async with Health(lambda: b"", []).served(host, port):
            pass
    return str(why.value)


async def test_a_host_that_nobody_knows_is_said_in_words() -> None:
    host = "fe80::1%no-such-link"  # asks no name server
    assert await refused(host, 0) == (
        f"cannot listen on {host}:0: Name or service not known. Choose another with KNOWNAS_HEALTH_PORT or "
        "KNOWNAS_HEALTH_HOST"
    )


async def test_a_port_that_is_taken_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use. Choose" in await refused("127.0.0.1", port)
