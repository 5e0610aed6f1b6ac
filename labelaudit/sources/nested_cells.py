"""Columns whose cells hold more than one value: objects become columns, lists of numbers vectors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.arrays import FloatND, IntN
from labelaudit.sources.parquet_file import is_image_type
from labelaudit.sources.table_file import Table

_FEWEST = 2  # numbers of a vector


def with_flat_objects(table: Table) -> Table:
    """Return the table with a column "a.b" for each part of a column of objects; images stay together."""
    if not any(_is_object(cells.type) for cells in table.columns.values()):
        return table
    columns: dict[str, pa.ChunkedArray] = {}
    for name, cells in table.columns.items():
        if _is_object(cells.type):
            fields = [cells.type.field(place).name for place in range(cells.type.num_fields)]
            columns |= {f"{name}.{field}": pc.struct_field(cells, field) for field in fields}
        else:
            columns[name] = cells
    return with_flat_objects(dataclasses.replace(table, columns=columns))


def is_vector_column(cells: pa.ChunkedArray) -> bool:
    """Return whether every cell holds equally many numbers, two or more."""
    kind = cells.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    if not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)) or cells.null_count:
        return False
    lengths = pc.list_value_length(cells).unique().to_pylist()
    return len(lengths) == 1 and lengths[0] >= _FEWEST


def vectors_of(cells: pa.ChunkedArray, rows: IntN) -> FloatND:
    """Return (N, D) the numbers in some cells of a column of vectors; NaN where one is null."""
    taken = cells.take(rows)
    flat = np.asarray(pc.cast(pc.list_flatten(taken), pa.float32()).to_numpy(), dtype=np.float32)
    return flat.reshape(len(rows), -1)


def _is_object(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind)) and not is_image_type(kind)
