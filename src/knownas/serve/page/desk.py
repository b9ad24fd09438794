"""What happens to every request for a page, in order.

1. Who looks: the holder of a key, by the session's cookie, or anybody where no key is asked for (on this machine
   alone). Browsers withhold the cookie when a link on another site leads here; then the page asks for itself once more.
2. A form must come from a page of this gateway (`Sec-Fetch-Site`, else `Origin`), with the session's token in it.
3. What they may do: without the right it is 403, without a session one signs in first.
4. The handler answers; the session is renewed where it is time.
"""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from knownas import __version__
from knownas.doors import Answer, Asked
from knownas.nouns import Names
from knownas.serve.faults import Fault, unavailable
from knownas.serve.keys import Held, Right
from knownas.serve.local import is_local
from knownas.serve.page.forms import TOKEN, form_of, must_be_ours
from knownas.serve.page.guide import Guide
from knownas.serve.page.rendering import Rendering
from knownas.serve.page.session import RENEWED_AFTER_SECONDS, Session, Sessions, cookie_in, set_cookie
from knownas.serve.page.viewer import ANYBODY, Viewer, viewer_of
from knownas.serve.routes import About, Handler, Route, Stream

GROUP: Final = "The page"


class Look(NamedTuple):
    """A request for a page by somebody who may make it. `form` is what a form said: the last of each name; `fields`
    is all of it."""

    desk: Desk
    asked: Asked
    viewer: Viewer
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def form(self) -> Mapping[str, str]:
        """What a form said."""
        return dict(self.fields)

    @property
    def is_part(self) -> bool:
        """Whether a part of a page is asked for, to be swapped into it."""
        headers = self.asked.headers
        return headers.get("hx-request") == "true" and "true" not in (
            headers.get("hx-boosted"), headers.get("hx-history-restore-request"),
        )  # fmt: skip

    def is_signed_in(self) -> bool:
        """Whether the one who looks still may: what is long open asks now and then."""
        return self.desk.viewer(self.asked._replace(now_ms=int(time.time() * 1000))) is not None

    def show(self, template: str, status: int = 200, **said: Any) -> Answer:
        """A template as an answer."""
        return self.desk.rendering.answer(self.asked, self.text(template, **said), status)

    def text(self, template: str, **said: Any) -> str:
        """A template filled."""
        return self.desk.text(self.asked, self.viewer, template, said)

    def go(self, path: str) -> Answer:
        """On to another page, after a form or for good."""
        if self.is_part:
            return Answer(204, {"HX-Redirect": path}, b"")
        return Answer(303, {"Location": path}, b"")


PageHandler = Callable[[Look], Awaitable[Answer | Stream]]


class Desk:
    """Where pages are asked for."""

    def __init__(
        self, names: Names, keys: Held, rendering: Rendering, is_open: bool = False, guide: Guide | None = None
    ) -> None:
        self.keys, self.rendering, self._open, self._guide = keys, rendering, is_open, guide
        self.sessions = Sessions(names.digest)

    def get(self, path: str, handle: PageHandler, summary: str, right: Right = "read") -> Route:
        """A page."""
        return self._route("GET", path, self._guarded(handle, right), summary)

    def post(self, path: str, handle: PageHandler, summary: str, right: Right) -> Route:
        """What a form does."""

        async def guarded(asked: Asked) -> Answer | Stream:
            must_be_ours(asked)
            return await self._guarded(handle, right)(asked)

        return self._route("POST", path, guarded, summary)

    def anybody(self, method: str, path: str, handle: Handler, summary: str) -> Route:
        """What needs no session: signing in, and what every page is made of."""
        return self._route(method, path, handle, summary)

    def _route(self, method: str, path: str, handle: Handler, summary: str) -> Route:
        return Route(method, path, handle, None, About(summary, GROUP, media="text/html"), refused=self.refused)

    def _guarded(self, handle: PageHandler, right: Right) -> Handler:
        async def guarded(asked: Asked) -> Answer | Stream:
            viewer = self.viewer(asked)
            if viewer is None:
                return self._stranger(asked)
            if not viewer.may(right):
                raise Fault(403, "wrong_key", f"This needs a key that may {right}. Sign in with one to do it.")
            look = Look(self, asked, viewer, self._fields(asked, viewer))
            return self._renewed(look, await handle(look))

        return guarded

    def viewer(self, asked: Asked) -> Viewer | None:
        """Who asks."""
        if self._open and is_local(asked):
            return ANYBODY
        session = self.sessions.read(cookie_in(asked.headers.get("cookie", "")), asked.now_ms // 1000)
        if session is None:
            return None
        if not self.keys.known:
            raise unavailable("The store is away, so sessions cannot be checked.")
        row = self.keys.row(session.key, session.created)
        return None if row is None else viewer_of(row, session)

    def _fields(self, asked: Asked, viewer: Viewer) -> tuple[tuple[str, str], ...]:
        if asked.method != "POST":
            return ()
        fields = form_of(asked)
        token = dict(fields).get(TOKEN, "")
        if viewer.session is not None and not self.sessions.is_form_token(viewer.session, token):
            raise Fault(403, "old_form", "This form is not of your session. Go back, load the page again, try again.")
        return fields

    def _stranger(self, asked: Asked) -> Answer:
        """Sign in first. Somebody who came by a link on another site may be signed in all the same."""
        here = asked.path + (f"?{asked.raw_query}" if asked.raw_query else "")
        if asked.headers.get("hx-request") == "true":
            return Answer(401, {"HX-Refresh": "true"}, b"")
        if asked.method != "POST" and asked.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            again = (
                f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(quote(here, safe=_SAFE))}">'
            )
            return self.rendering.answer(asked, f"{again}<title>knownas</title>")
        back = "" if here == "/" or asked.method == "POST" else f"?next={quote(here, safe='')}"
        return Answer(303, {"Location": f"/sign-in{back}"}, b"")

    def _renewed(self, look: Look, answer: Answer | Stream) -> Answer | Stream:
        session, now = look.viewer.session, look.asked.now_ms // 1000
        if session is None or now - session.seen < RENEWED_AFTER_SECONDS or "Set-Cookie" in answer.headers:
            return answer
        headers = {**answer.headers, "Set-Cookie": self.cookie(look.asked, session._replace(seen=now))}
        return answer._replace(headers=headers)

    def cookie(self, asked: Asked, session: Session | None) -> str:
        """The header that begins, renews or (None) ends a session."""
        secure = asked.headers.get("x-forwarded-proto", "").lower() == "https"
        return set_cookie(self.sessions.write(session) if session else "", secure=secure)

    def text(self, asked: Asked | None, viewer: Viewer | None, template: str, said: Mapping[str, Any]) -> str:
        """A template filled, with what every page says."""
        session = viewer.session if viewer else None
        return self.rendering.text(template, {
            "viewer": viewer,
            "path": asked.path if asked else "",
            "guide": self._guide,
            "version": __version__,
            "form_token": lambda: self.sessions.form_token(session) if session else "",
            **said,
        })  # fmt: skip

    def refused(self, status: int, code: str, text: str) -> Answer:
        """What went wrong, as a page."""
        shown = self.text(None, None, "fault.html", {"status": status, "code": code, "text": text})
        return self.rendering.answer(None, shown, status)


_SAFE: Final = "/?&=%:@!$,~()*+-._"
