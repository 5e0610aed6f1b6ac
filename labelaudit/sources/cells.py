"""Cells of a column as texts, labels or yes and no."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.labels import tidy_numbers
from labelaudit.sources.table_file import Table

_YES = frozenset({"true", "1", "1.0", "yes", "y", "t", "x"})
_NO = frozenset({"false", "0", "0.0", "no", "n", "f"})


def cell_texts(column: pa.ChunkedArray) -> list[str | None]:
    """Return each cell as text, None where it is null or blank; whole floats lose their ".0"."""
    if pa.types.is_string(column.type):  # a million cells in half a second instead of three
        texts: list[str | None] = column.to_pylist()
        # not pc.if_else(blank, None, column): before pyarrow 24 that has other bytes in it where a column is sliced
        for row in pc.indices_nonzero(pc.equal(pc.utf8_trim_whitespace(column), "")).to_pylist():
            texts[row] = None
        return texts
    return [_text(value) for value in column.to_pylist()]


def label_texts(table: Table, column: str) -> list[str | None]:
    """Return the label of each row, None where it is missing.

    Raises:
        DataError: the cells hold lists, or class numbers that have no name.
    """
    cells = table.columns[column]
    if is_list(cells.type):
        cells = _only_items(table, column)
    elif pa.types.is_nested(cells.type):
        raise _several_values(table, column)
    names = table.class_names.get(column)
    if names and pa.types.is_integer(cells.type):
        return _named_labels(table, column, names, cells)
    return tidy_numbers(cell_texts(cells))


def yes_or_no(table: Table, column: str) -> BoolN:
    """Return (rows,) whether each cell says yes; empty means no.

    Raises:
        DataError: other words than true, 1, yes, false, 0 and no.
    """
    texts = [(text or "").strip().casefold() for text in cell_texts(table.columns[column])]
    wrong = [f"{table.place(row)} {text!r}" for row, text in enumerate(texts) if text and text not in _YES | _NO]
    if wrong:
        raise DataError(
            f"{table.source}: column {column!r} must say true or false: {shorten(wrong)}.",
            hint="Write true, 1 or yes for the labels that you vouch for; leave the others empty.",
        )
    return np.array([text in _YES for text in texts], dtype=np.bool_)


def is_list(kind: pa.DataType) -> bool:
    """Return whether cells are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _only_items(table: Table, column: str) -> pa.ChunkedArray:
    """Return the items of lists of one; raises DataError where one has more."""
    lists = table.columns[column].to_pylist()
    if any(items is not None and len(items) > 1 for items in lists):
        raise _several_values(table, column)
    items = [items[0] if items else None for items in lists]
    return pa.chunked_array([pa.array(items, table.columns[column].type.value_type)])


def _several_values(table: Table, column: str) -> DataError:
    kind = table.columns[column].type
    return DataError(
        f"{table.source}: the cells of label column {column!r} hold several values ({shorten([kind])[:200]}).",
        hint="Each sample needs exactly one label. To audit one label against the rest, give each label a column of"
        " 0 and 1 and name one with --label-column.",
    )


def _named_labels(table: Table, column: str, names: tuple[str, ...], cells: pa.ChunkedArray) -> list[str | None]:
    values = cells.to_pylist()
    wrong = [
        f"{table.place(row)} {value}" for row, value in enumerate(values) if value is not None and value >= len(names)
    ]
    if wrong:
        raise DataError(
            f"{table.source}: column {column!r} has class numbers beyond its {len(names)} names: {shorten(wrong)}."
        )
    return [None if value is None or value < 0 else names[value] for value in values]  # -1: no label, by custom


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if text.strip() else None
