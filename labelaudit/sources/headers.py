"""The first row of a text table: names of columns, or data already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, shorten
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.labels import is_number
from labelaudit.sources.urls import Place

_SENTENCE = 4  # words from which a cell is one; names of columns have fewer
_LOOKED_AT = 50  # rows


def begins_with_data(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether each cell of the first row is a number, an image's name, or found again below it."""
    first = rows[0]
    if not first or (len(first) < 2 and not is_number(first[0])) or _counts_columns(first):
        return False
    if _holds_a_sentence(rows):
        return True
    suffixes = image_suffixes()
    return all(
        is_number(cell)
        or PurePosixPath(cell.strip()).suffix.lower() in suffixes
        or (bool(cell.strip()) and any(cell == row[position] for row in rows[1:] if position < len(row)))
        for position, cell in enumerate(first)
    )


def _holds_a_sentence(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row has a number above numbers, and a sentence above sentences: texts, no names."""
    below = rows[1 : 1 + _LOOKED_AT]
    columns = [(cell, [row[place] for row in below if place < len(row)]) for place, cell in enumerate(rows[0])]
    numbers = any(is_number(cell) and cells and all(map(is_number, cells)) for cell, cells in columns)
    return numbers and any(_words([cell]) >= _SENTENCE <= _words(cells) for cell, cells in columns)


def _words(cells: Sequence[str]) -> float:
    """Return how many words cells have on average."""
    return sum(len(cell.split()) for cell in cells) / max(1, len(cells))


def headless_remark(source: Place, first: Sequence[str], *, asked: bool) -> Remark:
    """Return what to say of a table that is read without a header."""
    columns = f"its columns are called 'column 1' to 'column {len(first)}'"
    if asked:
        return Remark("note", f"{source.name}: read without a header; {columns}.")
    example = shorten((repr(cell) for cell in first), show=3)
    return Remark("warning", f"{source.name}: its first line ({example}) is data, not a header; {columns}.")


def column_names(source: Place, header: Sequence[str]) -> list[str]:
    """Return the names of the columns; raises DataError where one is there twice."""
    names = [name.strip() or f"unnamed: {position}" for position, name in enumerate(header)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{source}: the header names a column twice: {shorten(map(repr, twice))}.",
            hint="Rename one of them; if the first line is data, not names: --no-header",
        )
    return names


def _counts_columns(first: Sequence[str]) -> bool:
    """Return whether the cells are 0, 1, 2, ... as pandas names columns without names, maybe after an index."""
    names = [cell.strip() for cell in first]
    names = names[1:] if names[0] == "" else names
    return names == [str(number) for number in range(len(names))]
