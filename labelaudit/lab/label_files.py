"""Noisy labels from a file, such as those of CIFAR-N: tables, numpy arrays, and torch files that hold no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labelaudit.core.arrow import holds_bytes
from labelaudit.core.dataset import Dataset, IntN
from labelaudit.core.errors import ConfigError, DataError, did_you_mean, shorten
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.label_column import LABEL_NAMES
from labelaudit.sources.paths import require_exists
from labelaudit.sources.plain_pickle import read_plain_pickle
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, load_table
from labelaudit.training.models import load_plain_data

_TRUE_NAMES = ("clean_label", "true_label")
_ID_NAMES = ("sample_id", "id", "path", "image", "file_name")
_NOISY_NAMES = ("given_label", "noisy_label", *LABEL_NAMES)

Columns = Mapping[str, NDArray[Any]]  # name -> (rows,) numbers or text


def read_labels_file(text: str, dataset: Dataset) -> IntN:
    """Return (N,) labels for the samples of a dataset.

    Rows find their samples by id where the file has ids; else class by class by its true labels, so that row k of a
    class is sample k of that class, and a part of each class will do; else by their order.

    Args:
        text: "FILE" or "FILE:COLUMN"; .csv, .tsv, .parquet, .jsonl, .npy, .npz, .pt or .pkl.
        dataset: whose labels are trusted.

    Raises:
        ConfigError: the file or the column does not exist.
        DataError: the file cannot be read without running code in it, or does not fit the dataset.
    """
    path, column = _split(text)
    require_exists(path, "--labels-file ")
    columns = _read(path)
    name = _chosen(path, column, columns)
    labels = _positions(path, name, columns[name], dataset)
    ids = next((columns[each] for each in _ID_NAMES if each in columns), None)
    if ids is not None:
        return labels[_rows_by_id(path, ids, dataset)]
    true = next((columns[each] for each in _TRUE_NAMES if each in columns), None)
    if true is not None:
        return labels[_rows_by_class(path, _positions(path, "true labels", true, dataset), dataset)]
    if len(labels) != len(dataset):
        raise DataError(
            f"{path}: {len(labels):,} labels, but the dataset has {len(dataset):,} samples.",
            hint="Row i belongs to sample i; or write a table with the columns sample_id and label.",
        )
    return labels


def _split(text: str) -> tuple[Path, str | None]:
    whole = Path(text).expanduser()
    file, colon, column = text.rpartition(":")
    if whole.exists() or not colon or len(file) == 1:  # C:\labels.csv
        return whole, None
    return Path(file).expanduser(), column


def _read(path: Path) -> Columns:
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES and suffix != ".npz":
        table = load_table(path, Store(None))
        plain = {name: cells for name, cells in table.columns.items() if not holds_bytes(cells.type)}
        return {name: _texts(cell_texts(cells)) for name, cells in plain.items()}
    if suffix in (".npy", ".npz"):
        return _read_numpy(path)
    if suffix in (".pt", ".pth"):
        return _as_columns(path, load_plain_data(path))
    if suffix in (".pkl", ".pickle"):
        return _as_columns(path, read_plain_pickle(path))
    known = ", ".join((*TABLE_SUFFIXES, ".npy", ".npz", ".pt", ".pkl"))
    raise ConfigError(f"--labels-file {path}: this kind of file is not read.", hint=f"Known: {known}.")


def _texts(cells: Sequence[str | None]) -> NDArray[Any]:
    return np.array(["" if cell is None else cell for cell in cells], dtype=np.str_)


def _read_numpy(path: Path) -> Columns:
    try:
        stored = np.load(path, allow_pickle=False)
        return _as_columns(path, dict(stored) if path.suffix.lower() == ".npz" else stored)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read without running code in it: {error}",
            hint="Where you trust it, convert it: np.save('labels.npy', np.load(FILE, allow_pickle=True).astype(int))",
        ) from error


def _as_columns(path: Path, stored: object) -> Columns:
    """Return the columns of a file by name; a single one is called "label"."""
    named = dict(stored) if isinstance(stored, Mapping) else {"label": stored}
    columns = {str(name): _column(value) for name, value in named.items()}
    good = {name: values for name, values in columns.items() if values is not None}
    if not good:
        raise DataError(f"{path} holds no column of labels: {shorten(named)}.")
    return good


def _column(value: object) -> NDArray[Any] | None:
    array = value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return array if array.ndim == 1 and array.dtype.kind in "iuU" else None


def _chosen(path: Path, column: str | None, columns: Columns) -> str:
    """Return the column of noisy labels."""
    candidates = [name for name in columns if name not in (*_TRUE_NAMES, *_ID_NAMES)]
    if column is not None and column in columns:
        return column
    if column is None and len(candidates) == 1:
        return candidates[0]
    usual = [name for name in _NOISY_NAMES if name in candidates]
    if column is None and usual:
        return usual[0]
    problem = "which column holds the noisy labels?" if column is None else f"there is no column {column!r}."
    example = f"--labels-file {path}:{candidates[0] if candidates else 'COLUMN'}"
    raise ConfigError(
        f"{path}: {problem} Columns: {', '.join(columns)}.",
        hint=(column and did_you_mean(column, candidates)) or f"For example: {example}.",
    )


def _positions(path: Path, name: str, values: NDArray[Any], dataset: Dataset) -> IntN:
    """Return labels as positions in the classes: numbers are positions already, text is class names."""
    place = {label: position for position, label in enumerate(dataset.classes)}
    if values.dtype.kind == "U" and not place.keys() & set(values.tolist()) and np.char.isdecimal(values).all():
        values = values.astype(np.int64)  # class numbers of a CSV
    if values.dtype.kind in "iu":
        positions = values.astype(np.int64)
        bad = (positions < 0) | (positions >= dataset.n_classes)
    else:
        positions = np.array([place.get(label, -1) for label in values.tolist()], dtype=np.int64)
        bad = positions < 0
    if bad.any():
        shown = shorten(repr(value) for value in sorted(set(values[bad].tolist())))
        raise DataError(f"{path}, {name}: {int(bad.sum()):,} labels are no class of {dataset.source}: {shown}.")
    return positions


def _rows_by_id(path: Path, ids: NDArray[Any], dataset: Dataset) -> IntN:
    row = {str(name): number for number, name in enumerate(ids.tolist())}
    missing = [name for name in dataset.sample_ids if name not in row]
    if missing:
        raise DataError(f"{path} has no label for {len(missing):,} samples: {shorten(missing)}.")
    return np.array([row[name] for name in dataset.sample_ids], dtype=np.int64)


def _rows_by_class(path: Path, true: IntN, dataset: Dataset) -> IntN:
    rows = np.empty(len(dataset), dtype=np.int64)
    for position, label in enumerate(dataset.classes):
        mine, theirs = np.flatnonzero(dataset.given == position), np.flatnonzero(true == position)
        if len(mine) > len(theirs):
            raise DataError(
                f"{path}: {len(theirs):,} labels of class {label!r}, but the dataset has {len(mine):,} samples of it."
            )
        rows[mine] = theirs[: len(mine)]
    return rows
