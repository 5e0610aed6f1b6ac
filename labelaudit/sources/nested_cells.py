"""Columns whose cells hold more than one value: objects become columns, lists of numbers vectors."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.arrays import FloatND, IntN
from labelaudit.sources.parquet_file import is_image_type
from labelaudit.sources.table_file import Table

_FEWEST = 2  # numbers of a vector
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_VECTOR = re.compile(rf"\[\s*{_NUMBER.pattern}(?:(?:\s*,\s*|\s+){_NUMBER.pattern})+\s*\]")


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


def with_text_vectors(table: Table) -> Table:
    """Return the table with vectors in place of columns of texts such as "[0.1 0.2]" or "[0.1, 0.2]"."""
    found = {name: vectors for name, cells in table.columns.items() if (vectors := _text_vectors(cells)) is not None}
    return dataclasses.replace(table, columns={**table.columns, **found}) if found else table


def _text_vectors(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return the vectors that texts stand for: all equally long, and not of whole numbers alone, as labels may be."""
    if not pa.types.is_string(cells.type) or cells.null_count or not len(cells):
        return None
    if not all(_is_vector(cells[row].as_py()) for row in (0, len(cells) - 1)):
        return None
    texts = cells.to_pylist()
    if not all(map(_is_vector, texts)) or not any("." in text or "e" in text for text in texts):
        return None
    vectors = [list(map(float, _NUMBER.findall(text))) for text in texts]
    if len(set(map(len, vectors))) != 1:
        return None
    return pa.chunked_array([pa.array(vectors, pa.list_(pa.float32()))])


def _is_vector(text: str) -> bool:
    return _VECTOR.fullmatch(text.strip()) is not None


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
