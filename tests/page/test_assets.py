"""Static files: under addresses that name their content, packed, each with its licence said; nothing from elsewhere."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files
from typing import Final

import pytest

from knownas.doors import Asked
from knownas.serve.faults import Fault
from knownas.serve.page.assets import WHERE, Assets, takes_gzip

ASSETS: Final = Assets()
ROOM: Final = files("knownas.serve.page")
TEMPLATES: Final = [file for file in ROOM.joinpath("templates").iterdir() if file.name.endswith(".html")]
STATIC: Final = [file for file in ROOM.joinpath("static").iterdir() if file.is_file()]
BORROWED: Final = ("htmx.js", "uplot.js", "uplot.css", "idiomorph.js", "icons.svg")


def asked(name: str, encoding: str = "") -> Asked:
    """A file that is asked for."""
    return Asked("GET", WHERE + name, [], "", {"accept-encoding": encoding}, b"", 0, "", {"name": name})


@pytest.mark.parametrize("file", STATIC, ids=lambda file: str(file.name))
async def test_a_file_is_kept_for_ever_under_the_address_of_its_content(file: object) -> None:
    address = ASSETS.url(file.name)  # type: ignore[attr-defined]
    body = file.read_bytes()  # type: ignore[attr-defined]
    assert re.fullmatch(r"/static/[\w-]+\.[0-9a-f]{12}\.\w+", address)
    plain = await ASSETS.send(asked(address.removeprefix(WHERE)))
    packed = await ASSETS.send(asked(address.removeprefix(WHERE), "br, gzip;q=0.8"))
    assert plain.body == gzip.decompress(packed.body) == body
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "immutable" in plain.headers["Cache-Control"]


async def test_an_address_of_another_content_is_nowhere() -> None:
    with pytest.raises(Fault) as missing:
        await ASSETS.send(asked("page.000000000000.css"))
    assert missing.value.status == 404


@pytest.mark.parametrize(
    ("said", "takes"),
    [("", False), ("gzip", True), ("br, GZIP", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("identity", False)],
)
def test_packing_is_asked_for(said: str, takes: bool) -> None:
    assert takes_gzip(asked("x", said)) is takes


@pytest.mark.parametrize("name", BORROWED)
def test_what_others_made_says_whose_it_is_and_under_which_licence(name: str) -> None:
    licences = ROOM.joinpath("static", "LICENCES.txt").read_text(encoding="utf-8")
    assert re.search(rf"{re.escape(name)}.* \d+\.\d+\.\d+", licences)
    assert "Permission" in licences


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.name))
def test_a_template_holds_no_script_no_style_and_nothing_from_elsewhere(file: object) -> None:
    markup = file.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert not re.search(r"<style|\sstyle=|<script(?![^>]* src=\"\{\{ asset\()", markup)
    assert not re.search(r"\son\w+=|hx-on|javascript:|\|safe|autoescape", markup)
    assert not re.search(r"(src|href|action|hx-\w+)=\"(https?:)?//", markup)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.name))
def test_every_form_that_does_something_carries_the_sessions_token(file: object) -> None:
    markup = file.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", markup, re.DOTALL):
        assert 'action="/sign-in"' in form or "form_token()" in form or "m.token()" in form, form
