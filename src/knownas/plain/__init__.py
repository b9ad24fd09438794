"""The whole system as one plain in-memory model, to check the real one against.

It is written from the rules, not from the other rooms, and shares only the nouns with them: no cache, no chunk, no
crash, no store; dicts and lists, one record after the other. Reading order: `reading` and `naming` (bytes to a
record or a reason), `resolving` (whose is it), `folding` (what becomes of a profile) with `properties`, `counting`
(figures), `model` (all of it), and `order`, which finds the order of records that Kafka and the ledger recorded.
"""

from knownas.plain.folding import Shard
from knownas.plain.leaving import Told
from knownas.plain.model import Answer, run
from knownas.plain.order import Contradiction, find_order
from knownas.plain.reading import LogRecord, Logs, Setting
from knownas.plain.resolving import Decisions

__all__ = ["Answer", "Contradiction", "Decisions", "LogRecord", "Logs", "Setting", "Shard", "Told", "find_order", "run"]
