"""Every key in the store: its name, its type, who writes it, what it holds. The layout is written down only here.

| key                           | type   | written by  | holds                                                        |
|-------------------------------|--------|-------------|--------------------------------------------------------------|
| `ka:{meta}:layout`            | hash   | first start | format, partitions, shards, secret's mark, kinds, group      |
| `ka:{meta}:keys`              | hash   | keys        | callers' keys: keyed hash to name, rights and time           |
| `ka:{meta}:audit`             | list   | the page    | who looked at whom, who acted on whom: the newest lines      |
| `ka:{meta}:segments`          | hash   | segments    | `version`, and by `d:<name>` each segment's: version, query  |
| `ka:{meta}:workers`           | hash   | workers     | by a worker's name the token of whoever took it last         |
| `ka:{meta}:resent`            | zset   | rejected    | rejected records that were sent again, by when, for 15 days  |
| `ka:{d<p>}:at`                | hash   | resolve     | token, pos, origins, outcomes, ids of a part of `events`     |
| `ka:{u<p>}:at`                | hash   | resolve     | the same of a partition of `updates`                         |
| `ka:{d<p>}:fig` (and `{u<p>}`)| hash   | resolve     | figures (`stages.figures`): rejections by reason             |
| `ka:{d<p>}:f:<device>`        | string | resolve     | the newest facts of a device (hashed name), MessagePack      |
| `ka:{d<p>}:i:<day>`           | hash   | resolve     | producers' record ids of a day, hashed: offset, seconds      |
| `ka:{o<b>}:<identity>`        | string | resolve     | the owner row of an identity (hashed name), MessagePack      |
| `ka:{<s>}:at`                 | hash   | materialize | token, pos, watermarks, indexed, ahead of a shard            |
| `ka:{<s>}:p:<profile>`        | string | materialize | the profile, MessagePack                                     |
| `ka:{<s>}:t:<profile>`        | list   | materialize | its timeline, oldest first, one MessagePack entry an element |
| `ka:{<s>}:x:<what>:<profile>` | zset   | materialize | identities, devices or guests beyond the first 100, by place |
| `ka:{<s>}:l:<what>:<profile>` | zset   | materialize | what of it a demerge or deletion has still to let go of      |
| `ka:{<s>}:idle`               | zset   | materialize | guests by last record, while idle guests are to be deleted   |
| `ka:{<s>}:n`                  | hash   | materialize | counters: profiles by type, orphans, links, gray             |
| `ka:{<s>}:fig`                | hash   | materialize | figures: traffic, links, segments by day, rejections         |
| `ka:{<s>}:out`                | list   | materialize | messages to be published, one chunk an element               |
| `ka:{<s>}:snap`               | hash   | materialize | by profile the messages of its snapshot, where more than one |
| `ka:{<s>}:s:n`                | hash   | materialize | of live segments: the shard's state, each by `d:<name>`      |
| `ka:{<s>}:s:due`              | zset   | materialize | profiles by when the clock may move them, in milliseconds    |
| `ka:{<s>}:q:n`                | hash   | materialize | of the index: next, oldest, complete, made, numbers of names |
| `ka:{<s>}:q:ids`              | string | materialize | profile ids by number, 16 bytes each; zeros where free       |
| `ka:{<s>}:q:free`             | list   | materialize | numbers that are free, the next to be given out last         |
| `ka:{<s>}:q:c<of>`            | hash   | materialize | values of a property (its number) or field: codes            |
| `ka:{<s>}:q:p<plane>`         | string | materialize | a plane of the index (`find.planes`): a bit a number         |
| `ka:{<s>}:q:l<plane>`         | string | materialize | one with few members: their numbers, three bytes each        |
| `ka:{<s>}:q:t<register>`      | string | find        | a step of a query (`find.lua`); gone when its script ends    |

The word in braces is the hash tag: all keys of one script lie in one slot of a cluster. A stage 1 commit that takes or
frees identities reaches other slots: on one server in its script, in a cluster by intents (`intents.py`), which
stand in the place of owner rows for a moment, with `txn`, `intents` and `aborted` in the partition's `at`.

Size: a profile of the demo takes about 0.7 KB with its key, a device 170 bytes, an
identity 140 bytes, a kept event 150 bytes and its data. A record's `id` costs 55 bytes for eight days, a record without
one nothing. A deleted profile leaves its tombstone, about 150 bytes with its key; an idle guest in order costs
about 110 bytes. Figures are bounded: about 15 KB a shard, and 4 KB for each live segment that people enter and leave
every day.
"""

