"""What happens to every request, in order, whatever it asks.

1. its path has a route, its method too (OPTIONS is answered for pages that ask whether they may call);
2. there is a place among the requests in work;
3. it shows a key with the right that the route needs, and that key has not asked too much; where a vendor's clients may
   put their key into the body, one without a key in its head may send little, until it has shown one; so may who
   needs no key, or has a page's session in its place;
4. its body is read: within bytes and seconds, and within what all bodies in work may weigh;
5. the route's handler answers; what goes wrong becomes an answer in the words of the route's clients;
6. every answer says where what was written stands; it is counted, and logged if so set, by route and status.
"""

from __future__ import annotations

import secrets
import time
import traceback
from collections.abc import Sequence
from typing import Any, Final

import structlog

from knownas.doors import Answer, Asked, answer_json
from knownas.errors import WorldFault, WrongInput
from knownas.serve.faults import Fault, unavailable
from knownas.serve.gateway import position_text, written
from knownas.serve.http import Call
from knownas.serve.keys import Held
from knownas.serve.limits import Limits
from knownas.serve.local import is_local
from knownas.serve.metrics import GatewayMetrics
from knownas.serve.routes import Refused, Route, Stream
from knownas.serve.table import Table
from knownas.settings import Settings

POSITION: Final = "Knownas-Position"
STRANGER: Final = ""
"""Who has not shown a key yet."""
STRANGERS_BYTES: Final = 1_000_000

log: Final = structlog.get_logger("knownas")


class App:
    """All routes behind one door."""

    def __init__(
        self,
        routes: Sequence[Route],
        keys: Held,
        settings: Settings,
        metrics: GatewayMetrics,
        is_open: bool = False,
        lost: Refused | None = None,
    ) -> None:
        self._table = Table(routes)
        self._keys, self._settings, self._metrics, self._open = keys, settings, metrics, is_open
        self._lost = lost  # what people are told who came to a path that there is not
        self._limits = Limits(
            settings.http_at_once, settings.http_key_at_once, settings.http_key_rate, settings.http_bytes_at_once
        )
        self._origins = frozenset(settings.http_origins)

    async def respond(self, call: Call) -> Answer | Stream:
        """The answer to a request; never raises."""
        started = time.perf_counter()
        positions: dict[Any, int] = {}
        token = written.set(positions)
        route: Route | None = None
        try:
            if call.method == "OPTIONS":
                return self._preflight(call)
            route, inside = self._table.find(call.method, call.raw_path)
            with self._limits.anybody():
                self._metrics.at_work.inc()
                try:
                    answer = await self._answer(call, route, inside)
                finally:
                    self._metrics.at_work.dec()
        except Exception as error:  # noqa: BLE001 (whatever it was, the caller gets an answer and no trace)
            lost = self._lost if "text/html" in call.headers.get("accept", "") else None
            answer = _refusal(route.refused if route else lost, _fault_of(error))
        finally:
            written.reset(token)
        answer = self._finished(call, route, answer, positions)
        self._note(call.method, route, answer, time.perf_counter() - started)
        return answer

    def _note(self, method: str, route: Route | None, answer: Answer | Stream, seconds: float) -> None:
        """Count and log by the route's pattern: what stands in its place, in the query or in the body is nobody's."""
        path, status = route.path if route else "none", 200 if isinstance(answer, Stream) else answer.status
        if not isinstance(answer, Stream):
            self._metrics.answered(path, status, seconds)
        if self._settings.http_access_log:
            said = method if route else "none"
            log.info("answered", method=said, route=path, status=status, ms=round(seconds * 1000, 2))

    async def _answer(self, call: Call, route: Route, inside: Any) -> Answer | Stream:
        head, limits = call.head(inside), self._limits
        known = not route.keys_in_body or self._needs_none(head, route) or bool(route.keys(head))
        most = self._settings.http_body_bytes
        if not known or route.needs is None:
            most = min(STRANGERS_BYTES, most)
        caller = self._admitted(head, route) if known else STRANGER
        with limits.caller(caller, time.monotonic()), limits.bodies() as weigh:
            body = await call.body(most, self._settings.http_receive_seconds, weigh)
            asked = head._replace(body=body) if body else head
            if known:
                return await route.handle(asked)
            with limits.caller(self._admitted(asked, route), time.monotonic()):
                return await route.handle(asked)

    def _needs_none(self, asked: Asked, route: Route) -> bool:
        origins = self._origins if route.browser else ()
        return route.needs is None or (self._open and is_local(asked, origins))

    def _admitted(self, asked: Asked, route: Route) -> str:
        """Who asks, for the limits: the key's id, or the address of who needs none."""
        if route.needs is None or self._needs_none(asked, route):
            return asked.remote
        shown = route.keys(asked)
        if not shown:
            raise Fault(401, "no_key", "no key was shown", {"WWW-Authenticate": "Bearer"})
        if not self._keys.known:
            raise unavailable("the store is away or has lost its keys, so none can be checked")
        rows = self._keys.find(shown)
        if not rows:
            said = "this key is not known, or was revoked; a new one works within two seconds"
            raise Fault(401, "unknown_key", said, {"WWW-Authenticate": "Bearer"})
        for row in rows:
            if route.needs in row.rights:
                return row.id
        raise Fault(403, "wrong_key", f"this needs a key that may {route.needs}; this one may {_may(rows)}")

    def _finished(
        self, call: Call, route: Route | None, answer: Answer | Stream, positions: dict[Any, int]
    ) -> Answer | Stream:
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **answer.headers}
        if positions:
            headers[POSITION] = position_text(positions)
        if (origin := self._listed(call)) and (route is None or route.browser):
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": POSITION}
        if self._origins:
            headers["Vary"] = "Origin"
        return answer._replace(headers=headers)

    def _listed(self, call: Call) -> str | None:
        origin = call.headers.get("origin") if "origin" in call.headers else None
        return origin if origin and (origin in self._origins or "*" in self._origins) else None

    def _preflight(self, call: Call) -> Answer:
        """May a page of that origin call this? Only where routes are meant for pages and the origin is listed."""
        methods, _ = self._table.at(call.raw_path)
        allowed = [method for method, route in methods.items() if route.browser]
        headers = {"Allow": ", ".join([*methods, "OPTIONS"])}
        origin = self._listed(call)
        if origin and allowed:
            headers |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": ", ".join(allowed),
                "Access-Control-Allow-Headers": call.headers.get("access-control-request-headers", "*"),
                "Access-Control-Max-Age": "86400",
                "Vary": "Origin, Access-Control-Request-Headers",
            }
        return Answer(204, headers, b"")


def _may(rows: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(right for row in rows for right in row.rights))


def _fault_of(error: Exception) -> Fault:
    """What to answer. Only what is ours to mend is logged, under a number that the caller is told: what it was and
    where, without its words, for those may hold what was sent."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, WorldFault):
        return unavailable(str(error))
    if isinstance(error, WrongInput):
        return Fault(400, "bad_request", str(error))
    if isinstance(error, RecursionError):
        return Fault(400, "too_deep", "nested deeper than anything this takes")
    number = secrets.token_hex(4)
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("a request failed", number=number, what=type(error).__name__, where=where)
    return Fault(500, "failed", f"something failed here; in the log it is {number}")


def _refusal(refused: Refused | None, fault: Fault) -> Answer:
    if refused is not None:
        answer = refused(fault.status, fault.code, fault.text)
        return answer._replace(headers={**answer.headers, **fault.headers})
    said = {"status": "fail", "code": fault.status, "reason": fault.code, "error": fault.text}
    return answer_json(said, fault.status, fault.headers)
