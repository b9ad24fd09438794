"""Every story of the folder `stories`, told by the plain model and by the real core, in small and in large chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import CoreEngine, Engine, PlainEngine
from tests.plain.story import Story, stories, tell

STORIES = stories(Path(__file__).parent / "stories")
ENGINES = [("plain", PlainEngine()), ("core, record by record", CoreEngine(1)), ("core, in chunks", CoreEngine(100))]


@pytest.mark.parametrize("engine", [pytest.param(engine, id=name) for name, engine in ENGINES])
@pytest.mark.parametrize("story", [pytest.param(story, id=name) for name, story in STORIES])
def test_a_story_ends_as_it_is_told(story: Story, engine: Engine) -> None:
    assert tell(engine.run(story.records, story.setting), story.records) == story.expected
