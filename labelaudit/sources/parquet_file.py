"""Parquet files: whole, or without the bytes of their images, which are then read row group by row group."""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import ImageReader
from labelaudit.core.errors import DataError
from labelaudit.sources.range_file import open_place
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place

PARQUET_SUFFIXES = (".parquet", ".pq")
_KEPT = 512 * 2**20  # bytes of row groups held in memory, so that neighbours of an image are at hand
_ROW_NUMBERS = "__index_level_"  # of the column that pandas adds


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A part of a Parquet file that is read at once."""

    place: Place
    metadata: pq.FileMetaData
    number: int  # within its file


@dataclass(frozen=True, slots=True)
class LightTable:
    """The columns of one or more Parquet files, images left out."""

    columns: Mapping[str, pa.ChunkedArray]  # (rows,) those of images hold nulls in place of bytes
    class_names: Mapping[str, tuple[str, ...]]
    streamed: Mapping[str, ImageReader]  # the columns of images
    lines: IntN  # (rows,) row within its file
    file_of: IntN  # (rows,) position in the files that were asked for
    broken: Sequence[tuple[int, DataError]]  # position of each file that cannot be read, and why


def load_parquet(source: Path) -> pa.Table:
    """Return a Parquet file without the index column that pandas adds; raises DataError where it is damaged."""
    try:
        # ParquetFile, not read_table: a folder called label=3/ must not become a column.
        loaded = pq.ParquetFile(source, memory_map=True).read()
    except pa.ArrowException as error:
        raise _damaged(source, error) from error
    return loaded.drop_columns([name for name in loaded.column_names if name.startswith(_ROW_NUMBERS)])


def class_names(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Return the names of ClassLabel columns from the metadata that the Hugging Face hub writes."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        features = features if isinstance(features, dict) else {}
    except (ValueError, AttributeError, RecursionError):  # some other program's metadata
        return {}
    # of a list of labels, what its items are
    inner = {column: each.get("feature", each) if isinstance(each, dict) else each for column, each in features.items()}
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in inner.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }


def is_image_type(kind: pa.DataType) -> bool:
    """Return whether cells hold bytes, or the struct of bytes and path of the Hugging Face hub."""
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(position).name for position in range(kind.num_fields)}
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def read_light(files: Sequence[Place], store: Store) -> LightTable:
    """Return the columns of Parquet files, one after the other, with images to be read later.

    Raises:
        DataError: no file can be read, or they have different columns.
    """
    tables: list[pa.Table] = []
    groups: list[RowGroup] = []
    file_of: list[IntN] = []
    broken: list[tuple[int, DataError]] = []
    for position, place in enumerate(files):
        try:
            with open_place(place, store) as stream:
                file = pq.ParquetFile(stream)
                tables.append(_read_without_images(file))
        except (pa.ArrowException, OSError) as error:
            broken.append((position, _damaged(place, error)))
            continue
        groups += [RowGroup(place, file.metadata, number) for number in range(file.metadata.num_row_groups)]
        file_of.append(np.full(len(tables[-1]), position, dtype=np.int64))
    if not tables:
        raise broken[0][1]
    whole = _joined(tables, files)
    images = [field.name for field in whole.schema if is_image_type(field.type) and _holds_bytes(groups, field)]
    return LightTable(
        columns=dict(zip(whole.column_names, whole.columns, strict=True)),
        class_names=class_names(whole.schema.metadata or {}),
        streamed={name: ParquetImages(groups, _leaf(whole.schema.field(name)), store) for name in images},
        lines=np.concatenate([np.arange(len(table), dtype=np.int64) for table in tables]),
        file_of=np.concatenate(file_of),
        broken=broken,
    )


class ParquetImages:
    """Reads images from a column of Parquet files, a row group at a time; the last few stay in memory.

    Args:
        groups: all row groups, in the order of the rows.
        leaf: path of the column of bytes, such as "image.bytes".
        store: reads what lies behind URLs.
        keep: bytes of row groups that stay in memory; the one in use always does.
    """

    def __init__(self, groups: Sequence[RowGroup], leaf: str, store: Store, *, keep: int = _KEPT) -> None:
        self._groups, self._leaf, self._store, self._keep = tuple(groups), leaf, store, keep
        sizes = [group.metadata.row_group(group.number).num_rows for group in groups]
        self._starts = [0, *np.cumsum(sizes).tolist()]
        self._lock = threading.Lock()  # neighbours wait for the row group they share, instead of reading it twice
        self._loaded: OrderedDict[int, pa.ChunkedArray] = OrderedDict()

    def read(self, position: int) -> bytes:
        """Return the bytes of one image; empty where the cell is null; raises OSError."""
        number = bisect_right(self._starts, position) - 1
        value = self._cells(number)[position - self._starts[number]].as_py()
        return b"" if value is None else bytes(value)

    def _cells(self, number: int) -> pa.ChunkedArray:
        with self._lock:
            if number not in self._loaded:
                cells = self._read_group(self._groups[number])
                while self._loaded and self._size() + cells.nbytes > self._keep:
                    self._loaded.popitem(last=False)
                self._loaded[number] = cells
            self._loaded.move_to_end(number)
            return self._loaded[number]

    def _size(self) -> int:
        return sum(int(cells.nbytes) for cells in self._loaded.values())

    def _read_group(self, group: RowGroup) -> pa.ChunkedArray:
        try:
            with open_place(group.place, self._store) as stream:
                file = pq.ParquetFile(stream, metadata=group.metadata)
                cells = file.read_row_group(group.number, columns=[self._leaf]).column(0)
        except pa.ArrowException as error:
            raise OSError(str(_damaged(group.place, error))) from error
        return pc.struct_field(cells, "bytes") if pa.types.is_struct(cells.type) else cells


def _read_without_images(file: pq.ParquetFile) -> pa.Table:
    """Return all columns but the bytes of images; they are null."""
    schema = file.schema_arrow
    fields = [field for field in schema if not field.name.startswith(_ROW_NUMBERS)]
    wanted = [f"{f.name}.path" if pa.types.is_struct(f.type) else f.name for f in fields if _is_wanted(f)]
    read = file.read(columns=wanted)
    columns = [
        _nulls_for_bytes(field, read) if is_image_type(field.type) else read.column(field.name) for field in fields
    ]
    return pa.table(columns, schema=pa.schema(fields, schema.metadata))


def _is_wanted(field: pa.Field) -> bool:
    return not is_image_type(field.type) or pa.types.is_struct(field.type)


def _nulls_for_bytes(field: pa.Field, read: pa.Table) -> pa.ChunkedArray:
    if not pa.types.is_struct(field.type):
        return pa.chunked_array([pa.nulls(read.num_rows, field.type)])
    paths = pc.struct_field(read.column(field.name), "path").combine_chunks()
    members = [field.type.field(position) for position in range(field.type.num_fields)]
    arrays = [paths if member.name == "path" else pa.nulls(read.num_rows, member.type) for member in members]
    return pa.chunked_array([pa.StructArray.from_arrays(arrays, fields=members)])


def _joined(tables: list[pa.Table], files: Sequence[Place]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"{files[0]} and the files beside it have different columns: {str(error).splitlines()[0]}.",
            hint="Name those that belong together, by a pattern such as 'data/train-*.parquet'.",
        ) from error


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.bytes" if pa.types.is_struct(field.type) else str(field.name)


def _holds_bytes(groups: Sequence[RowGroup], field: pa.Field) -> bool:
    """Return whether a column has any cell with bytes, as far as the statistics of the files tell."""
    leaf = _leaf(field)
    for group in groups:
        rows = group.metadata.row_group(group.number)
        for position in range(rows.num_columns):
            chunk = rows.column(position)
            if chunk.path_in_schema == leaf:
                known = chunk.statistics is not None and chunk.statistics.has_null_count
                if not known or chunk.statistics.null_count < rows.num_rows:
                    return True
    return False


def _damaged(place: Place, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{place}: not a Parquet file, or damaged: {reason}")
