"""Labels in a column for each class, with 1 where the sample is of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.columns import LABEL_NAMES, columns_named, names_samples
from labelaudit.sources.table_file import Table

_FEWEST = 3  # columns; two that add up to 1 are more likely features
_ONE_SHARE = 0.9  # of the rows that have exactly one 1; the others have no label
_BITS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "false": 0, "true": 1}


def with_one_hot_label(table: Table, settings: DataSettings) -> Table:
    """Return the table with its one-hot columns replaced by a column "label"; as it is where it has none.

    Raises:
        ConfigError: the column that is named as the label is one of several one-hot columns.
        DataError: rows have several labels.
    """
    asked = settings.label_column
    named = columns_named(table, LABEL_NAMES)
    if asked is None and named not in ([], ["y"]):  # "y" may be a class, too
        return table
    if asked is not None and (asked not in table.columns or _bits(table.columns[asked]) is None):
        return table
    left = [name for name in table.columns if not names_samples(table, name)]
    read = {name: bits for name in left if (bits := _bits(table.columns[name])) is not None}
    if len(read) < _FEWEST or (asked is not None and asked not in read):
        return table
    ones = np.sum(list(read.values()), axis=0)  # (rows,)
    is_one_hot = bool((ones <= 1).all() and (ones == 1).mean() >= _ONE_SHARE)
    names = shorten(map(repr, read))
    if asked is not None and is_one_hot:
        raise ConfigError(
            f"{table.source}: --label-column {asked!r} is one of {len(read)} one-hot columns: {names}.",
            hint="Leave --label-column away: the label is then the column that is 1.",
        )
    if asked is not None:
        return table
    if is_one_hot:
        return _one_label(table, read, names)
    if not named and len(read) == len(left) and (ones > 1).any():
        raise _several(table, list(read), ones)
    return table


def _one_label(table: Table, read: dict[str, NDArray[np.int64]], names: str) -> Table:
    classes = list(read)
    at = np.argmax(np.stack(list(read.values())), axis=0)
    ones = np.sum(list(read.values()), axis=0)
    labels = pa.array([classes[k] if one else None for k, one in zip(at, ones, strict=True)], pa.string())
    columns = {name: cells for name, cells in table.columns.items() if name not in read}
    remark = Remark("note", f"{table.name}: the label is the one of {len(read)} columns that is 1: {names}.")
    return dataclasses.replace(
        table,
        columns={**columns, "label": pa.chunked_array([labels])},
        remarks=(*table.remarks, remark),
    )


def _several(table: Table, names: Sequence[str], ones: NDArray[np.int64]) -> DataError:
    return DataError(
        f"{table.source}: {int((ones > 1).sum()):,} of {len(ones):,} rows have several labels: the columns "
        f"{shorten(map(repr, names))} hold 0 and 1, and up to {int(ones.max())} of them are 1.",
        hint=f"Audit one label against the rest: --label-column {names[0]!r}",
    )


def _bits(cells: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return a column of 0 and 1 as numbers, None where it holds anything else."""
    if pa.types.is_nested(cells.type):
        return None
    distinct = cells.unique().to_pylist()
    if not 1 <= len(distinct) <= len(_BITS):
        return None
    bits = {value: _BITS.get(str(value).strip().casefold()) for value in distinct}
    if None in bits.values():
        return None
    return np.array([bits[value] for value in cells.to_pylist()], dtype=np.int64)
