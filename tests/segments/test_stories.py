"""Every story of the folder `stories`, told by the plain model and by the real stages on the twins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.segments.engines import Engine, PlainSegments, TwinSegments
from tests.segments.story import Story, stories, tell

STORIES = stories(Path(__file__).parent / "stories")
ENGINES: list[tuple[str, Engine]] = [("plain", PlainSegments()), ("stages", TwinSegments())]


@pytest.mark.parametrize("engine", [pytest.param(engine, id=name) for name, engine in ENGINES])
@pytest.mark.parametrize("story", [pytest.param(story, id=name) for name, story in STORIES])
def test_a_story_ends_as_it_is_told(story: Story, engine: Engine) -> None:
    assert tell(story, engine.play(story)) == story.expected
