"""The same people and the same questions in embedded DuckDB, as a yardstick. No index; columns, all cores."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.bench.crowd import TODAY, Somebody, day_of

_AGED: Final = "born > DATE '{oldest}' AND born <= DATE '{youngest}'"
_DID: Final = "SELECT 1 FROM days WHERE days.n = people.n AND event = '{event}' AND day > {after}"


def _years_ago(years: int) -> str:
    return day_of(TODAY).replace(year=day_of(TODAY).year - years).isoformat()


_COMING: Final = ", ".join(f"'{day_of(TODAY + ahead):%m-%d}'" for ahead in range(7))
QUERIES: Final = (
    f"plan = 'Gold' AND {_AGED.format(oldest=_years_ago(31), youngest=_years_ago(25))}"
    f" AND EXISTS ({_DID.format(event='Viewed', after=TODAY - 30)})"
    " AND NOT EXISTS (SELECT 1 FROM ever WHERE ever.n = people.n AND event = 'Charged')",
    "city = 'Mumbai' AND (SELECT sum(times) FROM days WHERE days.n = people.n AND event = 'Charged'"
    f" AND day > {TODAY - 30}) >= 2",
    f"type = 'addressable' AND NOT EXISTS ({_DID.format(event='App Launched', after=TODAY - 7)})",
    f"strftime(born, '%m-%d') IN ({_COMING}) AND push",
    "plan IN ('Gold', 'Silver') OR EXISTS (SELECT 1 FROM tags WHERE tags.n = people.n AND tag = 'vip')",
)


class Tables:
    """Files of rows, as people come by; then tables."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = {
            name: (folder / f"{name}.csv").open("w", newline="") for name in ("people", "days", "ever", "tags")
        }
        self._out = {name: csv.writer(file) for name, file in self._files.items()}

    def add(self, people: Iterable[tuple[int, Somebody]]) -> None:
        """Note people by their numbers."""
        for n, (profile, _) in people:
            held = {name: one.value for name, one in profile.properties.items()}
            last = int(profile.last_seen)
            self._out["people"].writerow(
                (n, profile.type, held["Plan"], profile.context["city"], held["DOB"], bool(profile.tokens), last)
            )
            self._out["tags"].writerows((n, tag) for tag in held.get("tags", ()))
            for event, count in profile.events.items():
                self._out["ever"].writerow((n, event, count.count))
                self._out["days"].writerows(
                    (n, event, *pair) for pair in zip(count.days[::2], count.days[1::2], strict=True)
                )

    def load(self) -> Any:
        """A database that has them."""
        import duckdb

        for file in self._files.values():
            file.close()
        database = duckdb.connect(str(self._folder / "yardstick.duckdb"))
        columns = {
            "people": "n INTEGER, type VARCHAR, plan VARCHAR, city VARCHAR, born DATE, push BOOLEAN, last BIGINT",
            "days": "n INTEGER, event VARCHAR, day INTEGER, times INTEGER",
            "ever": "n INTEGER, event VARCHAR, times INTEGER",
            "tags": "n INTEGER, tag VARCHAR",
        }
        for name, typed in columns.items():
            database.execute(f"CREATE TABLE {name} ({typed})")
            database.execute(f"COPY {name} FROM '{self._folder / name}.csv' (HEADER false)")
        return database


def count(database: Any, query: str) -> int:
    """How many people match."""
    return int(database.execute(f"SELECT count(*) FROM people WHERE {query}").fetchone()[0])


def page(database: Any, query: str) -> list[Any]:
    """The fifty that were seen last."""
    return list(database.execute(f"SELECT * FROM people WHERE {query} ORDER BY last DESC LIMIT 50").fetchall())
