"""Which cell of a table holds the label of which sample, and what it is to hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.mending.cells import CellEdits, TableFile
from labelaudit.mending.changes import Change
from labelaudit.mending.label_sets import Sets, set_edits, sets_of
from labelaudit.mending.layout import How
from labelaudit.mending.words import spellings, unknown_word
from labelaudit.sources.cell_images import with_cell_images
from labelaudit.sources.columns import find_roles, split_texts
from labelaudit.sources.label_twins import label_twins
from labelaudit.sources.nested_cells import with_flat_objects, with_text_vectors
from labelaudit.sources.one_hot import with_one_hot_label
from labelaudit.sources.pixel_columns import with_pixel_columns
from labelaudit.sources.table import table_rows
from labelaudit.sources.table_file import Table

BEFORE, REASON = "label_before", "reason"
_LOOKED_AT = 200  # rows whose labels are compared with what was read, beside those that change
_PER_CLASS = 50  # samples that tell how a class is written


@dataclass(frozen=True, slots=True)
class Located:
    """Where the samples of a table are in it."""

    row_of: Mapping[str, int]  # sample id -> row
    label: str  # column
    twins: Sequence[str]  # columns that say the same, such as the name beside its number
    one_hot: Mapping[str, str]  # class -> column; empty where one column holds the labels
    splits: Sequence[str | None] | None  # (rows,) None without a column of splits
    names: Sequence[str] | None  # of class numbers, where the file has them
    source: str  # what messages name
    sets: Sets | None = None  # where samples have several labels


def locate_rows(table: Table, settings: DataSettings, audited: Dataset) -> Located:
    """Return where the samples of a table are; read as `sources/table.py` reads it.

    Args:
        table: the file.
        settings: how it was read.
        audited: what was read; pairs of a sample and a label where samples have several.

    Raises:
        ConfigError: several people answered, so that no single cell holds the label of a sample.
    """
    if settings.annotator_column is not None or settings.annotator_columns is not None:
        raise ConfigError(
            f"{table.name}: its labels are what several people's answers add up to; no cell holds them.",
            hint="labelaudit export --relabelled.csv writes one corrected label for each sample.",
        )
    flat = with_pixel_columns(with_text_vectors(with_flat_objects(table)), settings)
    plain = with_one_hot_label(with_cell_images(flat, settings), settings)
    listed = settings.label_column is not None and settings.label_column not in plain.columns
    made = "labels" if plain.hot else "label"
    roles = find_roles(plain, dataclasses.replace(settings, label_column=made) if listed else settings)
    dataset, rows = table_rows(table, settings)
    splits = None if roles.split is None else split_texts(plain, roles.split)
    if dataset.several is not None:
        sets = sets_of(table, dataset, rows.tolist(), audited)
        row_of = dict(zip(audited.sample_ids, rows.repeat(len(sets.several.names)).tolist(), strict=True))
        return Located(row_of, roles.label, [], {}, splits, None, table.name, sets)
    given = [dataset.classes[place] for place in dataset.given.tolist()]
    twins = label_twins(plain, roles.label, rows, given) if dataset.kind == "features" else ()
    return Located(
        row_of=dict(zip(dataset.sample_ids, rows.tolist(), strict=True)),
        label=roles.label,
        twins=[name for name in twins if name in table.columns],
        one_hot={name: name for name in flat.columns if name not in plain.columns},
        splits=splits,
        names=table.class_names.get(roles.label),
        source=table.name,
    )


def cell_edits(
    file: TableFile, table: Table, located: Located, dataset: Dataset, changes: Sequence[Change], how: How
) -> CellEdits:
    """Return the cells that changes are about, and what they hold then.

    Raises:
        ConfigError: a class that nothing tells how to write, or a column that is there already.
        DataError: the places of the labels are not where they were read.
    """
    rows = [located.row_of[change.sample_id] for change in changes]
    step = max(1, len(table) // _LOOKED_AT)
    _require_same(file, table, located, {*rows, *range(0, len(table), step)})
    left_out = frozenset(located.row_of[change.sample_id] for change in changes if change.after is None)
    if located.sets is not None:
        found = set_edits(file, located.sets, located.row_of, changes)
        return CellEdits(found, left_out, _added(located, changes, how))
    cells: dict[tuple[int, str], Any] = {}
    words = _words(file, located, dataset, {change.after for change in changes if change.after is not None})
    twins = {name: spellings(_written(file, located, dataset, column=name)) for name in located.twins}
    for change in changes:
        row = located.row_of[change.sample_id]
        if change.after is None:
            continue
        cells |= {(row, name): said[change.after] for name, said in twins.items() if change.after in said}
        if located.one_hot:
            cells |= _swapped(file, located, row, change)
        else:
            cells[row, located.label] = words[change.after]
    return CellEdits(cells, left_out, _added(located, changes, how))


def require_free(columns: Collection[str], how: How, source: object) -> None:
    """Raise ConfigError where a column that is to be added is there already."""
    for name, wanted in ((BEFORE, how.label_before), (REASON, how.reason)):
        if wanted and name in columns:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{source}: there is a column {name!r} already.", hint=f"Leave {option} away.")


def of_rows(edits: CellEdits, first: int, stop: int) -> CellEdits | None:
    """Return the edits of some rows, None where there are none and no columns are added."""
    cells = {cell: value for cell, value in edits.cells.items() if first <= cell[0] < stop}
    left_out = frozenset(row for row in edits.left_out if first <= row < stop)
    if not cells and not left_out and not edits.added:
        return None
    return dataclasses.replace(edits, cells=cells, left_out=left_out)


def _require_same(file: TableFile, table: Table, located: Located, rows: Iterable[int]) -> None:
    """Raise DataError where a file says otherwise than what was read of it: then its form is not understood."""
    for name in located.one_hot or ((located.label,) if located.sets is None else located.sets.columns):
        column = table.columns.get(name)
        if column is None or not all(_is_same(file, name, row, column[row].as_py()) for row in rows):
            raise _not_told(located)


def _not_told(located: Located) -> DataError:
    return DataError(
        f"{located.source}: it cannot be told where its labels are, so none is changed.",
        hint="labelaudit export --relabelled.csv writes the corrected labels as a new table.",
    )


def _is_same(file: TableFile, column: str, row: int, read: Any) -> bool:
    """Return whether a cell says what was read of it; one without a label may be anywhere."""
    if read is None:
        return True
    try:
        said = file.said(file.cell(row, column))
    except (LookupError, ValueError):
        return False
    if isinstance(read, list) and len(read) != 1:
        return file.items(file.cell(row, column)) == read
    return said == str(read[0] if isinstance(read, list) and len(read) == 1 else read)


def _words(file: TableFile, located: Located, dataset: Dataset, labels: Iterable[str]) -> dict[str, Any]:
    """Return the cell of each label, as the table writes it."""
    wanted = frozenset(labels)
    if located.one_hot or not wanted:
        return {}
    known = spellings(_written(file, located, dataset))
    if len(set(known.values())) < len(known):  # one cell for two classes: this is not where the labels are from
        raise _not_told(located)
    return known | {label: _new_word(file, located, label, known) for label in sorted(wanted - known.keys())}


def _written(
    file: TableFile, located: Located, dataset: Dataset, *, column: str | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield (class, cell) of some samples of each class, of the label or of another column."""
    left = dict.fromkeys(range(dataset.n_classes), _PER_CLASS)
    for sample_id, place in zip(dataset.sample_ids, dataset.given.tolist(), strict=True):
        if left.get(place) and sample_id in located.row_of:
            left[place] -= 1
            yield dataset.classes[place], file.cell(located.row_of[sample_id], column or located.label)


