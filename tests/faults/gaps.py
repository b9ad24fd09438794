"""The gaps between two effects, by the names the stages call them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

STAGES: Final = (
    "resolve.loaded",
    "resolve.committed",
    "resolve.half_sent",
    "resolve.ledger_sent",
    "resolve.sent",
    "materialize.loaded",
    "materialize.committed",
    "publish.before",
    "publish.uncommitted",
    "publish.sent",
)
IDLE: Final = ("keeper.advancing", "keeper.advanced", "keeper.trimming", "keeper.trimmed")
TAKING: Final = ("keeper.fenced", "keeper.taken")
GIVING_UP: Final = ("keeper.finishing", "keeper.finished")
"""Passed when partitions are revoked while something is done that the store does not know yet."""
REOPENING: Final = ("publish.checked", "publish.reopened")
"""Passed after a transaction failed."""
RACE: Final = "resolve.claim_lost"
"""Passed when another worker claims first."""

HALVES: Final = "resolve.half_sent"
"""The half of a batch."""
CONTROLS_AHEAD: Final = "controls.ahead"
CONTROLS_UNCOMMITTED: Final = "controls.uncommitted"
CONTROLS_SENT: Final = "controls.sent"
CONTROLS: Final = (CONTROLS_AHEAD, CONTROLS_UNCOMMITTED, CONTROLS_SENT)
"""Passed around a sending of what follows from a demerge, a release or a deletion: detachments and releases."""
STORE: Final = "store.answered"
"""Passed after every round trip to the store, those within a step among them: what a leaving asks for, the order of
idle guests as it is made, the index."""
ONLY_IN_TESTS: Final = frozenset({HALVES, *CONTROLS, STORE})
"""Gaps that the source does not name, see `PorousOutlet` and `PorousLink`."""

GAPS: Final = (*TAKING, *STAGES, *CONTROLS, RACE, *REOPENING, *IDLE, *GIVING_UP, STORE)


def named_in_source() -> set[str]:
    """Every gap the source awaits."""
    folder = Path(__file__).parents[2] / "src" / "knownas"
    texts = [
        path.read_text(encoding="utf-8") for room in ("stages", "adapters") for path in (folder / room).glob("*.py")
    ]
    return {name for text in texts for name in re.findall(r'_gap\("([\w.]+)"\)', text)}
