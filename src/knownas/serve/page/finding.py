"""Find People: by identity, by a form of rows, by a line; how many, who, and why or why not.

The address holds the query in its one-line form, so a link shares it. Rows are sent with `POST /people`, which changes
nothing: without script it leads to the address of the query, with script each edit swaps the finder in place.
"""

from __future__ import annotations

from typing import Any, Final

from knownas.doors import Answer
from knownas.errors import WrongInput
from knownas.find.answer import Page
from knownas.find.form.asking import asked, begun
from knownas.find.form.editing import changed, settled
from knownas.find.form.fields import read
from knownas.find.form.model import EMPTY, Asked, Group, Problem, Row
from knownas.find.form.offers import Offers
from knownas.find.form.showing import shown
from knownas.find.line import from_line
from knownas.find.tree import Condition
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from knownas.serve.faults import bad_request
from knownas.serve.page import finding_words as words
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.finding_address import PEOPLE, Beside, address, beside_in
from knownas.serve.page.finding_rows import WORDS, form_shown
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.whose import Unknown, Whose
from knownas.serve.routes import Route, Stream
from knownas.serve.whom import Whom

ON_A_PAGE: Final = 25
FIND: Final = "find"
"""The button that asks, where no script does."""


class Finding:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._seeking = rooms, rooms.seeking
        self._whose = Whose(Whom(rooms.people, rooms.services.rules), rooms.services.rules.kinds)

    async def people(self, look: Look) -> Answer:
        """`GET /people`"""
        line = look.asked.said("q").strip()
        beside = beside_in(dict(look.asked.query))
        try:
            form = shown(from_line(line)) if line else EMPTY
        except WrongQuery as wrong:
            mark = words.marked(line, wrong)
            if look.is_part:  # the rows stay as they are while somebody types a line
                answer = look.show("_find_line.html", line=line, wrong=mark)
                return answer._replace(headers={**answer.headers, "HX-Retarget": "#line", "HX-Reselect": "#line"})
            written = Asked(None, (Problem("q.0", "line", f"at {wrong.column}: {wrong.problem}", wrong.allowed),))
            return await self._shown(look, Group("all", (Row(what="line", line=line),)), written, beside, line, mark)
        return await self._shown(look, form, asked(form), beside)

    async def edited(self, look: Look) -> Answer:
        """`POST /people`: rows as they are now, and the button that was pressed."""
        button = look.form.get("do", "")
        form = settled(changed(read(look.fields), button))
        assert isinstance(form, Group)
        found, beside = asked(form), beside_in(look.form)
        if button == FIND and not look.is_part and found.query is not None and not begun(form, found):
            return look.go(address(to_line(found.query), beside) + "#found")
        return await self._shown(look, form, found, beside)

    async def export(self, look: Look) -> Answer | Stream:
        """`GET /people/export`: everybody who is found, as a file."""
        form = look.asked.said("form", "csv")
        if form not in ("csv", "jsonl"):
            raise bad_request("bad_form", "A file of people is csv or jsonl.")
        query = _query(look.asked.said("q"))
        beside = beside_in(dict(look.asked.query))
        await self._rooms.audit.note(look.viewer, "exported people")
        moment = self._seeking.moment(look.asked.now_ms)
        stream = self._seeking.export(query, form, (), moment, orphans=beside.orphans)  # type: ignore[arg-type]
        named = {"Content-Disposition": f'attachment; filename="people.{form}"'}
        return stream._replace(headers={**stream.headers, **named})

    async def by_identity(self, look: Look) -> Answer:
        """`GET /people/by`: one person by an identity, a device or an id."""
        kind, text = look.asked.said("kind"), look.asked.said("who")
        found = await self._whose.find(kind, text)
        if isinstance(found, Unknown):
            return await self._shown(look, EMPTY, asked(EMPTY), Beside(), by=(kind, text, found.why))
        return look.go(f"{PEOPLE}/{found.id}")

    async def _shown(
        self,
        look: Look,
        form: Group,
        said: Asked,
        beside: Beside,
        line: str = "",
        wrong: words.Marked | None = None,
        by: tuple[str, str, str] = ("", "", ""),
    ) -> Answer:
        offers = Offers(await self._seeking.catalog())
        line = to_line(said.query) if said.query is not None and form.of else line
        told: dict[str, Any] = {
            "form": form_shown(form, said, offers), "line": line, "wrong": wrong, "beside": beside, "by": by,
            "shared": address(line, beside._replace(cursor="", why="")), "words": WORDS,
            "first": address(line, beside._replace(cursor="")), "kinds": self._whose.choices(),
            "sorts": words.sorts(offers.numbers(), beside.sort), **await self._found(look, said, beside, offers),
        }  # fmt: skip
        if not look.is_part:
            return look.show("people.html", **told)
        answer = look.show("_finder.html", **told)
        here = {"HX-Replace-Url": address(line, beside)} if said.query is not None else {}
        return answer._replace(headers={**answer.headers, **here})

    async def _found(self, look: Look, said: Asked, beside: Beside, offers: Offers) -> dict[str, Any]:
        """What the query came to."""
        nothing: dict[str, Any] = {"found": None, "people": [], "notes": [], "next": "", "reason": None, "trouble": ""}
        if said.query is None:
            return nothing
        moment = self._seeking.moment(look.asked.now_ms)
        page = Page(ON_A_PAGE, beside.sort, beside.cursor or None, beside.orphans)
        try:
            found = await self._seeking.find(said.query, moment, page)
        except WrongInput as error:
            found = await self._seeking.find(said.query, moment)
            nothing["trouble"] = str(error)
        names = [*offers.events, *offers.properties]
        line = to_line(said.query)
        more = address(line, beside._replace(cursor=found.cursor)) if found.cursor else ""
        return nothing | {
            "found": found, "many": words.people(found), "apart": words.orphans(found), "next": more,
            "notes": words.notes(found, self._rooms.services.settings.find_most, names),
            "people": words.in_order(found.profiles, beside.sort, look.asked.now_ms),
            **await self._reason(look, said.query, beside.why),
        }  # fmt: skip

    async def _reason(self, look: Look, query: Condition, who: str) -> dict[str, Any]:
        """Of one person: each condition with its answer."""
        if not who:
            return {"reason": None, "whose": None, "why_wrong": ""}
        profile = await self._whose.find("", who)
        if isinstance(profile, Unknown):
            return {"reason": None, "whose": None, "why_wrong": profile.why}
        await self._rooms.audit.note(look.viewer, "asked why", profile.id)
        reason = await self._seeking.why(query, profile, self._seeking.moment(look.asked.now_ms))
        return {
            "reason": words.reason(reason), "whose": words.person(profile, look.asked.now_ms), "why_wrong": "",
        }  # fmt: skip


def _query(line: str) -> Condition:
    try:
        return from_line(line.strip() or "everyone")
    except WrongQuery as wrong:
        raise bad_request("bad_query", str(wrong)) from None


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/people` and what belongs to it"""
    handlers = Finding(rooms)
    return [
        desk.get(PEOPLE, handlers.people, "Find people"),
        desk.post(PEOPLE, handlers.edited, "A query as rows of a form", "read"),
        desk.get(f"{PEOPLE}/export", handlers.export, "Everybody who is found, as a file"),
        desk.get(f"{PEOPLE}/by", handlers.by_identity, "One person by an identity, a device or an id"),
    ]
