"""Labels in a column for each class, with 1 where the sample is of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, did_you_mean, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.column_names import columns_named
from labelaudit.sources.columns import names_samples
from labelaudit.sources.label_column import LABEL_NAMES, answers_hint
from labelaudit.sources.table_file import Table

_FEWEST = 3  # columns; two are labels only where there is nothing else to learn from
_ONE_SHARE = 0.9  # of the rows that have exactly one 1; the others have no label
_BITS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "-1": 0, "false": 0, "true": 1, "no": 0, "yes": 1, "x": 1}


def with_one_hot_label(table: Table, settings: DataSettings) -> Table:
    """Return the table with its columns of 0 and 1 replaced by one of labels; as it is where they are no labels.

    Raises:
        ConfigError: the column that is named as the label is one of several one-hot columns.
    """
    asked = settings.label_column
    if asked is not None and asked not in table.columns and "," in asked:
        return _of_named(table, [name.strip() for name in asked.split(",")])
    named = columns_named(table, LABEL_NAMES)
    if asked is None and named not in ([], ["y"]):  # "y" may be a class, too
        return table
    if asked is not None and (asked not in table.columns or _bits(table.columns[asked]) is None):
        return table
    left = [name for name in table.columns if not names_samples(table, name)]
    read = {name: bits for name in left if (bits := _bits(table.columns[name])) is not None}
    ones = np.sum(list(read.values()), axis=0)  # (rows,)
    is_pair = len(read) == len(left) == _FEWEST - 1 and bool((ones == 1).all()) and len(table.columns) > len(left)
    if (len(read) < _FEWEST and not is_pair) or (asked is not None and asked not in read):
        return table
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
        return _label_sets(table, read)
    return table


def _of_named(table: Table, names: list[str]) -> Table:
    """Return the table with the labels of the columns that --label-column lists.

    Raises:
        ConfigError: there is no such column, or it holds more than 0 and 1.
    """
    missing = next((name for name in names if name not in table.columns), None)
    if missing is not None:
        known = ", ".join(table.columns)
        problem = f"{table.source}: --label-column {missing!r}: there is no such column; columns: {known}."
        raise ConfigError(problem, hint=did_you_mean(missing, table.columns))
    read = {name: _bits(table.columns[name]) for name in names}
    wrong = [name for name, bits in read.items() if bits is None]
    bits = {name: found for name, found in read.items() if found is not None}
    if wrong or len(bits) < _FEWEST - 1:
        shown = shorten(map(repr, wrong or names))
        raise ConfigError(
            f"{table.source}: --label-column lists columns that must hold 0 and 1: {shown}.",
            hint="Name two columns or more, one for each label; or one column that holds the labels.",
        )
    ones = np.sum(list(bits.values()), axis=0)
    return _one_label(table, bits, shorten(map(repr, bits))) if (ones == 1).all() else _label_sets(table, bits)


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


def _label_sets(table: Table, read: dict[str, NDArray[np.int64]]) -> Table:
    """Return the table with the names of the columns that are 1 as a list in a column "labels"."""
    names = list(read)
    bits = np.stack(list(read.values()), axis=1)  # (rows, L)
    lists = [[names[k] for k in np.flatnonzero(row)] for row in bits]
    columns = {name: cells for name, cells in table.columns.items() if name not in read}
    people = answers_hint(names)
    text = f"{table.name}: {len(names)} columns of 0 and 1 are labels: {shorten(map(repr, names))}."
    remark = Remark("warning" if people else "note", f"{text}{people}")
    return dataclasses.replace(
        table,
        columns={**columns, "labels": pa.chunked_array([pa.array(lists, pa.list_(pa.string()))])},
        remarks=(*table.remarks, remark),
        hot=tuple(names),
    )


def _bits(cells: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return a column of 0 and 1 as numbers, None where it holds anything else; crosses may stand among blanks."""
    if pa.types.is_nested(cells.type):
        return None
    distinct = cells.unique().to_pylist()
    if not 1 <= len(distinct) <= len(_BITS):
        return None
    bits = {value: _BITS.get(str(value).strip().casefold()) for value in distinct}
    if None in bits and 0 not in bits.values():
        bits[None] = 0
    words = {str(value).strip() for value in distinct}
    if None in bits.values() or (words & {"-1"} and words & {"0", "0.0"}):
        return None
    return np.array([bits[value] for value in cells.to_pylist()], dtype=np.int64)
