"""Between Arrow and numpy without pandas, which pyarrow's own conversions import: half a second at the start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN

_DTYPES = {
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.uint64(): np.uint64,
    pa.float32(): np.float32,
}


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether values of a type are bytes or made of parts, such as images, and so no text or number."""
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def text_array(texts: Iterable[str]) -> pa.Array:
    """Return texts as Arrow; what is not UTF-8 in a file's name is escaped, as in the findings."""
    encoded = [_encode(text) for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers).cast(pa.string())


def positions_array(positions: IntN) -> pa.Array:
    """Return positions as Arrow, to take these rows of a column."""
    return pa.Array.from_buffers(pa.int64(), len(positions), [None, pa.py_buffer(positions.astype(np.int64).tobytes())])


def numbers_of(array: pa.Array, missing: float) -> NDArray[Any]:
    """Return the numbers of an array, with `missing` for its nulls; a copy."""
    dtype = np.dtype(_DTYPES[array.type])
    values = np.frombuffer(array.buffers()[1] or b"", dtype=dtype, offset=array.offset * dtype.itemsize)
    filled = values[: len(array)].copy()
    if array.null_count:
        filled[~_bits(array, 0)] = missing
    return filled


def truths_of(array: pa.Array) -> BoolN:
    """Return an array of truth values; null counts as false."""
    return _bits(array, 1) & _bits(array, 0) if array.null_count else _bits(array, 1)


def _bits(array: pa.Array, buffer: int) -> BoolN:
    """Return the validity (0) or the truth values (1) of an array."""
    packed = np.frombuffer(array.buffers()[buffer] or b"", dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little")[array.offset : array.offset + len(array)].astype(np.bool_)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")
