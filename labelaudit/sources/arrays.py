"""Numbers that the user already has, one row per sample: .npy, Parquet and CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from labelaudit.core.arrays import FloatND, IntN
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES, load_parquet
from labelaudit.sources.paths import require_exists

_BLOCK = 65_536  # rows at a time: a copy of all would be there twice
_NPY_MAGIC = b"\x93NUMPY"
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_ID_NAMES = frozenset(
    {"id", "ids", "index", "row", "row_id", "sample_id", "uid", "uuid", "file", "filename", "path", ""}
)
_ROW_NUMBERS = ("unnamed: 0", "__index_level_0__")  # as pandas writes an index


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers from a file, one row per sample."""

    source: Path
    values: NDArray[Any]  # (N, D) integers or floats; memory-mapped where the format allows
    names: tuple[str, ...] | None  # (D,) of the columns, where they have names


def read_matrix(path: str, option: str, *, rows: int) -> Matrix:
    """Return the numbers of a .npy, Parquet or CSV file; ids in columns of text are left out.

    Args:
        path: as the user wrote it.
        option: "--embeddings" or "--probs", for messages.
        rows: what the label table has.

    Raises:
        ConfigError: no such file, or another format.
        DataError: pickled objects, text, another number of rows, or not two dimensions.
    """
    source = Path(path).expanduser()
    require_exists(source, f"{option} ")
    suffix = source.suffix.lower()
    if suffix == ".npy":
        matrix = _read_npy(source)
    elif suffix in PARQUET_SUFFIXES:
        matrix = _read_columns(source, load_parquet(source))
    elif suffix in _SEPARATORS:
        matrix = _read_columns(source, _load_csv(source, _SEPARATORS[suffix]))
    else:
        problem = f"{option} {source}: only .npy, .parquet, .csv and .tsv files are read."
        raise ConfigError(problem, hint="Save it with numpy.save.")
    if matrix.values.ndim == 1 and option == "--probs":  # of one of two classes
        matrix = Matrix(source, matrix.values[:, None], matrix.names)
    if matrix.values.ndim != 2:
        raise DataError(f"{source}: shape {matrix.values.shape}, but one row of numbers per sample is needed: (N, D).")
    if len(matrix.values) != rows:
        raise DataError(
            f"{source}: {len(matrix.values):,} rows, but the table of labels has {rows:,}.",
            hint="Row i of the array belongs to row i of the table; write both from the same list.",
        )
    return matrix


def embedding_rows(matrix: Matrix, rows: IntN) -> tuple[FloatND, dict[int, str]]:
    """Return some rows as float32, and what is wrong with those that are not finite, by position in `rows`."""
    values = np.empty((len(rows), matrix.values.shape[1]), dtype=np.float32)
    with np.errstate(over="ignore"):  # beyond float32: infinite, and told below
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            values[part] = matrix.values[rows[part]]
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    return values, {int(i): f"{matrix.source.name} row {rows[i]}: not a finite number" for i in bad}


def _read_npy(source: Path) -> Matrix:
    try:
        values = np.load(source, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        with source.open("rb") as file:  # numpy calls anything that is not its own format pickled
            is_npy = file.read(len(_NPY_MAGIC)) == _NPY_MAGIC
        if is_npy and "object" in str(error).lower():
            raise DataError(
                f"{source}: holds Python objects, which are not read: loading them could run code.",
                hint="Save plain numbers: numpy.save(file, numpy.asarray(values, dtype='float32')).",
            ) from error
        raise DataError(f"{source}: not a .npy file, or damaged.", hint="Write it with numpy.save.") from error
    if values.dtype.kind not in "iuf":
        raise DataError(f"{source}: type {values.dtype}, but numbers are needed.")
    return Matrix(source, values, None)


def names_rows(name: str) -> bool:
    """Return whether a column of this name says which row it is, rather than what it holds."""
    return name.strip().casefold() in _ID_NAMES or name.casefold() in _ROW_NUMBERS


def _load_csv(source: Path, separator: str) -> pa.Table:
    try:
        return csv.read_csv(source, parse_options=csv.ParseOptions(delimiter=separator))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{source} cannot be read: {error}.", hint="One header line, then numbers.") from error


def _read_columns(source: Path, table: pa.Table) -> Matrix:
    table.validate(full=True)  # Arrow itself believes a damaged file, and crashes
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    lists = [name for name, kind in kinds.items() if _is_list(kind)]
    if len(lists) == 1:
        return Matrix(source, _from_lists(source, table.column(lists[0])), None)
    texts = [name for name, kind in kinds.items() if not (pa.types.is_floating(kind) or pa.types.is_integer(kind))]
    other = [name for name in texts if not names_rows(name)]
    numbers = [name for name in kinds if name not in texts]
    if other or not numbers:
        raise DataError(
            f"{source}: columns that are no numbers: {shorten(map(repr, other))}.",
            hint="Keep the columns of numbers only, or one column of lists of equal length.",
        )
    columns = [np.asarray(table.column(name).to_numpy(), dtype=np.float32) for name in numbers]
    return Matrix(source, np.stack(columns, axis=1), tuple(numbers))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _from_lists(source: Path, column: pa.ChunkedArray) -> NDArray[Any]:
    rows = column.to_pylist()
    lengths = sorted({-1 if row is None else len(row) for row in rows})
    if len(lengths) != 1 or lengths[0] < 1:
        raise DataError(f"{source}: lists of different lengths or empty ones: {shorten(lengths)}.")
    return np.asarray(rows, dtype=np.float32)
