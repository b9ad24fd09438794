"""Rows out of a file: of a table in CSV, or JSON objects a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec

from knownas.doors.table import Columns, columns_of
from knownas.errors import WrongInput
from knownas.records.intake import Flaw

LONGEST_CELL: Final = 1_000_000
CSV: Final = (".csv",)
JSON_LINES: Final = (".jsonl", ".ndjson")


class Reading(NamedTuple):
    """How rows are read: what columns were said to mean, the declared identity kinds, what a row is."""

    said: Mapping[str, str]
    kinds: tuple[str, ...]
    kind: Literal["profile", "event"]


class Row(NamedTuple):
    """One row: its number, its record or what is wrong with it, and how many bytes have been read."""

    number: int
    record: dict[str, Any] | Flaw
    bytes_read: int


def rows(opened: BinaryIO, suffix: str, reading: Reading) -> Iterator[Row]:
    """Every row of a file. What makes all of the file unreadable is `WrongInput`."""
    return _csv_rows(opened, reading) if suffix in CSV else _json_rows(opened, reading)


def _csv_rows(opened: BinaryIO, reading: Reading) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", errors="strict", newline="")
    read = csv.reader(text, strict=True)
    try:
        names = next(read, [])
        columns = columns_of(names, reading.said, reading.kinds, reading.kind)
        if not isinstance(columns, Columns):
            raise WrongInput("\n".join(columns))
        for number, cells in enumerate(read, 1):
            if cells and len(cells) != len(names):
                flaw = Flaw("bad_row", f"{len(cells)} cells; there are {len(names)} columns")
                yield Row(number, flaw, opened.tell())
            elif cells:
                yield Row(number, columns.record(dict(zip(names, cells, strict=True))), opened.tell())
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongInput(f"line {read.line_num}: {error}") from None
    finally:
        text.detach()


def _json_rows(opened: BinaryIO, reading: Reading) -> Iterator[Row]:
    known: dict[tuple[str, ...], Columns | Flaw] = {}
    size = 0
    for number, line in enumerate(opened, 1):
        size += len(line)
        if line.strip():
            yield Row(number, _json_record(line, known, reading), size)


def _json_record(line: bytes, known: dict[tuple[str, ...], Columns | Flaw], reading: Reading) -> dict[str, Any] | Flaw:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Flaw("not_json", str(error))
    if not isinstance(found, dict):
        return Flaw("not_object", "a line is a JSON object")
    if isinstance(found.get("type"), str) and "type" not in reading.said:
        return found
    names = tuple(found)
    if names not in known:
        here = {column: meaning for column, meaning in reading.said.items() if column in found}
        made = columns_of(names, here, reading.kinds, reading.kind)
        known[names] = made if isinstance(made, Columns) else Flaw("bad_row", "; ".join(made))
    columns = known[names]
    return columns.record(found) if isinstance(columns, Columns) else columns
