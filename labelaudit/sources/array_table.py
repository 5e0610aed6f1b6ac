"""Named arrays as the columns of a table: .npz files, and arrays that a program has at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.errors import DataError
from labelaudit.sources.splits import split_of_words

_MOST_COLUMNS = 10_000  # numbers of a row that become columns of their own
LABELS = frozenset({"y", "label", "labels", "target", "targets", "class", "classes"})
_CLASSES = re.compile(r"target|class|label")  # in the name of an array of names
_NAMES = re.compile(r"target|class|label|feature|column")
_INPUTS = frozenset({"x", "image", "images", "data", "features", "arr_0"})


def arrays_table(arrays: Mapping[str, Any]) -> pa.Table:
    """Return the table whose columns are arrays of equally many rows.

    Arrays of one dimension are columns; of two, a column for each number of a row; images of bytes, (N, H, W) or
    (N, H, W, 3), are a column of images. Arrays such as x_train and y_train beside x_test and y_test become rows
    with a column "split".

    Raises:
        DataError: the arrays have different lengths, hold objects, or more dimensions.
    """
    parts = by_split({name: np.asarray(values) for name, values in arrays.items()})
    tables = [_one_split(split, columns) for split, columns in parts.items()]
    return pa.concat_tables(tables, promote_options="permissive")


def by_split(arrays: Mapping[str, NDArray[Any]]) -> dict[str | None, dict[str, NDArray[Any]]]:
    """Return the arrays by split, under names without it; all under None where not every name has one."""
    splits = {name: split_of_words(name) for name in arrays}
    if None in splits.values() or len(arrays) < 2:
        return {None: dict(arrays)}
    parts: dict[str | None, dict[str, NDArray[Any]]] = {}
    for name, split in splits.items():
        words = [word for word in name.replace("-", "_").split("_") if split_of_words(word) is None]
        parts.setdefault(split, {})["_".join(words) or name] = arrays[name]
    return parts


def _one_split(split: str | None, arrays: Mapping[str, NDArray[Any]]) -> pa.Table:
    arrays, names = _without_names(arrays)
    lengths = {name: len(values) if values.ndim else 1 for name, values in arrays.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
        raise DataError(f"arrays of different lengths: {told}.", hint="Give one row of each array for each sample.")
    columns: dict[str, pa.Array] = {}
    if set(arrays) == {"arr_0", "arr_1"} and arrays["arr_1"].ndim == 1:  # numpy.savez(file, x, y)
        arrays = {"x": arrays["arr_0"], "y": arrays["arr_1"]}
    for name, values in arrays.items():
        columns |= _columns(name, values)
    if split is not None:
        columns["split"] = pa.array([split] * next(iter(lengths.values())))
    return pa.table(columns).replace_schema_metadata(_class_metadata(names))


def _without_names(arrays: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return the arrays of the samples, and the names of the classes where target_names or the like has them."""
    labels = [values for name, values in arrays.items() if name.casefold() in LABELS]
    n = len(labels[0]) if labels and labels[0].ndim else None
    apart = {
        name: values
        for name, values in arrays.items()
        if n is not None and values.ndim == 1 and len(values) != n and values.dtype.kind in "UO" and _NAMES.search(name)
    }
    names = next((values for name, values in apart.items() if _CLASSES.search(name)), np.array([]))
    return {name: values for name, values in arrays.items() if name not in apart}, [str(name) for name in names]


def _class_metadata(names: Sequence[str]) -> dict[bytes, bytes] | None:
    """Return the names of the labels' numbers as the Hugging Face hub writes them."""
    if not names:
        return None
    feature = {"_type": "ClassLabel", "names": list(names)}
    return {b"huggingface": json.dumps({"info": {"features": {"label": feature}}}).encode()}


def _columns(name: str, values: NDArray[Any]) -> dict[str, pa.Array]:
    if values.dtype.kind == "O" and all(isinstance(value, str | None) for value in values.ravel().tolist()):
        values = np.array(["" if value is None else value for value in values.ravel().tolist()])
    if values.dtype.kind not in "biufUSM":
        raise DataError(f"array {name!r} holds {values.dtype} values; numbers, texts or images are needed.")
    is_label = name.casefold() in LABELS
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if is_label and values.ndim == 2 and _are_bits(values):
        if not (values.sum(axis=1) == 1).all():
            return {"label": pa.array([[str(k) for k in np.flatnonzero(row)] for row in values], pa.list_(pa.string()))}
        values = values.argmax(axis=1)
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] not in (1, 3):
        values = np.moveaxis(values, 1, 3)  # (N, C, H, W) as torch has it
    if values.ndim == 1:
        return {"label" if is_label else name: pa.array(values)}
    if values.ndim == 2 and values.shape[1] <= _MOST_COLUMNS:
        return {f"{name} {place}": pa.array(np.ascontiguousarray(column)) for place, column in enumerate(values.T)}
    if values.ndim == 3 or (values.ndim == 4 and values.shape[3] in (1, 3)):
        key = "image" if name.casefold() in _INPUTS else name
        return {key: pa.array(list(_encoded(values)), pa.binary())}
    raise DataError(
        f"array {name!r} has the shape {values.shape}; (N,), (N, D), (N, H, W) or (N, H, W, 3) is needed.",
    )


def _are_bits(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())


def _encoded(values: NDArray[Any]) -> Iterable[bytes]:
    """Yield each image as a PGM or PPM file, the plainest formats there are; floats are of 0 to 1, or of 0 to 255."""
    if values.dtype.kind == "f":
        scale = 255.0 if values.size and float(np.nanmax(values)) <= 1 else 1.0
        values = np.clip(np.nan_to_num(values) * scale, 0, 255)
    elif values.dtype != np.uint8 and values.size and not 0 <= values.min() <= values.max() <= 255:
        low, high = float(values.min()), float(values.max())
        values = (values - low) * (255.0 / max(high - low, 1e-12))
    whole = np.rint(values).astype(np.uint8) if values.dtype != np.uint8 else values
    if whole.ndim == 4 and whole.shape[3] == 1:
        whole = whole[..., 0]
    kind = b"P5" if whole.ndim == 3 else b"P6"
    head = b"%s %d %d 255\n" % (kind, whole.shape[2], whole.shape[1])
    return (head + image.tobytes() for image in whole)
