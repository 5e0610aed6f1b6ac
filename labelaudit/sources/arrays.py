"""Embeddings and class probabilities that the user already has: .npy and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatNC, FloatND, IntN
from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.sources.labels import Encoded
from labelaudit.sources.matrix import Matrix
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES, load_parquet
from labelaudit.sources.paths import require_exists
from labelaudit.sources.prob_columns import SUM_TOLERANCE, Columns, better_order, columns_to_classes

_NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class ClassProbabilities:
    """Probabilities in the order of a class list."""

    values: FloatNC
    classes: tuple[str, ...]  # (C,) may hold classes that no sample has
    remarks: tuple[Remark, ...]  # how columns became classes


def read_matrix(path: str, option: str, *, rows: int) -> Matrix:
    """Return the numbers of a .npy or Parquet file.

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
        matrix = _read_parquet(source)
    else:
        raise ConfigError(f"{option} {source}: only .npy and .parquet files are read.", hint="Save it with numpy.save.")
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
    with np.errstate(over="ignore"):  # beyond float32: infinite, and told below
        values = np.array(matrix.values[rows], dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    return values, {int(i): f"{matrix.source.name} row {rows[i]}: not a finite number" for i in bad}


def class_probabilities(
    matrix: Matrix,
    rows: IntN,
    labels: Encoded,
    *,
    known: Sequence[str] | None = None,
    asked: Sequence[str] | None = None,
) -> ClassProbabilities:
    """Return the rows as probabilities, and the class of each column.

    Args:
        matrix: (N, C) numbers.
        rows: (M,) the rows to take.
        labels: (M,) of these rows, and the classes that they have, in order.
        known: the full class list of the table, where it has one.
        asked: the class of each column, where the user says.

    Raises:
        DataError: the columns do not fit the classes, or rows are no probabilities, or they fit far better in
            another order.
    """
    columns = columns_to_classes(matrix, labels.classes, known, asked)
    values = np.array(matrix.values[rows][:, columns.order], dtype=np.float32)
    _require_probabilities(matrix, values, rows, columns)
    given = np.array([columns.classes.index(name) for name in labels.classes], dtype=np.int64)[labels.given]
    remarks = [Remark("note", f"{matrix.source.name}: {columns.how}.")]
    better = better_order(values, given)
    if better is not None:
        remarks.append(_said_order(matrix.source, columns, values, given, better))
    return ClassProbabilities(values, columns.classes, tuple(remarks))


def _said_order(source: Path, columns: Columns, values: FloatNC, given: IntN, better: IntN) -> Remark:
    """Return a warning that the columns seem to be in another order; raises DataError where that was a guess."""
    most = values.argmax(axis=1)
    names: list[str] = [""] * len(better)
    for label, column in enumerate(better.tolist()):
        names[column] = columns.classes[label]
    text = (
        f"the columns seem to be in another order: {np.mean(most == given):.0%} of the labels are the most probable "
        f"class as they are, and {np.mean(most == better[given]):.0%} in the order {shorten(names, show=20)}"
    )
    if columns.is_sure:
        return Remark("warning", f"{source.name}: {text}.")
    raise DataError(
        f"{source}: {text}.",
        hint=f"Columns were read as {shorten(columns.classes, show=20)}. Say their order with --class-names FILE, a "
        "name a line; or write Parquet with the class names as column names.",
    )


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


def _read_parquet(source: Path) -> Matrix:
    table = load_parquet(source)
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    lists = [name for name, kind in kinds.items() if _is_list(kind)]
    if len(lists) == 1:
        return Matrix(source, _from_lists(source, table.column(lists[0])), None)
    other = [name for name, kind in kinds.items() if not (pa.types.is_floating(kind) or pa.types.is_integer(kind))]
    if other or not kinds:
        raise DataError(
            f"{source}: columns that are no numbers: {shorten(map(repr, other))}.",
            hint="Keep the columns of numbers only, or one column of lists of equal length.",
        )
    columns = [np.asarray(column.to_numpy(), dtype=np.float32) for column in table.columns]
    return Matrix(source, np.stack(columns, axis=1), tuple(table.column_names))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _from_lists(source: Path, column: pa.ChunkedArray) -> NDArray[Any]:
    rows = column.to_pylist()
    lengths = sorted({-1 if row is None else len(row) for row in rows})
    if len(lengths) != 1 or lengths[0] < 1:
        raise DataError(f"{source}: lists of different lengths or empty ones: {shorten(lengths)}.")
    return np.asarray(rows, dtype=np.float32)


def _require_probabilities(matrix: Matrix, values: FloatNC, rows: IntN, columns: Columns) -> None:
    with np.errstate(invalid="ignore"):
        sums = values.sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero(~((np.abs(sums - 1) <= SUM_TOLERANCE) & (values >= 0).all(axis=1)))  # ~: also for NaN
    if not len(bad):
        return
    least = values[bad].min(axis=1)
    worst = int(np.flatnonzero(np.isnan(least) | (least < 0))[0]) if not (least >= 0).all() else 0
    first = int(bad[worst])
    lowest = float(values[first].min())
    what = f"holds {lowest:.4g}" if lowest < 0 or np.isnan(lowest) else f"sums to {sums[first]:.4g}"
    if np.isnan(lowest):
        hint = "Every sample needs finite probabilities."
    elif lowest < 0:
        hint = "These look like logits; apply a softmax to each row first."
    elif columns.extra:
        hint = f"Columns that no label names were taken for classes: {shorten(columns.extra)}. Remove what is none."
    else:
        hint = "Divide each row by its sum, if these are counts or scores."
    raise DataError(
        f"{matrix.source}: {len(bad):,} of {len(values):,} rows are no probabilities; row {rows[first]} {what}.",
        hint=hint,
    )
