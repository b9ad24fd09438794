"""What whoever waits says of it in the log: that it began, and how it ended."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from knownas.errors import Refused, WorldFault
from knownas.stages import patience
from knownas.stages.patience import Patience


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses."""
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.0)


class World:
    """Fails some attempts, then does or raises what it is told."""

    def __init__(self, fails: int, then: Exception | None = None) -> None:
        self.left, self.then = fails, then

    async def attempt(self) -> None:
        """Be away for a while."""
        if self.left:
            self.left -= 1
            raise WorldFault("the store is away")
        if self.then is not None:
            raise self.then


async def test_what_was_waited_for_and_came_back_is_said_once_each() -> None:
    waiting, world = Patience("resolve"), World(3)
    with capture_logs() as lines:
        await waiting.until_done(world.attempt, lambda: True)
    assert [line["event"] for line in lines] == ["waiting", "resumed"]
    assert lines[0]["reason"] == "the store is away"
    assert waiting.trouble is None


async def test_a_wait_that_ends_otherwise_has_an_end_in_the_log_as_well() -> None:
    with capture_logs() as given_up:
        await Patience("resolve").until_done(World(9).attempt, iter([True, True, False]).__next__)
    with capture_logs() as refused, pytest.raises(Refused):
        await Patience("publish 3").until_done(World(1, Refused("taken")).attempt, lambda: True)
    for lines in (given_up, refused):
        assert [line["event"] for line in lines] == ["waiting", "waits no more"]


async def test_who_does_not_wait_says_nothing() -> None:
    with capture_logs() as lines:
        await Patience("resolve").until_done(World(0).attempt, lambda: True)
    assert lines == []
