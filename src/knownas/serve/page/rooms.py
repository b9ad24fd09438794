"""What pages use."""

from __future__ import annotations

from typing import NamedTuple

from knownas.adapters.segments import SegmentReader, SegmentStore
from knownas.operate.overview import Overviews
from knownas.serve.freshness import Freshness
from knownas.serve.ledgers import Ledgers
from knownas.serve.page.audit import Audit
from knownas.serve.page.watching import Watching
from knownas.serve.people import StorePeople
from knownas.serve.records import Records
from knownas.serve.routes import Services
from knownas.serve.seeking import Seeking
from knownas.topics import Layout


class Rooms(NamedTuple):
    """What pages use."""

    services: Services
    people: StorePeople
    fresh: Freshness
    ledgers: Ledgers
    seeking: Seeking
    segments: SegmentStore
    members: SegmentReader
    audit: Audit
    watching: Watching
    overviews: Overviews
    records: Records
    layout: Layout
