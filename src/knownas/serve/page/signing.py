"""Signing in and out."""

from __future__ import annotations

from knownas.doors import Answer, Asked
from knownas.serve.keys import Held
from knownas.serve.page.audit import Audit
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.forms import form_of, inside, must_be_ours
from knownas.serve.page.viewer import Viewer, viewer_of
from knownas.serve.routes import Route


class Signing:
    """The handlers."""

    def __init__(self, desk: Desk, keys: Held, audit: Audit) -> None:
        self._desk, self._keys, self._audit = desk, keys, audit

    async def ask(self, asked: Asked) -> Answer:
        """`GET /sign-in`"""
        return self._asked(asked, asked.said("next"))

    async def begin(self, asked: Asked) -> Answer:
        """`POST /sign-in`"""
        must_be_ours(asked)
        form = dict(form_of(asked))
        after = inside(form.get("next", "/"))
        if not self._keys.known:
            return self._asked(
                asked, after, "The store is away, so keys cannot be checked. Try again in a moment.", 503
            )
        viewer = self._viewer(asked, form.get("key", "").strip())
        if viewer is None:
            return self._asked(asked, after, "This is not a key that may look. It may have been revoked.", 403)
        await self._audit.note(viewer, "signed in")
        return Answer(303, {"Location": after, "Set-Cookie": self._desk.cookie(asked, viewer.session)}, b"")

    def _viewer(self, asked: Asked, key: str) -> Viewer | None:
        for row in self._keys.find([key]):
            viewer = viewer_of(row, self._desk.sessions.begin(row.id, row.created, asked.now_ms // 1000))
            if viewer.may("read"):
                return viewer
        return None

    async def end(self, look: Look) -> Answer:
        """`POST /sign-out`"""
        return Answer(303, {"Location": "/sign-in", "Set-Cookie": self._desk.cookie(look.asked, None)}, b"")

    def _asked(self, asked: Asked, after: str, wrong: str = "", status: int = 200) -> Answer:
        said = {"next": inside(after or "/"), "wrong": wrong}
        return self._desk.rendering.answer(asked, self._desk.text(asked, None, "sign_in.html", said), status)


def routes(desk: Desk, keys: Held, audit: Audit) -> list[Route]:
    """`/sign-in` and `/sign-out`"""
    handlers = Signing(desk, keys, audit)
    return [
        desk.anybody("GET", "/sign-in", handlers.ask, "Sign in"),
        desk.anybody("POST", "/sign-in", handlers.begin, "Begin a session with a key"),
        desk.post("/sign-out", handlers.end, "End the session", "read"),
    ]
