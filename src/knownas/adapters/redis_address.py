"""Where the store is and how it is spoken to, from its URL and the settings that belong to it.

One server: `redis://`, with TLS `rediss://`, a socket `unix://`. A cluster: `redis+cluster://host:port,host:port`, with
TLS `rediss+cluster://`; any of its nodes will do, they name the others. What `shown` says holds no name or password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio.connection import Connection, SSLConnection, parse_url

CLUSTER: Final = "+cluster"
SCHEMES: Final = ("redis", "rediss", "unix", f"redis{CLUSTER}", f"rediss{CLUSTER}")
PORT: Final = 6379


class Node(NamedTuple):
    """A server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Replicas(NamedTuple):
    """How many replicas must have on their disk what was written, and how long that may take; 0: nobody waits."""

    needed: int = 0
    wait_ms: int = 5_000


class Address(NamedTuple):
    """How connections are made. `nodes` are those of a cluster that are known beforehand; none: it is one server."""

    shown: str
    connection: type[Connection]
    options: Mapping[str, Any]
    nodes: tuple[Node, ...] = ()
    replicas: Replicas = Replicas()

    def at(self, node: Node) -> Address:
        """The same at one node, as one server."""
        options = {**self.options, "host": node.host, "port": node.port}
        return self._replace(shown=str(node), options=options, nodes=())


class Credentials(NamedTuple):
    """What the settings say beside the URL; what the URL says itself is stronger."""

    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def options(self, *, tls: bool) -> dict[str, Any]:
        """As the client wants them."""
        login = {"username": self.username, "password": self.password}
        files = {"ssl_ca_certs": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
        return {name: value for name, value in (login | (files if tls else {})).items() if value is not None}


ANYBODY: Final = Credentials()
NO_REPLICAS: Final = Replicas()


def address(url: str, credentials: Credentials = ANYBODY, replicas: Replicas = NO_REPLICAS) -> Address:
    """What a URL says; `ValueError` where it says nothing."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"it must start with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    nodes: tuple[Node, ...] = ()
    if parts.scheme.endswith(CLUSTER):
        login, _, hosts = parts.netloc.rpartition("@")
        nodes = tuple(map(_node, hosts.split(",")))
        first = f"{login}@{nodes[0]}" if login else str(nodes[0])
        parts = parts._replace(scheme=parts.scheme.removesuffix(CLUSTER), netloc=first)
        if parts.path.strip("/") not in ("", "0"):
            raise ValueError("a cluster has no database but 0")
    elif parts.scheme != "unix":
        _node(parts.netloc.rpartition("@")[2])
    options: dict[str, Any] = dict(parse_url(urlunsplit(parts)))
    connection = options.pop("connection_class", Connection)
    options = credentials.options(tls=issubclass(connection, SSLConnection)) | options
    options |= {"protocol": 2, "socket_timeout": None, "socket_connect_timeout": 5}
    options |= {"driver_info": None}  # a server is not told which client this is: that takes a right of its own
    shown = ",".join(map(str, nodes)) or options.get("path") or f"{options.get('host', 'localhost')}:{_port(options)}"
    return Address(shown, connection, options, nodes, replicas)


def without_login(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _node(text: str) -> Node:
    try:
        parts = urlsplit(f"//{text}")
        return Node(parts.hostname or "localhost", parts.port or PORT)
    except ValueError:
        raise ValueError("its port is not a number") from None


def _port(options: Mapping[str, Any]) -> int:
    return int(options.get("port", PORT))
