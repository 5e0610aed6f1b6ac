"""Images that a table holds as text: rows of pixel values, base64, data: addresses."""

from __future__ import annotations

import ast
import base64
import binascii
import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.dataset import Remark
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.column_names import looked_at
from labelaudit.sources.table_file import Table

_FEWEST_PIXELS = 64
_DATA = re.compile(r"data:image/[\w.+-]+(;[\w=.-]+)*,", re.IGNORECASE)
_BEGINNINGS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "Qk")  # of PNG, JPEG, GIF, WebP and BMP as base64
_HEX = re.compile(r"(?i)(0x|\\x)?(89504e47|ffd8ff|47494638|52494646)")  # PNG, JPEG, GIF and WebP
_BYTES = (r"b'\x89PNG", r'b"\x89PNG', r"b'\xff\xd8", r'b"\xff\xd8', "b'GIF8", "b'RIFF", 'b"RIFF')
_FEWEST_LETTERS = 60  # of base64: no image is smaller


@dataclass(frozen=True, slots=True)
class CellImages:
    """Reads images out of the cells of a column."""

    cells: pa.ChunkedArray  # (rows,) text
    decode: Callable[[str], bytes]

    def read(self, position: int) -> bytes:
        """Return the bytes of one image; empty where the cell is; raises OSError where it is no image."""
        text = self.cells[position].as_py()
        if text is None or not text.strip():
            return b""
        try:
            return self.decode(text.strip())
        except ValueError as error:
            raise OSError(f"the cell is no image: {error}") from error


def with_cell_images(table: Table, settings: DataSettings) -> Table:
    """Return the table with columns of images that are written as text marked as images."""
    if settings.no_images or settings.feature_columns is not None:
        return table
    found = {name: decode for name in table.columns if (decode := _decoder(table, name)) is not None}
    readers = {name: CellImages(table.columns[name], decode) for name, (decode, _) in found.items()}
    remarks = [Remark("note", f"{table.name}: the cells of {name!r} are {what}.") for name, (_, what) in found.items()]
    return dataclasses.replace(table, streamed={**table.streamed, **readers}, remarks=(*table.remarks, *remarks))


def _decoder(table: Table, name: str) -> tuple[Callable[[str], bytes], str] | None:
    """Return how the cells become bytes, and what they are; None where they are no images."""
    texts = [text.strip() for text in looked_at(table, name)]
    if not texts:
        return None
    if all(_DATA.match(text[:100]) for text in texts):
        return _from_address, "images as data: addresses"
    if all(len(text) >= _FEWEST_LETTERS and text.startswith(_BEGINNINGS) and " " not in text for text in texts):
        return _from_base64, "images in base64"
    if all(_HEX.match(text[:20]) for text in texts):
        return _from_hex, "images in hexadecimal"
    if all(text.startswith(_BYTES) for text in texts):
        return _from_python, "images as Python writes bytes"
    counts = {len(text.split()) for text in texts if text[0].isdecimal() and text[-1].isdecimal()}
    if len(counts) != 1 or not all(text[0].isdecimal() for text in texts):
        return None
    shape = pixel_shape(counts.pop())
    if shape is None or not all(map(_are_pixels, texts[:20])):
        return None
    side, channels = shape
    return _from_pixels, f"{'grey' if channels == 1 else 'colour'} images of {side} x {side} pixel values"


def pixel_shape(n_values: int) -> tuple[int, int] | None:
    """Return (side, channels) of a square image with so many values."""
    for channels in (1, 3):
        side = math.isqrt(n_values // channels)
        if n_values >= _FEWEST_PIXELS and side * side * channels == n_values:
            return side, channels
    return None


def _are_pixels(text: str) -> bool:
    words = text.split()
    return all(word.isdecimal() and int(word) < 256 for word in words)


def _from_address(text: str) -> bytes:
    head, _, data = text.partition(",")
    return _from_base64(data) if head.lower().endswith(";base64") else data.encode("latin-1", "replace")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"^(0x|\\x)", "", text))


def _from_python(text: str) -> bytes:
    """Return the bytes of b'...' as pandas writes them into CSV."""
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, MemoryError) as error:
        raise ValueError(f"not the bytes of Python: {error}") from error
    if not isinstance(found, bytes):
        raise ValueError("not the bytes of Python")
    return found


def _from_pixels(text: str) -> bytes:
    """Return pixel values as a PGM or PPM file, the plainest formats there are."""
    values = np.array(text.split(), dtype=np.int64)
    if pixel_shape(len(values)) is None or values.min() < 0 or values.max() > 255:
        raise ValueError(f"{len(values):,} values from {values.min()} to {values.max()}")
    return image_of_pixels(values.astype(np.uint8))


def image_of_pixels(values: NDArray[np.uint8]) -> bytes:
    """Return (n,) pixels of a square image, row by row, as a PGM or PPM file."""
    shape = pixel_shape(len(values))
    if shape is None:
        raise ValueError(f"{len(values):,} values are no square image")
    side, channels = shape
    kind = b"P5" if channels == 1 else b"P6"  # colours follow one another, pixel by pixel
    return b"%s %d %d 255\n" % (kind, side, side) + values.tobytes()
