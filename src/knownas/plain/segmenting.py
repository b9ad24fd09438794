"""Who is in which live segment: everybody whom its query finds, asked at the time of the shard's newest tick.

Definitions come with ticks. Of two of one name the one with the higher version counts; one without a query removes the
segment. Orphans and deleted profiles are in none.
"""

from __future__ import annotations

from collections.abc import Sequence

from knownas.nouns import Definition, Profile
from knownas.plain.finding import Asked, matches
from knownas.plain.folding import Shard


def learn(shard: Shard, definitions: Sequence[Definition], at: int) -> None:
    """A tick of this time brought these definitions."""
    shard.clock = max(shard.clock, at)
    for definition in definitions:
        if definition.version > shard.newest_definition:
            shard.newest_definition = definition.version
            shard.segments.pop(definition.name, None)
            if definition.query is not None:
                shard.segments[definition.name] = definition.query


def segments_of(profile: Profile, shard: Shard, kept: int) -> set[str]:
    """The names of the segments that somebody is in; `kept` entries of a timeline are."""
    if profile.gone or profile.guest_of is not None:
        return set()
    asked, timeline = Asked(shard.clock, shard.day_timezone), shard.timelines.get(profile.id, [])[-kept:]
    return {name for name, query in shard.segments.items() if matches(query, profile, timeline, asked)[0]}
