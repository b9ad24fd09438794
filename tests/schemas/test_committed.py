"""Schemas, documents and reference pages are as the code's types make them, and each example fits its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from tools.contract import bundles, messages, records, settings_page, topics
from tools.contract.examples import EXAMPLES
from tools.schemas import committed, made

from knownas import nouns
from knownas.records.identities import IdentityRules
from knownas.records.intake import _CHECKS, Flaw, take_in
from knownas.settings import Settings

ROOT = Path(__file__).parents[2]
MADE = made()
DOCUMENTS = bundles.documents()


def test_the_files_that_are_there_are_those_that_are_made() -> None:
    assert committed() == MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_what_is_committed_is_what_the_code_makes(name: str) -> None:
    assert (ROOT / name).read_text() == MADE[name], "run `make schemas`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_schema_is_one(name: str) -> None:
    jsonschema_rs.meta.validate(DOCUMENTS[name])
    jsonschema_rs.validator_for(DOCUMENTS[name])


@pytest.mark.parametrize(("name", "example"), [(name, example) for name in EXAMPLES for example in EXAMPLES[name]])
def test_every_example_fits_its_schema(name: str, example: Any) -> None:
    assert problems(name, example) == []


@pytest.mark.parametrize("example", EXAMPLES["record"], ids=lambda example: str(example["type"]))
def test_every_example_of_a_record_is_taken_in(example: dict[str, Any]) -> None:
    taken = take_in(orjson.dumps(example), 1_763_700_100_000, IdentityRules())
    assert not isinstance(taken, Flaw), taken


def test_every_type_of_record_and_every_field_has_its_schema() -> None:
    assert records.KINDS.keys() == records.SHOWN.keys() == _CHECKS.keys()
    fields = nouns.Record.__struct_fields__
    assert records.FIELDS.keys() == set(fields)
    assert {field for shown in records.SHOWN.values() for field in shown} == set(fields)


def test_every_topic_has_its_messages() -> None:
    assert topics.messages().keys() == topics.topics().keys() == topics._ACTS.keys()


def test_what_is_noted_of_settings_is_about_settings() -> None:
    assert settings_page.NOTES.keys() <= Settings.model_fields.keys()


def test_every_schema_says_what_it_is_about() -> None:
    parts = bundles.components()
    assert [name for name in bundles.files().values() if not parts[name].get("description")] == []
    assert messages.components().keys() <= parts.keys()


def problems(name: str, value: Any) -> list[str]:
    """What is wrong with a value by the schema of this file."""
    return [error.message for error in jsonschema_rs.validator_for(DOCUMENTS[name]).iter_errors(value)]
