"""The shapes of what knownas publishes, where no type of the code has them: messages that are put together as they go,
and headers. The tests hold what the stages publish against them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from knownas.nouns import LedgerRow, ProfileType, Resolved
from knownas.operate.glance import Overview
from knownas.records.reasons import REFUSALS, REJECTIONS
from knownas.serve.shapes import ProfileId, ProfileInShort, ProfileShown, Time, TimelineShown

Schema = dict[str, Any]

Version = Annotated[int, Meta(ge=0, description="how many records were ever applied to the profile")]
Digits = Annotated[str, Meta(pattern="^[0-9]+$")]

Differing = TypedDict("Differing", {"from": Any, "to": Any})
"""What a field was, and what it is."""
Differing.__doc__ = "What a field was, and what it is; null where there was, or is, nothing."


class ProfileChanged(TypedDict):
    """What changed about a profile after the message before, and the profile as it is then.

    The topic is compacted and its key is the profile's id: the newest message of each is kept. A message without a
    value is a tombstone: the profile is deleted. A message may come twice; it has the same `version` then.
    """

    id: ProfileId
    since: Annotated[int, Meta(ge=0, description="the version published before; 0: none was")]
    version: Version
    type: ProfileType
    previousType: NotRequired[Annotated[ProfileType, Meta(description="the type before, where it is another")]]
    ts: Time
    changed: Annotated[
        dict[str, Differing | None],
        Meta(description="by field (properties.Plan, identities, ...); null in a message that is `truncated`"),
    ]
    links: Annotated[list[ProfileId], Meta(description="guests that turned out to be this person since")]
    profile: ProfileShown
    truncated: NotRequired[
        Annotated[Literal[True], Meta(description="the profile is too large for a message: ask for it over HTTP")]
    ]


class SegmentChanged(TypedDict):
    """Somebody enters or leaves a live segment. After a crash a message may come twice, word for word."""

    segment: Annotated[str, Meta(description="the segment's name")]
    segmentVersion: Annotated[int, Meta(description="which definition of it; one counter for all segments")]
    profile: ProfileId
    entered: Annotated[bool, Meta(description="true: enters; false: leaves")]
    ts: Time
    version: Version


class RejectedHeaders(TypedDict):
    """The headers of a rejected record; each is text in UTF-8. The value is the record's bytes as they came."""

    reason: Annotated[str, Meta(description="why, as a code")]
    detail: Annotated[str, Meta(description="what was wrong, in words")]
    topic: Annotated[str, Meta(description="where the record stands: its topic")]
    partition: Digits
    offset: Digits
    source: Annotated[str, Meta(description="the record's key; empty for `suppressed`")]
    generations: NotRequired[Annotated[str, Meta(pattern="^-?[0-9]+(,-?[0-9]+)*$")]]
    truncated: NotRequired[Annotated[str, Meta(pattern="^[0-9]+$", description="the bytes of a value that was cut")]]


TYPES: Final = {
    "profile": ProfileShown,
    "profile-changed": ProfileChanged,
    "segment-changed": SegmentChanged,
    "ledger": LedgerRow,
    "resolved": Resolved,
    "rejected-headers": RejectedHeaders,
    "timeline": TimelineShown,
    "overview": Overview,
}
"""By the name of its file, what each schema is made from."""


def components() -> dict[str, Schema]:
    """The schemas of all of these, by the names of their types."""
    _, made = msgspec.json.schema_components([*TYPES.values(), ProfileInShort])
    for schema in made.values():
        if "description" in schema:
            schema["description"] = " ".join(schema["description"].split())
    changed = made["ProfileChanged"]
    whole = changed["properties"]["profile"]
    changed["properties"]["profile"] = {"description": "the profile as it is at `version`"}
    changed |= {
        "if": {"required": ["truncated"]},
        "then": {"properties": {"profile": {"$ref": "#/$defs/ProfileInShort"}}},
        "else": {"properties": {"profile": whole}},
    }
    made["RejectedHeaders"]["properties"]["reason"]["enum"] = sorted(REJECTIONS)
    refusal = {"properties": {"reason": {"enum": sorted(REFUSALS)}}}
    made["LedgerRow"] |= {"if": {"properties": {"kind": {"const": "refused"}}}, "then": refusal}
    made["Resolved"]["properties"]["record"] = {
        "description": "the record as its producer wrote it", "$ref": "#/$defs/Record",
    }  # fmt: skip
    return made
