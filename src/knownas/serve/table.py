"""Which route a path means. A trailing slash means nothing; what stands in `{name}` is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from knownas.serve.faults import Fault, not_found
from knownas.serve.routes import Route

_INSIDE: Final = re.compile(r"\{(\w+)\}")


class Found(NamedTuple):
    """A route, and what the path says in its `{name}`s."""

    route: Route
    inside: Mapping[str, str]


class Table:
    """All routes: those without `{name}` by their path, the others by pattern, in order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: list[Route] = list(routes)
        self._plain: dict[str, dict[str, Route]] = {}
        patterns: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            group = patterns if "{" in route.path else self._plain
            methods = group.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} is there twice")
            methods[route.method] = route
        self._patterns = [(re.compile(_pattern(path)), methods) for path, methods in patterns.items()]

    def find(self, method: str, raw_path: str) -> Found:
        """The route of a request; a `Fault` where there is none. HEAD is a GET whose answer has no body."""
        methods, inside = self.at(raw_path)
        if not methods:
            raise not_found("no_such_path", "there is nothing at this path; /docs says what there is")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise Fault(405, "method_not_allowed", f"here one may {allowed}", {"Allow": allowed})
        return Found(route, inside)

    def at(self, raw_path: str) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        """What may be done at a path, by method."""
        path = raw_path if raw_path.endswith("//") else raw_path.removesuffix("/") or "/"
        if methods := self._plain.get(path):
            return methods, {}
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(path):
                return methods, {name: unquote(text) for name, text in found.groupdict().items()}
        return {}, {}


def _pattern(path: str) -> str:
    parts = _INSIDE.split(path)
    return "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
