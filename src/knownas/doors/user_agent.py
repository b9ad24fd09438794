"""What a browser's `User-Agent` says of itself: browser and system, by their common names; nothing that is not sure."""

from __future__ import annotations

from typing import Final

# In this order: most browsers also name those that they descend from.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("HeadlessChrome/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def described(user_agent: str) -> dict[str, str]:
    """`browser` and `os` as far as they are recognized."""
    found = {"browser": _first(user_agent, _BROWSERS), "os": _first(user_agent, _SYSTEMS)}
    return {field: name for field, name in found.items() if name}


def _first(text: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for mark, name in names if mark in text), "")
