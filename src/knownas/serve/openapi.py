"""The OpenAPI document, made from the routes and their types, and a page that shows it with nothing from outside."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from knownas import __version__
from knownas.serve.routes import Route
from knownas.serve.shapes import Refusal

_INSIDE: Final = re.compile(r"\{(\w+)\}")
_REF: Final = "#/components/schemas/{name}"
_RIGHTS: Final = {"write": "a write key", "read": "a read key", "admin": "an admin key"}
_REFUSALS: Final = {
    "400": "not as it should be", "401": "no key, or one that is not known", "403": "this key may not do this",
    "404": "it is not there; the reason says why", "408": "the body came too slowly", "413": "too large",
    "415": "an encoding that is not taken", "429": "too many requests; `Retry-After` says when to come back",
    "503": "Kafka or the store is away; `Retry-After` says when to come back",
    "504": "what was waited for is not visible yet",
}  # fmt: skip


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    types = [Refusal, *(t for route in routes for t in (route.about.takes, route.about.gives) if t is not None)]
    unique = list({id(t): t for t in types}.values())
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REF)
    schema_of = {id(t): schema for t, schema in zip(unique, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "knownas",
            "version": __version__,
            "description": "A live profile of every person who launches an app or visits a site.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "made by `knownas keys`"}},
        },
    }


def _operation(route: Route, schema_of: dict[int, Any]) -> dict[str, Any]:
    about = route.about
    operation: dict[str, Any] = {
        "summary": about.summary,
        "tags": [about.group],
        "operationId": route.method.lower() + re.sub(r"\W+", "_", route.path).rstrip("_"),
        "parameters": [*_inside(route), *_query(route)],
        "responses": _responses(route, schema_of),
    }
    if route.needs is not None:
        operation |= {"security": [{"key": []}], "description": f"Needs {_RIGHTS[route.needs]}."}
    if about.takes is not None:
        content = {"application/json": {"schema": schema_of[id(about.takes)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _inside(route: Route) -> Iterable[dict[str, Any]]:
    for name in _INSIDE.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(route: Route) -> Iterable[dict[str, Any]]:
    for name, words in route.about.query.items():
        yield {"name": name, "in": "query", "description": words, "schema": {"type": "string"}}


def _responses(route: Route, schema_of: dict[int, Any]) -> dict[str, Any]:
    about = route.about
    schema = schema_of[id(about.gives)] if about.gives is not None else {}
    good = {"description": "done", "content": {about.media: {"schema": schema}}}
    refusal: dict[str, Any] = {} if route.refused else schema_of[id(Refusal)]
    # An upload of which nothing was taken says so in its own words.
    content = {"application/json": {"schema": {} if about.takes is not None and about.gives is not None else refusal}}
    refused = {status: {"description": words, "content": content} for status, words in _REFUSALS.items()}
    also = {"202": good, "304": {"description": "as the `If-None-Match` of the request has it"}, "405": refused["400"]}
    return {"200": good, **also, **refused}


def page(routes: Sequence[Route]) -> bytes:
    """What there is, for people: plain HTML, no script, nothing from another host."""
    groups: dict[str, list[Route]] = {}
    for route in routes:
        groups.setdefault(route.about.group, []).append(route)
    parts = [_HEAD]
    for group, some in groups.items():
        parts.append(f"<h2>{html.escape(group)}</h2>")
        parts += [_shown(route) for route in some]
    return "\n".join([*parts, "</main>"]).encode()


def _shown(route: Route) -> str:
    about, say = route.about, html.escape
    rows = [f"<p>{say(about.summary)}</p>"]
    needs = f"Needs {_RIGHTS[route.needs]}." if route.needs else "Needs no key."
    rows.append(f"<p class=needs>{needs}</p>")
    if about.query:
        cells = "".join(f"<dt>{say(name)}</dt><dd>{say(words)}</dd>" for name, words in about.query.items())
        rows.append(f"<dl>{cells}</dl>")
    for word, shape in (("takes", about.takes), ("gives", about.gives)):
        if shape is not None:
            rows.append(f"<details><summary>{word}</summary><pre>{say(_schema_text(shape))}</pre></details>")
    return f"<section><h3><b>{route.method}</b> {say(route.path)}</h3>{''.join(rows)}</section>"


def _schema_text(shape: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(shape)), indent=2).decode()


_HEAD: Final = """<!doctype html><html lang=en><meta charset=utf-8><title>knownas: the HTTP API</title>
<meta name=viewport content="width=device-width"><style>
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:0}
main{max-width:48rem;margin:0 auto;padding:1rem}
section{border-top:1px solid #ccc;padding:.25rem 0}h3{font:1rem ui-monospace,monospace;margin:.5rem 0}
p{margin:.25rem 0}.needs{color:#595959}dt{font:.9rem ui-monospace,monospace}dd{margin:0 0 .25rem 1rem}
pre{overflow:auto;background:#f4f4f4;padding:.5rem;font-size:.85rem}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}.needs{color:#aaa}pre{background:#222}}
</style><main><h1>knownas: the HTTP API</h1>
<p>Keys are made by <code>knownas keys create</code> and shown as <code>Authorization: Bearer KEY</code>.
This page for programs: <a href="/openapi.json">/openapi.json</a>.</p>"""
