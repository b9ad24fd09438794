"""Whatever comes, in whatever chunks, with whatever crashes: the real core ends where the plain model ends."""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings

from tests.laws.comparing import differences
from tests.laws.histories import Act, histories, play, told


@settings(max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_any_history_in_any_chunks_with_any_crashes_gives_the_models_bytes(history: list[Act]) -> None:
    note(told(history))
    assert differences(play(history)) == []
