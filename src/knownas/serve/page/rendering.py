"""Templates to HTML: everything is escaped, and a name that is not there is an error."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from knownas.doors import Answer, Asked
from knownas.serve.page import shown
from knownas.serve.page.assets import Assets, takes_gzip

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Encoding, Cookie, HX-Request",
}
PACKED_FROM_BYTES: Final = 1_400
"""What fits into one packet is sent as it is."""
PACKING_LEVEL: Final = 5


@cache
def rendering() -> Rendering:
    """What every page is rendered with: made once."""
    return Rendering(Assets())


class Rendering:
    """All templates of the page."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._templates = Environment(
            loader=PackageLoader("knownas.serve.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= shown.FILTERS
        self._templates.globals["asset"] = assets.url

    def warm(self) -> None:
        """Compile every template, so that nobody waits for it."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def text(self, template: str, said: Mapping[str, Any]) -> str:
        """A template filled."""
        return self._templates.get_template(template).render(said)

    def answer(
        self, asked: Asked | None, text: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """HTML as an answer, packed where that is understood."""
        body = text.encode()
        said = {**HEADERS, **(headers or {})}
        if asked is not None and len(body) > PACKED_FROM_BYTES and takes_gzip(asked):
            return Answer(status, {**said, "Content-Encoding": "gzip"}, gzip.compress(body, PACKING_LEVEL, mtime=0))
        return Answer(status, said, body)
