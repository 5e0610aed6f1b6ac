"""A table file as columns, each row with its place: CSV, TSV, Parquet and JSON lines."""

from __future__ import annotations

import bz2
import csv
import dataclasses
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import ImageReader, Remark, SetAside
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.files import read_regular
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.binary_tables import ARROW_SUFFIXES, SHEET_SUFFIXES, read_arrow, read_npz, read_sheet
from labelaudit.sources.csv_file import LIST_SUFFIXES, Column, read_delimited
from labelaudit.sources.json_objects import flattened, object_in, rows_of_list, rows_of_lists, rows_of_object
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES, class_names, load_parquet, read_light
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place

DELIMITED_SUFFIXES = (".csv", ".tsv")


def unpacked_zstd(data: bytes) -> bytes:
    """Return what was compressed by zstd; raises OSError where it is something else."""
    return bytes(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read())


def packed_zstd(data: bytes) -> bytes:
    """Return data compressed by zstd."""
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": unpacked_zstd,
}
JSON_SUFFIXES = (".jsonl", ".ndjson", ".manifest", ".json")
MOST_TABLE = 8 * 2**30  # bytes of a table that is read as a whole
STREAM_FROM = 64 * 2**20  # bytes of a Parquet file from which its images are read row group by row group
TABLE_SUFFIXES = (
    DELIMITED_SUFFIXES + PARQUET_SUFFIXES + JSON_SUFFIXES + LIST_SUFFIXES + ARROW_SUFFIXES + SHEET_SUFFIXES + (".npz",)
)


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a file, before anything is known about their meaning."""

    source: Place | str  # a str is a folder or pattern of shards
    columns: Mapping[str, pa.ChunkedArray]  # in the order of the file; cells of CSV are strings, null where empty
    lines: IntN  # (rows,) line of a text file, from 1; row number, from 0, otherwise
    store: Store  # reads what lies behind URLs
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of Hugging Face ClassLabel columns
    streamed: Mapping[str, ImageReader] = field(default_factory=dict)  # columns whose bytes are not loaded, only null
    shard_names: tuple[str, ...] | None = None  # (rows,) the file of each row, where there are several
    set_aside: tuple[SetAside, ...] = ()  # shards that cannot be read
    remarks: tuple[Remark, ...] = ()  # how the file was read
    delimiter: str | None = None  # between the cells of a text file
    hot: tuple[str, ...] = ()  # columns of 0 and 1 whose names are the labels in the column "labels"

    def __post_init__(self) -> None:
        """Check that the bytes of each column are what its type says: Arrow believes a damaged file, and crashes."""
        for name, column in self.columns.items():
            try:
                column.validate(full=True)
            except pa.ArrowException as error:
                raise DataError(
                    f"{self.source}: column {name!r} is damaged: {error}.", hint="Write the file again."
                ) from error

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return "labels.csv:17"."""
        return f"{self.name if self.shard_names is None else self.shard_names[row]}:{self.lines[row]}"

    def places(self, rows: IntN) -> tuple[str, ...]:
        """Return the place of each of many rows."""
        lines = self.lines[rows].tolist()
        if self.shard_names is not None:
            return tuple(f"{self.shard_names[row]}:{line}" for row, line in zip(rows.tolist(), lines, strict=True))
        name = self.name
        return tuple(f"{name}:{line}" for line in lines)

    @property
    def name(self) -> str:
        """What to call the table: its last part, "labels.csv"."""
        return self.source if isinstance(self.source, str) else self.source.name


def load_table(source: Place, store: Store, settings: DataSettings | None = None) -> Table:
    """Return the columns of a table file; the settings say how to read text where the user knows better.

    Raises:
        DataError: the file is damaged, cannot be read, or has no rows.
    """
    suffix = table_suffix(source.name)
    try:
        if suffix in PARQUET_SUFFIXES:
            table = _load_parquet(source, store)
        else:
            data = read_regular(source, most=MOST_TABLE) if isinstance(source, Path) else store.local_copy(source)
            suffix, data = _unpacked(source, data)
            if suffix in (*ARROW_SUFFIXES, ".npz"):
                table = _load_arrow(source, data, store)
            elif suffix in SHEET_SUFFIXES:
                table = _load_sheet(source, data, store, settings or DataSettings())
            elif suffix in JSON_SUFFIXES:
                table = _load_json(source, data, store)
            else:
                table = _load_delimited(source, data, store, settings or DataSettings())
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror or error}.") from error
    if len(table) == 0:
        raise DataError(f"{source}: the table has no rows.")
    return table


def _text_column(cells: Column) -> pa.ChunkedArray:
    return cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([pa.array(cells, pa.string())])


