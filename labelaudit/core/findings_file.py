"""The door to findings.parquet: whoever wrote it, what comes through fits the schema, and its values their ranges."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labelaudit.core.arrow import numbers_of, text_array
from labelaudit.core.errors import DAMAGE, DataError, damaged
from labelaudit.core.files import own_path
from labelaudit.core.issues import FINDINGS_SCHEMA, SCHEMA_KEY, SET_ASIDE_ACTIONS, Action, Issue

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("path", pa.string()),
        ("content_hash", pa.string()),  # "" for rows that were set aside
        ("given_label", pa.string()),
        ("clean_prob", pa.float32()),
        ("suggested_label", pa.string()),
        ("suggested_prob", pa.float32()),
        ("given_prob", pa.float32()),
        ("loss", pa.float32()),  # nats
        ("action", pa.string()),
        ("issue", pa.string()),
        ("rank", pa.int64()),  # 1 = most suspicious
        ("trusted", pa.bool_()),
        ("detail", pa.string()),
        ("top_labels", pa.list_(pa.string())),  # (K,) most probable first; empty for rows that were set aside
        ("top_probs", pa.list_(pa.float32())),  # (K,)
    ]
)
_FILLED = ("sample_id", "path", "content_hash", "action", "issue", "rank", "trusted", "detail")  # in every row
_OF_SCANNED = ("given_label", "clean_prob", "given_prob", "loss")  # in every row that was not set aside
_SHARES = ("clean_prob", "suggested_prob", "given_prob")
_ROWS_A_BYTE = 50  # a file that claims more than that holds no findings: each has an id of its own


def read_findings_table(path: Path, columns: Sequence[str] | None = None, *, coded: Sequence[str] = ()) -> pa.Table:
    """Return findings, or some of their columns.

    Args:
        path: of the file.
        columns: which; None = all. Values are checked in those that are read.
        coded: which of them come as dictionaries, as those of few different values.

    Raises:
        DataError: the file is missing, damaged, of another schema version, or a value is out of its range.
    """
    try:
        with pq.ParquetFile(own_path(path), read_dictionary=list(coded)) as file:
            _require_version(path, file.schema_arrow.metadata or {})
            _require_fitting(file.schema_arrow)
            if file.metadata.num_rows > _ROWS_A_BYTE * os.stat(path).st_size:  # noqa: PTH116
                raise ValueError(f"it claims {file.metadata.num_rows:,} rows")
            table = file.read(columns=None if columns is None else list(columns))
        table.validate(full=True)
        for problem in _misfits(table):
            raise ValueError(problem)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", hint="Scan the data again.") from None
    except (*DAMAGE, pa.ArrowException) as error:
        raise damaged(path, error) from error
    return table


def _require_version(path: Path, metadata: dict[bytes, bytes]) -> None:
    version = metadata.get(SCHEMA_KEY, b"none").decode("utf-8", "backslashreplace")
    if version != str(FINDINGS_SCHEMA):
        raise DataError(
            f"{path} has findings schema {version[:40]}; this labelaudit reads schema {FINDINGS_SCHEMA}.",
            hint="Scan again, or use the version of labelaudit that audit.json names.",
        )


def _require_fitting(found: pa.Schema) -> None:
    for field in SCHEMA:  # columns of a newer version may stand beside them
        if found.names.count(field.name) != 1:
            raise ValueError(f"it has {found.names.count(field.name)} columns {field.name}")
        kind = found.field(field.name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not _is_alike(kind, field.type):
            raise ValueError(f"column {field.name} holds {kind}, expected {field.type}")


def _is_alike(kind: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_list(expected):  # the name of what is in a list differs by the version of pyarrow
        return bool(pa.types.is_list(kind) and kind.value_type == expected.value_type)
    return bool(kind == expected)


def _misfits(table: pa.Table) -> Iterator[str]:
    """Yield what is wrong with the values of the columns that were read."""
    names = table.column_names
    for name in _FILLED:
        if name in names and table[name].null_count:
            yield f"column {name} has rows without a value"
    for name, words in (("issue", Issue), ("action", Action)):
        if name in names:
            yield from _unknown(table[name], name, [str(word) for word in words])
    if "issue" in names:
        yield from _gaps(table)
    for name in _SHARES:
        if name in names:
            yield from _beyond(table[name], name, 0.0, 1.0)
    if "loss" in names:
        yield from _beyond(table["loss"], "loss", -1e30, 1e30)
    if "rank" in names:
        yield from _beyond(table["rank"], "rank", 1, table.num_rows)
        if table.num_rows and np.bincount(_numbers(table["rank"], 1)).max() > 1:
            yield "column rank has a number twice"


def _unknown(column: pa.ChunkedArray, name: str, words: list[str]) -> Iterator[str]:
    for value in pc.unique(_plain(column)).to_pylist():
        if value not in words:
            yield f"column {name} has {value!r}, expected one of {words}"


def _gaps(table: pa.Table) -> Iterator[str]:
    """Yield the columns that lack values of scanned rows."""
    aside = pc.is_in(_plain(table["issue"]), value_set=text_array([str(issue) for issue in SET_ASIDE_ACTIONS]))
    for name in _OF_SCANNED:
        if name not in table.column_names or not table[name].null_count:
            continue
        if pc.any(pc.and_(pc.is_null(table[name]), pc.invert(aside))).as_py():
            yield f"column {name} has scanned rows without a value"
    if {"top_labels", "top_probs"} <= {*table.column_names}:
        yield from _uneven(table, "top_labels", "top_probs", pc.invert(aside))


def _uneven(table: pa.Table, labels: str, probs: str, scanned: pa.ChunkedArray) -> Iterator[str]:
    sizes = [pc.list_value_length(table[name]).filter(scanned) for name in (labels, probs)]
    if pc.count_distinct(sizes[0], mode="all").as_py() > 1 or not sizes[0].equals(sizes[1]) or sizes[0].null_count:
        yield f"columns {labels} and {probs} have rows of other lengths"
    inside = [pc.list_flatten(table[name]) for name in (labels, probs)]
    if any(each.null_count for each in inside):
        yield f"columns {labels} and {probs} have places without a value"
    yield from _beyond(inside[1], probs, 0.0, 1.0 + 1e-3)


def _beyond(column: pa.ChunkedArray, name: str, low: float, high: float) -> Iterator[str]:
    values = _numbers(column, low)
    if not bool(((values >= low) & (values <= high)).all()):  # NaN fits nothing
        yield f"column {name} has values that are not from {low:g} to {high:g}"


def _numbers(column: pa.ChunkedArray, missing: float) -> NDArray[Any]:
    """Return the values of a column; without pyarrow's own comparisons, which import pandas."""
    chunks = [numbers_of(chunk, missing) for chunk in column.chunks]
    return np.concatenate(chunks) if chunks else np.empty(0)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
