"""Variables that look like settings and are none: a misspelt one changes nothing, and nothing else says so."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import Final

from knownas.settings import Settings

_OF_A_SERVICE: Final = re.compile(r"(.+?)_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
"""What a pod is told of a service, whose name may begin like ours."""


def unread() -> dict[str, str]:
    """Variables of the environment that look like settings and are none, with the setting that may be meant, if any."""
    known = [f"KNOWNAS_{name.upper()}" for name in Settings.model_fields]
    strange = [name for name in os.environ if name.upper().startswith("KNOWNAS_") and name.upper() not in known]
    return {
        name: next(iter(get_close_matches(name.upper(), known, 1, 0.8)), "")
        for name in sorted(strange)
        if not _is_of_a_service(name)
    }


def _is_of_a_service(name: str) -> bool:
    """Whether the name is one of those in which a pod is told of a service; of each it is told the host, too."""
    found = _OF_A_SERVICE.fullmatch(name)
    return found is not None and f"{found[1]}_SERVICE_HOST" in os.environ
