"""The schema of records says what the intake says, of whatever is made of good records: what fits is counted, but for
reasons that no schema sees, and what does not fit is rejected."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.contract import bundles
from tools.contract.examples import EXAMPLES

from knownas.nouns import Record
from knownas.records.destination import destination
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, take_in

NOW_MS: Final = 1_763_800_000_000
SCHEMA: Final = jsonschema_rs.validator_for(bundles.documents()["record"])

UNSEEN: Final = {"bad_device", "future_ts", "too_large", "too_deep", "number_out_of_range", "bad_event_name"}
"""These need the clock, the bytes, or a list of placeholders."""
NOBODY: Final = "no_identity"
"""Somebody is named, but only by what is no identity."""

TEXTS: Final = st.sampled_from(["", "d-1", "null", "a@x.ie", "email", "x" * 128, "x" * 129, "x" * 513])
NUMBERS: Final = st.sampled_from([0, 7, -1, 1.5, 1_763_700_000, 1_763_700_000_000])
SCALARS: Final = st.one_of(st.none(), st.booleans(), TEXTS, NUMBERS)
OBJECTS: Final = st.dictionaries(
    st.sampled_from(["email", "Email", "Plan"]), st.one_of(SCALARS, st.lists(SCALARS, max_size=1)), max_size=2
)
CHANNELS: Final = st.dictionaries(
    st.sampled_from(["email", "phone", "fax"]), st.dictionaries(TEXTS, st.booleans(), max_size=1), max_size=2
)
LARGE: Final = st.just({f"k{number}": 1 for number in range(257)})
ANYTHING: Final = st.one_of(SCALARS, OBJECTS, CHANNELS, LARGE, st.lists(SCALARS, max_size=2))
FIELDS: Final = Record.__struct_fields__
GOOD: Final = {field: [record[field] for record in EXAMPLES["record"] if field in record] for field in FIELDS}


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A good record, with some fields gone and some that say anything."""
    record = dict(draw(st.sampled_from(EXAMPLES["record"])))
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        what = draw(st.sampled_from(["gone", "good", "anything"]))
        if what == "gone":
            record.pop(field, None)
        else:
            record[field] = draw(st.sampled_from(GOOD[field]) if what == "good" else ANYTHING)
    return record


def reason_of(record: dict[str, Any]) -> str:
    """Why a record is rejected as it comes; empty where it is not."""
    taken = take_in(orjson.dumps(record), NOW_MS, IdentityRules())
    if isinstance(taken, Flaw):
        return taken.reason
    where = destination(taken)
    return where.reason if isinstance(where, Flaw) else ""


@settings(max_examples=1_000, deadline=None)
@given(records())
def test_a_record_fits_if_and_only_if_the_intake_has_nothing_against_its_shape(record: dict[str, Any]) -> None:
    reason = reason_of(record)
    if SCHEMA.is_valid(record):
        assert reason in {"", NOBODY, *UNSEEN}
    else:
        assert reason