def _new_word(file: TableFile, located: Located, label: str, known: Mapping[str, Any]) -> Any:
    """Return the cell of a class that no sample has."""
    if located.names is not None and label in located.names:
        return list(located.names).index(label)
    name, like = next(iter(known.items()))
    if located.names is None and _same(file.said(like), name):
        return file.written(label, like)
    raise unknown_word(label, {name: file.said(like) for name, like in known.items()}, located.source)


def _same(said: str, name: str) -> bool:
    try:
        return said == name or float(said) == float(name)
    except ValueError:
        return said.strip() == name.strip()


def _swapped(file: TableFile, located: Located, row: int, change: Change) -> dict[tuple[int, str], Any]:
    """Return the cells of a row whose 1 moves to another column."""
    assert change.after is not None
    if change.after not in located.one_hot:
        known = ", ".join(located.one_hot)
        raise ConfigError(f"{located.source}: no column is called {change.after!r}; columns of classes: {known}.")
    old, new = (row, located.one_hot[change.before]), (row, located.one_hot[change.after])
    return {old: file.cell(*new), new: file.cell(*old)}


def _added(located: Located, changes: Sequence[Change], how: How) -> dict[str, dict[int, str]]:
    added = {}
    if how.label_before:
        added[BEFORE] = _by_row(located, changes, lambda change: change.before)
    if how.reason:
        added[REASON] = _by_row(located, changes, lambda change: change.reason)
    return added


def _by_row(located: Located, changes: Sequence[Change], text_of: Callable[[Change], str]) -> dict[int, str]:
    """Return the texts of changes by row; where labels of one sample change, those of all of them."""
    texts: dict[int, list[str]] = {}
    for change in changes:
        texts.setdefault(located.row_of[change.sample_id], []).append(text_of(change))
    return {row: "; ".join(dict.fromkeys(each)) for row, each in texts.items()}
