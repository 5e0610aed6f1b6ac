"""The door to .npz files of ours: arrays of numbers, no larger than their file, in the shapes that they must have."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.errors import DAMAGE, DataError, damaged
from labelaudit.core.files import open_own

Arrays = dict[str, NDArray[Any]]
_KINDS = {"f": "numbers", "i": "whole numbers", "u": "numbers without a sign", "b": "truth values"}


def read_arrays(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> Arrays:
    """Return the arrays of a file, by name.

    Args:
        path: of the file.
        wanted: which of them; the others are not read.

    Raises:
        DataError: it is missing, damaged, or holds something else than arrays of numbers.
    """
    try:
        with open_own(path) as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _array(archive, info, size) for name, info in members.items() if wanted(name)}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", hint="Scan the data again.") from None
    except DAMAGE as error:
        raise damaged(path, error) from error


def require_array(
    path: Path, arrays: Mapping[str, NDArray[Any]], name: str, kinds: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return one array of a file.

    Args:
        path: of the file, for messages.
        arrays: of the file.
        name: of the array.
        kinds: letters of numpy for what it may hold: f, i, u, b.
        shape: its sizes; None = any.

    Raises:
        DataError: it is not there, holds something else or numbers that are not finite, or has another shape.
    """
    array = arrays.get(name)
    if array is None:
        raise damaged(path, f"it has no array {name}")
    if array.dtype.kind not in kinds:
        raise damaged(path, f"{name} holds {array.dtype}, expected {' or '.join(_KINDS[kind] for kind in kinds)}")
    fits = len(array.shape) == len(shape) and all(
        want in (None, size) for size, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if size is None else size for size in shape)
        raise damaged(path, f"{name} has the shape {array.shape}, expected {wanted}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise damaged(path, f"{name} has values that are not finite")
    return array


def require_range(path: Path, array: NDArray[Any], name: str, low: float, high: float) -> None:
    """Raise DataError unless all values of an array are at least `low` and at most `high`."""
    if array.size and not (array.min() >= low and array.max() <= high):
        raise damaged(path, f"{name} has values that are not from {low:g} to {high:g}")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
        raise ValueError(f"{info.filename} is compressed: labelaudit wrote no such file")
    with archive.open(info) as member:
        shape, is_fortran, dtype = _header(member)
        if dtype.kind not in _KINDS or any(length < 0 for length in shape) or len(shape) > 3:
            raise ValueError(f"{info.filename} holds {dtype} in the shape {shape}")
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes != info.file_size - member.tell():
            raise ValueError(f"{info.filename} has {info.file_size:,} bytes for the shape {shape}")
        values = np.frombuffer(member.read(), dtype=dtype)
    return values.reshape(shape, order="F" if is_fortran else "C")


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(member)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(member)
    raise ValueError(f"an array has the version {version}")
