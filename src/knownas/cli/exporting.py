"""Exports: everybody whom a query finds, written to a file as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EEXIST
from pathlib import Path
from typing import BinaryIO, Final

from knownas.adapters.finder import Finder
from knownas.cli.output import console, errors, so_many
from knownas.errors import WrongInput
from knownas.find.moment import Moment
from knownas.find.table import USUAL, Form, head, lines
from knownas.find.tree import Condition

_FORMS: Final[dict[str, Form]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


async def write_export(
    finder: Finder, tree: Condition, moment: Moment, path: Path, fields: str | None, *, orphans: bool
) -> int:
    """Write everybody to a file whose name says the form; a terminal sees how many are written."""
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise WrongInput(f"{path}: give a name that ends in {', '.join(_FORMS)}")
    named = [name.strip() for name in (fields or "").split(",") if name.strip()]
    columns = named or (list(USUAL) if form == "csv" else [])
    done = 0
    try:
        with whole(path) as out:
            out.write(head(columns, form))
            async for some in finder.everyone(tree, moment, orphans=orphans):
                out.write(lines(some, columns, form, moment.now_ms))
                done += len(some)
                if errors.is_terminal:
                    errors.print(so_many(done), end="\r")
    except FileExistsError as error:
        raise WrongInput(f"{error.filename} is there already") from None
    except OSError as error:
        raise WrongInput(f"{path} cannot be written: {error.strerror}") from None
    console.print(f"{so_many(done)} in {path}")
    return 0


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A new file that has its name once it is whole: until then `.part` follows it, and a failure leaves nothing."""
    part = path.with_name(path.name + ".part")
    if path.exists():
        raise FileExistsError(EEXIST, "", str(path))
    with part.open("xb") as out:
        try:
            yield out
        except BaseException:
            part.unlink()
            raise
    part.rename(path)
