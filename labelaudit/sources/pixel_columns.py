"""Tables with a column for each pixel: label, pixel0, pixel1, ..., or 1x1, 1x2, ...; the rows are images."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelaudit.core.dataset import Remark
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.cell_images import image_of_pixels, pixel_shape
from labelaudit.sources.table_file import Table

_NUMBERED = re.compile(r"(?i)(pixel|pix|px|p)[ _-]?(\d+)(?:[ _x-](\d+))?|(\d+)x(\d+)")
_BRIGHT = 128  # of 0 to 255: smaller numbers are on another scale


@dataclass(frozen=True, slots=True)
class PixelRows:
    """Reads images out of the rows of a matrix."""

    values: NDArray[np.uint8]  # (rows, pixels)

    def read(self, position: int) -> bytes:
        """Return one image as a PGM or PPM file."""
        return image_of_pixels(self.values[position])


def with_pixel_columns(table: Table, settings: DataSettings) -> Table:
    """Return the table with its columns of pixels replaced by one of images; as it is where it has none."""
    if settings.no_images or settings.feature_columns is not None:
        return table
    names = [name for name in table.columns if _NUMBERED.fullmatch(name)]
    shape = pixel_shape(len(names))
    if shape is None:
        return table
    values = _bytes_of(table, names)
    if values is None or values.max(initial=0) < _BRIGHT:
        return table
    columns = {name: cells for name, cells in table.columns.items() if name not in set(names)}
    side, channels = shape
    what = f"{'grey' if channels == 1 else 'colour'} images of {side} x {side} pixels"
    said = f"{table.name}: the columns {names[0]!r} to {names[-1]!r} are {what}; --no-images reads them as numbers."
    return dataclasses.replace(
        table,
        columns={**columns, "pixels": pa.chunked_array([pa.nulls(len(table), pa.binary())])},
        streamed={**table.streamed, "pixels": PixelRows(values)},
        remarks=(*table.remarks, Remark("note", said)),
    )


def _bytes_of(table: Table, names: list[str]) -> NDArray[np.uint8] | None:
    """Return (rows, pixels) of columns of whole numbers from 0 to 255; None where one holds anything else."""
    values = np.empty((len(table), len(names)), dtype=np.uint8)
    for place, name in enumerate(names):
        try:
            column = np.asarray(pc.cast(table.columns[name], pa.float32()).to_numpy())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
        if not ((column >= 0) & (column <= 255)).all() or (column != np.rint(column)).any():
            return None
        values[:, place] = column
    return values