def table_suffix(name: str) -> str:
    """Return the suffix that tells how a table is written, also of one that is compressed: ".csv" of "a.csv.gz"."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _UNPACK else path.suffix


def is_table(name: str) -> bool:
    """Return whether a file of this name is read as a table."""
    suffix = table_suffix(name)
    is_packed = suffix != PurePosixPath(name.lower()).suffix
    return suffix in TABLE_SUFFIXES and not (is_packed and suffix in (*PARQUET_SUFFIXES, *SHEET_SUFFIXES))


def packed_table(path: Path) -> str | None:
    """Return the name of the only table in a .zip without images; None where it holds anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, OSError):  # said when it is read as an archive of images
        return None
    names = [name for name in names if not name.startswith(("__MACOSX", "."))]
    tables = [name for name in names if PurePosixPath(name.lower()).suffix in (*DELIMITED_SUFFIXES, *JSON_SUFFIXES)]
    has_images = any(PurePosixPath(name.lower()).suffix in image_suffixes() for name in names)
    return tables[0] if len(tables) == 1 and not has_images else None


def _unpacked(source: Place, data: bytes) -> tuple[str, bytes]:
    """Return the suffix of a table and its bytes, as they were before they were packed."""
    unpack, suffix = _UNPACK.get(source.suffix.lower()), table_suffix(source.name)
    try:
        if isinstance(source, Path) and suffix == ".zip" and (name := packed_table(source)) is not None:
            with zipfile.ZipFile(source) as archive:
                return PurePosixPath(name.lower()).suffix, archive.read(name)
        return suffix, data if unpack is None else unpack(data)
    except (OSError, EOFError, ValueError, RuntimeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{source}: cannot be unpacked: {error}.", hint="Copy it again.") from error


def _load_delimited(source: Place, data: bytes, store: Store, settings: DataSettings) -> Table:
    read = read_delimited(source, data, settings)
    arrays = {name: _text_column(cells) for name, cells in read.columns.items()}
    lines = np.array(read.lines, dtype=np.int64)
    return Table(source, arrays, lines, store, remarks=read.remarks, delimiter=read.delimiter)


def _load_arrow(source: Place, data: bytes, store: Store) -> Table:
    loaded = read_npz(source, data) if table_suffix(source.name) == ".npz" else read_arrow(source, data)
    columns = _by_name(source, loaded)
    names = class_names(loaded.schema.metadata or {})
    return Table(source, columns, np.arange(len(loaded), dtype=np.int64), store, names)


def _by_name(source: Place, loaded: pa.Table) -> dict[str, pa.ChunkedArray]:
    names = loaded.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source}: a column is there twice: {shorten(map(repr, twice))}.", hint="Rename one of them.")
    return dict(zip(names, loaded.columns, strict=True))


def _load_sheet(source: Place, data: bytes, store: Store, settings: DataSettings) -> Table:
    """Return the first sheet, read as the text table that it would be saved as."""
    if not isinstance(source, Path):
        raise DataError(f"{source}: sheets are read from this machine only.", hint="Download it first.")
    del data
    rows, remarks = read_sheet(source)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    read = read_delimited(
        source,
        text.getvalue().encode(),
        dataclasses.replace(settings, delimiter=",", quoting="standard", encoding=None),
    )
    arrays = {name: _text_column(cells) for name, cells in read.columns.items()}
    lines = np.array(read.lines, dtype=np.int64)
    return Table(source, arrays, lines, store, remarks=(*remarks, *read.remarks), delimiter=",")


def _load_parquet(source: Place, store: Store) -> Table:
    if isinstance(source, Path) and source.stat().st_size < STREAM_FROM:
        loaded = load_parquet(source)
        columns = _by_name(source, loaded)
        names = class_names(loaded.schema.metadata or {})
        return Table(source, columns, np.arange(len(loaded), dtype=np.int64), store, names)
    light = read_light([source], store)
    return Table(source, light.columns, light.lines, store, light.class_names, light.streamed)


def _load_json(source: Place, data: bytes, store: Store) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from error
    whole = object_in(text)
    of_object = None if whole is None else rows_of_object(whole)
    if of_object is not None:
        rows = of_object
        lines = list(range(len(rows)))
    elif text.lstrip().startswith("["):
        rows = _json_array(source, text)
        lines = list(range(len(rows)))
    else:
        rows, lines = _json_lines(source, text)
    if any(isinstance(value, dict) for row in rows for value in row.values()):
        rows = [flattened(row) for row in rows]
    names = dict.fromkeys(name for row in rows for name in row)  # in the order of appearance
    columns = {name: pa.chunked_array([_json_column([row.get(name) for row in rows])]) for name in names}
    return Table(source, columns, np.array(lines, dtype=np.int64), store)


def _json_array(source: Place, text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        hint = "Is there a comma behind the last row, or a row that was cut off?"
        raise DataError(f"{source}:{error.lineno}: not JSON: {error.msg}.", hint=hint) from error
    if rows and all(isinstance(row, list) for row in rows):
        try:
            return rows_of_lists(rows)
        except DataError as error:
            raise DataError(f"{source}: {error.problem}") from error
    for position, row in enumerate(rows):
        _require_object(row, f"{source}: item {position}")
    return rows_of_list(rows)


def _json_lines(source: Place, text: str) -> tuple[list[dict[str, Any]], list[int]]:
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
