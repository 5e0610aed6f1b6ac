"""Samples with several labels: which cells a change of one label is about, and what they hold then."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelaudit.core.dataset import Dataset, Several
from labelaudit.core.errors import ConfigError, DataError, count
from labelaudit.core.several import opposites
from labelaudit.mending.cells import Cell, TableFile
from labelaudit.mending.changes import Change
from labelaudit.sources.label_cells import item_text
from labelaudit.sources.table_file import Table

_LOOKED_AT = 2_000  # samples that tell how a label is written


@dataclass(frozen=True, slots=True)
class Sets:
    """Where the labels of samples are in a table."""

    several: Several  # as the table calls them
    rows: Sequence[int]  # (N,) of the table, one for each sample
    label_of: Mapping[str, int]  # id of a pair of a sample and a label -> number of the label
    opposite: Mapping[str, str]  # class of a pair -> its other class
    names: Sequence[str] | None  # of numbered items of lists, where the file has them

    @property
    def columns(self) -> Sequence[str]:
        """The columns that hold labels."""
        several = self.several
        return several.names if several.column is None else [several.column]


def sets_of(table: Table, plain: Dataset, rows: Sequence[int], pairs: Dataset) -> Sets:
    """Return where the labels of samples are.

    Args:
        table: the file.
        plain: its samples, by the names that labels have in it.
        rows: (N,) of the table, one for each sample.
        pairs: what was audited; its labels may have names from elsewhere.

    Raises:
        DataError: the labels in the file are not those that were audited.
    """
    several, audited = plain.several, pairs.samples.several
    if several is None or audited is None or several.has.shape != audited.has.shape:
        raise DataError(f"{table.name}: its labels are not those that were audited.", hint="Scan it again.")
    numbers = [number for _ in rows for number in range(len(audited.names))]
    column = several.column
    return Sets(
        several,
        rows,
        dict(zip(pairs.sample_ids, numbers, strict=True)),
        opposites(pairs.classes),
        None if column is None else table.class_names.get(column),
    )


def set_edits(file: TableFile, sets: Sets, row_of: Mapping[str, int], changes: Iterable[Change]) -> dict[Cell, Any]:
    """Return the cells that hold labels which come or go, and what they hold then.

    Args:
        file: of the table.
        sets: where labels are.
        row_of: pair -> row.
        changes: of pairs.

    Raises:
        ConfigError: a pair gets a class that is neither of its two, or a label cannot be written in a cell.
    """
    flips: dict[int, list[int]] = {}
    for change in changes:
        if change.after is None:
            continue
        if change.after != sets.opposite[change.before]:
            raise ConfigError(
                f"{change.sample_id}: {change.after!r} is neither {change.before!r} nor "
                f"{sets.opposite[change.before]!r}; each label of a sample is there or it is not.",
                hint="Mark the sample's other label for that.",
            )
        flips.setdefault(row_of[change.sample_id], []).append(sets.label_of[change.sample_id])
    if sets.several.kind == "columns":
        return _bits(file, sets, flips)
    place = {row: at for at, row in enumerate(sets.rows)}
    write = _writer(file, sets)
    found: dict[Cell, Any] = {}
    for row, numbers in flips.items():
        has = sets.several.has[place[row]]
        come = [sets.several.names[k] for k in numbers if not has[k]]
        go = {sets.several.names[k] for k in numbers if has[k]}
        found[row, sets.columns[0]] = write(file.cell(row, sets.columns[0]), come, go)
    return found


def note_on_emptied(sets: Sets | None, row_of: Mapping[str, int], changes: Iterable[Change]) -> tuple[str, ...]:
    """Return what to say of samples that lose their last label."""
    if sets is None:
        return ()
    has, place = sets.several.has.copy(), {row: at for at, row in enumerate(sets.rows)}
    changed = [change for change in changes if change.after is not None]
    for change in changed:
        has[place[row_of[change.sample_id]], sets.label_of[change.sample_id]] ^= True
    empty = {row for change in changed if not has[place[row := row_of[change.sample_id]]].any()}
    if not empty:
        return ()
    what = "all 0" if sets.several.kind == "columns" else "left empty"
    return (f"{count(len(empty), 'sample')} without any label now: the cells are {what}",)


def _writer(file: TableFile, sets: Sets) -> Callable[[Any, Sequence[str], Collection[str]], Any]:
    """Return what makes another cell of a cell, the labels that come and those that go."""
    if sets.several.kind == "cells":
        glue = _glue(file, sets)
        return lambda cell, come, go: _put_in_text(file, cell, sets, come, go, glue)
    items = _items(file, sets)
    return lambda cell, come, go: _put_in_list(file, cell, sets, come, go, items)


def _bits(file: TableFile, sets: Sets, flips: Mapping[int, Sequence[int]]) -> dict[Cell, Any]:
    """Return the cells of columns of 0 and 1, each written as its column writes it, else as another does."""
    place = {row: at for at, row in enumerate(sets.rows)}
    names, has = sets.several.names, sets.several.has
    written: dict[tuple[int, bool], Any] = {}
    found = {}
    for row, numbers in flips.items():
        for k in numbers:
            there = not has[place[row], k]
            if (k, there) not in written:
                written[k, there] = _bit(file, sets, k, there=there)
            found[row, names[k]] = written[k, there]
    return found


def _bit(file: TableFile, sets: Sets, label: int, *, there: bool) -> Any:
    """Return how most cells say that a label is there, or that it is not."""
    for k in [label, *(k for k in range(len(sets.several.names)) if k != label)]:
        at = (sets.several.has[:, k] == there).nonzero()[0][:_LOOKED_AT].tolist()
        cells = Counter(file.cell(sets.rows[i], sets.several.names[k]) for i in at)
        if cells:
            return cells.most_common(1)[0][0]
    raise ConfigError(f"nothing tells how a label that is {'there' if there else 'not there'} is written.")


def _glue(file: TableFile, sets: Sets) -> str:
    """Return what stands between two labels of most cells, blanks included."""
    between, column = sets.several.between, sets.columns[0]
    if not between.strip():
        return between
    wanted = re.compile(rf"\s*{re.escape(between)}\s*")
    cells = (file.said(file.cell(row, column)) for row in list(sets.rows)[:_LOOKED_AT])
    found = Counter(match for cell in cells for match in wanted.findall(cell))
    return found.most_common(1)[0][0] if found else between


def _put_in_text(file: TableFile, cell: Any, sets: Sets, come: Sequence[str], go: Collection[str], glue: str) -> Any:
    parts = [part for piece in file.said(cell).split(sets.several.between) if (part := piece.strip())]
    return file.written(glue.join([*(part for part in parts if part not in go), *come]), cell)


def _items(file: TableFile, sets: Sets) -> dict[str, Any]:
    """Return the item of a list that each label is."""
    column = sets.columns[0]
    items = (item for row in list(sets.rows)[:_LOOKED_AT] for item in file.items(file.cell(row, column)))
    found = {item_text(item, sets.names): item for item in items}
    numbered = {} if sets.names is None else {name: number for number, name in enumerate(sets.names)}
    return {name: found.get(name, numbered.get(name, name)) for name in sets.several.names}


def _put_in_list(
    file: TableFile, cell: Any, sets: Sets, come: Sequence[str], go: Collection[str], items: Mapping[str, Any]
) -> Any:
    kept = [item for item in file.items(cell) if item_text(item, sets.names) not in go]
    return file.listed([*kept, *(items[name] for name in come)], cell)
