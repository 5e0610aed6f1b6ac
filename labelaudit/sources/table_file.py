"""A table file as columns, each row with its place: CSV, TSV, Parquet and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.dataset import IntN
from labelaudit.core.errors import DataError
from labelaudit.sources.csv_file import read_delimited

DELIMITED_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = DELIMITED_SUFFIXES + PARQUET_SUFFIXES + JSON_SUFFIXES


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a file, before anything is known about their meaning."""

    source: Path
    columns: Mapping[str, pa.ChunkedArray]  # in the order of the file; cells of CSV are strings, null where empty
    lines: IntN  # (rows,) line of a text file, from 1; row number, from 0, otherwise
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of Hugging Face ClassLabel columns

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return "labels.csv:17"."""
        return f"{self.source.name}:{self.lines[row]}"


def load_table(source: Path) -> Table:
    """Return the columns of a table file.

    Raises:
        DataError: the file is damaged, or has no rows.
    """
    suffix = source.suffix.lower()
    try:
        if suffix in PARQUET_SUFFIXES:
            table = _load_parquet(source)
        elif suffix in JSON_SUFFIXES:
            table = _load_json(source)
        else:
            table = _load_delimited(source)
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror or error}.") from error
    if len(table) == 0:
        raise DataError(f"{source}: the table has no rows.")
    return table


def load_parquet(source: Path) -> pa.Table:
    """Return a Parquet file without the index column that pandas adds; raises DataError where it is damaged."""
    try:
        # ParquetFile, not read_table: a folder called label=3/ must not become a column.
        loaded = pq.ParquetFile(source, memory_map=True).read()
    except pa.ArrowException as error:
        raise DataError(f"{source}: not a Parquet file, or damaged: {str(error).splitlines()[0]}") from error
    return loaded.drop_columns([name for name in loaded.column_names if name.startswith("__index_level_")])


def _load_delimited(source: Path) -> Table:
    columns, lines = read_delimited(source)
    arrays = {name: pa.chunked_array([pa.array(cells, pa.string())]) for name, cells in columns.items()}
    return Table(source, arrays, np.array(lines, dtype=np.int64))


def _load_parquet(source: Path) -> Table:
    loaded = load_parquet(source)
    columns = dict(zip(loaded.column_names, loaded.columns, strict=True))
    return Table(source, columns, np.arange(len(loaded), dtype=np.int64), _class_names(loaded.schema.metadata or {}))


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Return the names of ClassLabel columns from the metadata that the Hugging Face hub writes."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    except ValueError:  # some other program's metadata
        return {}
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _load_json(source: Path) -> Table:
    try:
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from error
    if text.lstrip().startswith("["):
        rows = _json_array(source, text)
        lines = list(range(len(rows)))
    else:
        rows, lines = _json_lines(source, text)
    names = dict.fromkeys(name for row in rows for name in row)  # in the order of appearance
    columns = {name: pa.chunked_array([_json_column([row.get(name) for row in rows])]) for name in names}
    return Table(source, columns, np.array(lines, dtype=np.int64))


def _json_array(source: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{source}:{error.lineno}: not JSON: {error.msg}.") from error
    for position, row in enumerate(rows):
        _require_object(row, f"{source}: item {position}")
    return list(rows)


def _json_lines(source: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            rows.append(json.loads(content))
        except json.JSONDecodeError as error:
            raise DataError(f"{source}:{line}: not JSON: {error.msg}.", hint="One JSON object per line.") from error
        _require_object(rows[-1], f"{source}:{line}")
        lines.append(line)
    return rows, lines


def _require_object(row: object, place: str) -> None:
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise DataError(
            f"{place}: a JSON {kind} where an object is expected.", hint='Such as {"path": "1.jpg", "label": "cat"}'
        )


def _json_column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # numbers beside words: all as text
        return pa.array([None if value is None else str(value) for value in values], pa.string())
