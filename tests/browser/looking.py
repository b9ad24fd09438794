"""What is looked at on every page: that axe finds nothing serious, that nothing is cut off; pictures for people."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tests.browser.chromium import Visitor

PICTURES: Final = Path(__file__).parents[2] / ".cache" / "screenshots"
_AXE: Final = "node_modules/axe-core/axe.min.js"
_RUN: Final = """axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html + " " + node.failureSummary).join("; ")}`))"""
_BEYOND: Final = """[...document.querySelectorAll("main *")]
  .filter((one) => !one.closest(".scroll"))
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


@lru_cache
def _axe(packages: Path) -> str:
    return (packages / _AXE).read_text(encoding="utf-8")


async def serious(visitor: Visitor, packages: Path) -> Any:
    """What axe finds that keeps somebody from using the page."""
    await visitor.run(f"{_axe(packages)};null")
    return await visitor.run(_RUN)


async def beyond(visitor: Visitor) -> Any:
    """What does not fit into the width of the screen."""
    return await visitor.run(_BEYOND)


async def picture(visitor: Visitor, name: str) -> None:
    """Keep a picture of the page as it is."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await visitor.shoot(PICTURES / f"{name}.png")