from __future__ import annotations

from typing import Final

from knownas.nouns import EVENTS

OWNER_BUCKETS: Final = 256


class Keys:
    """Makes the names of keys; `prefix` is the setting `redis_prefix`."""

    def __init__(self, prefix: str = "ka:") -> None:
        self.prefix = prefix
        self.layout = prefix + "{meta}:layout"
        self.gateway_keys = prefix + "{meta}:keys"
        self.audit = prefix + "{meta}:audit"
        self.segments = prefix + "{meta}:segments"
        self.workers = prefix + "{meta}:workers"
        self.resent = prefix + "{meta}:resent"

    def source(self, topic: str, partition: int) -> str:
        """What the keys of a stage 1 partition start with."""
        return f"{self.prefix}{{{'d' if topic == EVENTS else 'u'}{partition}}}:"

    def shard(self, shard: int) -> str:
        """What the keys of a stage 2 shard start with."""
        return f"{self.prefix}{{{shard}}}:"

    def owner(self, digest: str) -> str:
        """The owner row of an identity, by its hashed name."""
        return f"{self.prefix}{{o{int(digest[:2], 16) % OWNER_BUCKETS}}}:{digest}"


AT: Final = "at"
AHEAD: Final = "ahead"
"""The field of a shard's `at` that says up to where a store that was got back folds what another folded before."""
COUNTERS: Final = "n"
FIGURES: Final = "fig"
IDLE: Final = "idle"
OUTBOX: Final = "out"
SNAPPED: Final = "snap"


SEGMENTS: Final = "s:n"
SEGMENTS_DUE: Final = "s:due"
SEGMENT: Final = "d:"
"""What the field of a segment begins with, after which comes its name."""
SEGMENTS_STATE: Final = "state"

INDEX: Final = "q:n"
INDEX_IDS: Final = "q:ids"
INDEX_FREE: Final = "q:free"
INDEX_MADE: Final = "made"
"""Under this name the index says by which rebuild its numbers were given out; nothing where none was."""
SCRATCH: Final = "q:t"
"""What the names of sets begin with that a query works out; they are gone when it is answered."""


def facts(device: str) -> str:
    """A device's facts, after the prefix of its partition; `device` is the hashed name."""
    return f"f:{device}"


def marks(day: int) -> str:
    """The producers' ids that were counted on a day of the partition's time, after the prefix of the partition."""
    return f"i:{day}"


def profile(profile_id: str) -> str:
    """A profile, after the prefix of its shard."""
    return f"p:{profile_id}"


def timeline(profile_id: str) -> str:
    """A profile's timeline, after the prefix of its shard."""
    return f"t:{profile_id}"


def overflow(what: str, profile_id: str) -> str:
    """What a profile has beyond the first 100 `identities`, `devices` or `guests`, after the prefix of its shard."""
    return f"x:{what}:{profile_id}"


def leaving(what: str, profile_id: str) -> str:
    """What a profile had beyond the first 100 and is still to be let go of, after the prefix of its shard."""
    return f"l:{what}:{profile_id}"


def codes(of: str) -> str:
    """The codes of the values of a property (its number) or field, after the prefix of its shard."""
    return f"q:c{of}"


def plane(name: str) -> str:
    """A plane of the index, after the prefix of its shard."""
    return f"q:p{name}"


def plane_list(name: str) -> str:
    """A plane of the index that has few members, after the prefix of its shard."""
    return f"q:l{name}"
