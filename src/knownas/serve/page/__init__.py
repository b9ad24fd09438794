"""The page: server-rendered HTML for people, a little script on top, nothing from another host.

How a page is added:

1. write a template in `templates/` that begins `{% extends "base.html" %}` and fills `title` and `main`. What htmx
   swaps in is a template of its own, named `_like_this.html`, included by the whole page too, so it works without
   script; such a part begins `{% import "_macros.html" as m with context %}`;
2. write a module of views: a class that is given `Rooms` (what pages use) and has handlers
   `async def people(self, look: Look) -> Answer`, and `routes(desk, rooms) -> list[Route]` that names them with
   `desk.get(path, handler, summary)` or `desk.post(path, handler, summary, "admin")`; name the module in `pages.py`;
3. answer with `look.show("people.html", people=...)`, or `look.go("/people")` after a change.

The desk looks who asks before a handler runs: whoever has no session is sent to sign in, a form from elsewhere, or
without the session's token (`{{ form_token() }}` in every form), is refused. `look.form` is what a form said,
`look.viewer.may("admin")` what the one who looks may do, `look.is_part` that htmx asks for a part of a page.

Templates escape everything and refuse names that are not there. Scripts and styles are files in `static/`, reached by
`{{ asset("page.js") }}`; nothing may stand in the markup (the policy forbids it), so a script finds what it needs in
`data-` attributes. `_macros.html` has icons, times, numbers. Texts that name people are for `look.asked` alone: they
are kept nowhere.

`assets.py` static files, `session.py` who is signed in, `desk.py` what happens to every request for a page, `forms.py`
what forms say, `watching.py` pages that hear what is new, `rooms.py` what pages use, `pages.py` what there is.
"""
