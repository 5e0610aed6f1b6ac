"""Table columns of numbers and categories as one vector per sample."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.dataset import IntN, Remark, Vectors
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.encoding import Column, encode_columns, learn_columns
from labelaudit.sources.labels import is_number
from labelaudit.sources.table_file import Table

_ROW_NUMBER_NAMES = frozenset(
    {"id", "index", "unnamed: 0", "unnamed: 0.1", "row", "row_id", "uid", "uuid", "sample_id"}
)
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})  # beside numbers; among words they are words
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?")
_FREE_TEXT_VALUES = 20  # distinct texts from which a column that hardly repeats any is prose, not categories
_REGRESSION_VALUES = 50  # distinct numbers from which a label looks measured; ImageNet-like labels repeat more often


def read_features(table: Table, rows: IntN, taken: frozenset[str]) -> tuple[Vectors, Remark]:
    """Return (N, D) standardised numbers and one-hot categories, and which columns they are from.

    Gaps are filled with the median of numbers and the most frequent category.

    Args:
        table: all columns.
        rows: (N,) rows to take.
        taken: columns that have another meaning.

    Raises:
        DataError: no column is of use.
    """
    columns: dict[str, Column] = {}
    left_out: list[str] = []
    for name in table.columns:
        if name in taken:
            continue
        column = prepare_column(name, table.columns[name].take(rows))
        if isinstance(column, str):
            left_out.append(f"{name} ({column})")
        else:
            columns[name] = column
    if not columns:
        raise DataError(
            f"{table.source}: no column to learn from; left out: {shorten(left_out) or 'none'}.",
            hint="Give columns of numbers or categories, or a column of image paths (--path-column).",
        )
    facts = learn_columns(columns)
    values = encode_columns(columns, facts)
    hashes = _row_hashes([cell_texts(table.columns[name].take(rows)) for name in columns])
    return Vectors(values, "features", hashes, facts), _remark(columns, left_out, values.shape[1])


def require_categories(table: Table, column: str, labels: Sequence[str]) -> None:
    """Raise DataError where the labels look like measured numbers."""
    distinct = set(labels)
    if len(distinct) <= max(_REGRESSION_VALUES, len(labels) / 2) or not all(is_number(label) for label in distinct):
        return
    examples = sorted(distinct, key=float)
    raise DataError(
        f"{table.source}: label column {column!r} holds {len(distinct):,} different numbers in {len(labels):,} rows, "
        f"such as {shorten(examples, show=3)}: this looks like a measurement, not a class.",
        hint="Labels must be classes. Name another column with --label-column, or turn the numbers into ranges first.",
    )


def _row_hashes(columns: Sequence[Sequence[str | None]]) -> tuple[str, ...]:
    """Return (N,) hashes of the cells as they are written, so that a row keeps its hash when others change."""
    rows = zip(*columns, strict=True)
    joined = ("\x1f".join("\x00" if text is None else text for text in row) for row in rows)
    return tuple(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32] for text in joined)


def prepare_column(name: str, cells: pa.ChunkedArray) -> Column | str:
    """Return a column ready to encode, or in a few words why it is left out."""
    if name.casefold() in _ROW_NUMBER_NAMES:
        return "row id"
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if pa.types.is_temporal(kind):
        return "date"
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"type {kind}"
    texts = cell_texts(cells)
    numbers = as_numbers(texts)
    if numbers is not None:
        return "constant" if len(np.unique(numbers[~np.isnan(numbers)])) < 2 else Column(numbers, is_number=True)
    reason = _why_no_categories([text for text in texts if text is not None])
    return reason or Column(np.array(texts, dtype=object), is_number=False)


def as_numbers(texts: Sequence[str | None]) -> NDArray[np.float64] | None:
    """Return the texts as numbers, NaN where missing or infinite; None where one of them is a word."""
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        folded = "" if text is None else text.strip().casefold()
        if folded in _MISSING:
            continue
        try:
            values[row] = _BOOLEANS[folded] if folded in _BOOLEANS else float(folded)
        except ValueError:
            return None
        if math.isinf(values[row]):
            values[row] = np.nan
    return values


def _why_no_categories(texts: Sequence[str]) -> str | None:
    distinct = len(set(texts))
    if distinct < 2:
        return "constant"
    if all(_DATE.fullmatch(text.strip()) for text in texts):
        return "date"
    if distinct == len(texts):
        return "all different"
    if distinct > _FREE_TEXT_VALUES and distinct > len(texts) / 2:
        return "free text"
    return None


def _remark(columns: dict[str, Column], left_out: list[str], width: int) -> Remark:
    numbers = sum(column.is_number for column in columns.values())
    text = f"Learning from {numbers} columns of numbers and {len(columns) - numbers} of categories ({width} inputs)"
    return Remark("note", f"{text}; left out: {shorten(left_out, show=10)}." if left_out else f"{text}.")
