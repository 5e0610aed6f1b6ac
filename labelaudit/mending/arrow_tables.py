"""Parquet, Arrow and Feather files with other cells: the same schema, metadata, row groups and compression."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.errors import ConfigError
from labelaudit.mending.cells import CellEdits
from labelaudit.sources.list_cells import items_of, list_text

Columns = Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True, slots=True)
class _TypedTable:
    """A file whose columns have types; rows are counted from `first` where it is one of several."""

    path: Path
    columns: Columns  # what was read, of all files
    first: int = 0

    def cell(self, row: int, column: str) -> Hashable:
        """Return a value."""
        return value_of(self.columns, row, column)

    def said(self, cell: Any) -> str:
        """Return it as text."""
        return said(cell)

    def written(self, word: str, like: Any) -> Hashable:
        """Return a word as a value."""
        return written(word, like)

    def items(self, cell: Any) -> list[Any]:
        """Return the items of a list, or of one that is written as text."""
        return (items_of(cell) or []) if isinstance(cell, str) else list(cell or ())

    def listed(self, items: Sequence[Any], like: Any) -> Hashable:
        """Return a list as a value."""
        return list_text(items, like) if isinstance(like, str) else tuple(items)


@dataclass(frozen=True, slots=True)
class ParquetTable(_TypedTable):
    """A Parquet file."""

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the file row group by row group, so that images need not fit in memory."""
        with pq.ParquetFile(self.path) as file:
            schema = _with_added(file.schema_arrow, edits)
            codecs = dict(_compressed(file.metadata))
            with pq.ParquetWriter(path, schema, compression=codecs or "snappy") as writer:
                at = self.first
                for number in range(file.metadata.num_row_groups):
                    group = file.read_row_group(number)
                    changed = changed_table(group, edits, first=at)
                    at += len(group)
                    if len(changed):
                        writer.write_table(changed, row_group_size=len(changed))


@dataclass(frozen=True, slots=True)
class ArrowTable(_TypedTable):
    """An Arrow file or stream, or a Feather file."""

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the file as it was: file or stream, its batches as large."""
        with pa.memory_map(str(self.path)) as source:
            try:
                reader, new = pa.ipc.open_file(source), pa.ipc.new_file
                whole = reader.read_all()
            except pa.ArrowInvalid:
                reader, new = pa.ipc.open_stream(source), pa.ipc.new_stream
                whole = reader.read_all()
            batches = whole.to_batches()
            changed = changed_table(whole.unify_dictionaries(), edits, first=self.first)
            codec = "lz4" if self.path.suffix.lower() == ".feather" else None  # as pandas and pyarrow write them
            options = pa.ipc.IpcWriteOptions(compression=codec)
            with new(str(path), changed.schema, options=options) as writer:
                writer.write_table(changed, max_chunksize=max((len(batch) for batch in batches), default=1) or 1)


def value_of(columns: Columns, row: int, column: str) -> Hashable:
    """Return a value of a column; lists as tuples."""
    value = columns[column][row].as_py()
    return tuple(value) if isinstance(value, list) else value


def said(cell: Any) -> str:
    """Return a value as text; the item of a list of one."""
    return str(cell[0]) if isinstance(cell, tuple) and len(cell) == 1 else str(cell)


def written(word: str, like: Any) -> Hashable:
    """Return a word as a value of the kind of another; raises ConfigError where that is a number and it is none."""
    if isinstance(like, tuple):
        return (written(word, like[0]),)
    if isinstance(like, str):
        return word
    try:
        return float(word) if isinstance(like, float) else word.encode() if isinstance(like, bytes) else int(word)
    except ValueError as error:
        raise ConfigError(f"{word!r} is no number, as the labels are.") from error


def changed_table(table: pa.Table, edits: CellEdits, *, first: int = 0) -> pa.Table:
    """Return a table with other cells.

    Args:
        table: some rows.
        edits: by rows of the whole, of which this table's first is `first`.
        first: position of the first row.
    """
    stop = first + len(table)
    by_column: dict[str, dict[int, Any]] = {}
    for (row, column), value in edits.cells.items():
        if first <= row < stop:
            by_column.setdefault(column, {})[row - first] = value
    for name, values in by_column.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), _replaced(table.column(place), values))
    for name, texts in edits.added.items():
        cells = [texts.get(row) for row in range(first, stop)]
        table = table.append_column(pa.field(name, pa.string()), pa.array(cells, pa.string()))
    gone = [row - first for row in edits.left_out if first <= row < stop]
    if not gone:
        return table
    keep = [True] * len(table)
    for place in gone:
        keep[place] = False
    return table.filter(pa.array(keep))


def _replaced(column: pa.ChunkedArray, values: Mapping[int, Any]) -> pa.Array:
    """Return a column with other values in some rows, of the same type."""
    cells = {row: list(value) if isinstance(value, tuple) else value for row, value in values.items()}
    if pa.types.is_dictionary(column.type):
        return _replaced_words(column.unify_dictionaries().combine_chunks(), cells)
    all_cells = column.to_pylist()
    for row, value in cells.items():
        all_cells[row] = value
    return pa.array(all_cells, column.type)


def _replaced_words(column: pa.DictionaryArray, cells: Mapping[int, Any]) -> pa.DictionaryArray:
    words = column.dictionary.to_pylist()
    code = {word: place for place, word in enumerate(words)}
    codes = column.indices.to_pylist()
    for row, word in cells.items():
        codes[row] = code.setdefault(word, len(code))
    dictionary = pa.array(list(code), column.dictionary.type)
    indices = pa.array(codes, column.type.index_type)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=column.type.ordered)


def _with_added(schema: pa.Schema, edits: CellEdits) -> pa.Schema:
    for name in edits.added:
        schema = schema.append(pa.field(name, pa.string()))
    return schema


def _compressed(metadata: pq.FileMetaData) -> Iterator[tuple[str, str]]:
    """Yield how each column is compressed."""
    if not metadata.num_row_groups:
        return
    group = metadata.row_group(0)
    for place in range(group.num_columns):
        chunk = group.column(place)
        yield chunk.path_in_schema, "NONE" if chunk.compression == "UNCOMPRESSED" else chunk.compression


def files_first_rows(sizes: Sequence[int]) -> list[int]:
    """Return the position of the first row of each of several files."""
    return [sum(sizes[:number]) for number in range(len(sizes))]
