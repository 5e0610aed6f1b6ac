"""Which rows of a table are read, under which ids, with which labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.dataset import Remark, SetAside, require_unique_ids
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.cells import cell_texts, yes_or_no
from labelaudit.sources.columns import Roles, split_texts
from labelaudit.sources.label_cells import read_labels
from labelaudit.sources.label_sets import LabelSets
from labelaudit.sources.splits import ALL_SPLITS, choose_splits, split_remark
from labelaudit.sources.table_file import Table
from labelaudit.sources.table_images import path_texts


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table; everything has the same length M."""

    rows: IntN  # position in the table
    sample_ids: tuple[str, ...]
    paths: tuple[str | None, ...] | None  # as the table has them; None where it has none
    labels: tuple[str | None, ...]
    trusted: BoolN
    remarks: tuple[Remark, ...] = ()  # how labels were read
    sets: LabelSets | None = None  # what the labels stand for, where they are sets

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, keep: Sequence[int]) -> Rows:
        """Return the rows at these positions."""
        index = np.array(keep, dtype=np.int64)
        return Rows(
            self.rows[index],
            tuple(self.sample_ids[i] for i in keep),
            None if self.paths is None else tuple(self.paths[i] for i in keep),
            tuple(self.labels[i] for i in keep),
            self.trusted[index],
            sets=self.sets,
        )

    def known_labels(self) -> list[str]:
        """Return the labels of rows that all have one."""
        return [label for label in self.labels if label is not None]


def choose_rows(table: Table, column: str | None, settings: DataSettings) -> tuple[IntN, str | None, list[Remark]]:
    """Return the rows of the split that is asked for, its name, and what to say about it.

    Raises:
        ConfigError: there is no such split.
    """
    every = np.arange(len(table), dtype=np.int64)
    if column is None:
        if settings.split not in ("train", ALL_SPLITS):
            raise ConfigError(
                f"{table.source}: there is no split {settings.split!r}: the table has no column 'split'.",
                hint="Leave --split away, or add a column 'split'.",
            )
        return every, None, []
    texts = split_texts(table, column)
    present = {text for text in texts if text is not None}
    chosen = choose_splits(settings.split, present, table.source)
    keep = [text in chosen or settings.split == ALL_SPLITS for text in texts]
    return every[np.array(keep)], ",".join(chosen), [split_remark(chosen, present)]


def describe_rows(table: Table, roles: Roles, settings: DataSettings, rows: IntN) -> Rows:
    """Return ids, paths, labels and trust of some rows.

    Raises:
        DataError: ids are missing or occur twice, or labels or trust cannot be read.
    """
    labels = read_labels(table, roles.label, as_written=settings.labels_as_written, separator=settings.label_separator)
    trusted = np.zeros(len(table), dtype=np.bool_) if roles.trusted is None else yes_or_no(table, roles.trusted)
    paths = path_texts(table, roles, settings, rows)
    roles, said = _with_usable_ids(table, roles, settings, rows)
    return Rows(
        rows=rows,
        sample_ids=sample_ids_of(table, roles, rows, paths),
        paths=None if paths is None else tuple(paths),
        labels=tuple(labels.texts[row] for row in rows),
        trusted=trusted[rows],
        remarks=(*labels.remarks, *said),
        sets=labels.sets,
    )


def _with_usable_ids(
    table: Table, roles: Roles, settings: DataSettings, rows: IntN
) -> tuple[Roles, tuple[Remark, ...]]:
    """Return the roles without a column of ids that nobody named and that names rows twice or not at all."""
    column = roles.sample_id
    if column is None or column in (roles.path, settings.id_column):
        return roles, ()
    texts = cell_texts(table.columns[column].take(rows))
    empty = sum(text is None for text in texts)
    twice = len(texts) - empty - len({text for text in texts if text is not None})
    if not empty and not twice:
        return roles, ()
    instead = "the row number" if roles.path is None else "the path"
    what = f"repeats {twice:,} ids" if twice else f"is empty in {empty:,} rows"
    text = f"Column {column!r} {what}, so {instead} is the id of a row; --id-column names another."
    return dataclasses.replace(roles, sample_id=None), (Remark("warning", text),)


def unlabelled_rows(table: Table, rows: Rows, column: str) -> list[SetAside]:
    """Return the rows to put aside for want of a label."""
    aside: list[SetAside] = []
    for position, label in enumerate(rows.labels):
        if label is None:
            place = table.place(int(rows.rows[position]))
            path = (rows.paths[position] if rows.paths else None) or place
            cell = cell_texts(table.columns[column].slice(int(rows.rows[position]), 1))[0]
            detail = f"{place}: column {column!r} " + ("is empty" if cell is None else f"says {cell!r}")
            aside.append(SetAside(rows.sample_ids[position], path, None, "missing-label", detail))
    return aside


def repeated_paths(rows: Rows) -> list[Remark]:
    """Return a warning where a path is listed more than once."""
    counts = Counter(path for path in rows.paths or () if path is not None)
    twice = [f"{path} ({count} times)" for path, count in counts.items() if count > 1]
    if not twice:
        return []
    return [Remark("warning", f"Paths that are listed more than once: {len(twice):,} ({shorten(twice)}).")]


def sample_ids_of(table: Table, roles: Roles, rows: IntN, paths: Sequence[str | None] | None) -> tuple[str, ...]:
    """Return unique ids: of the id column, else the paths as written, else the row numbers."""
    if roles.sample_id is not None and roles.sample_id != roles.path:
        return _id_cells(table, roles.sample_id, rows)
    if paths is None or (roles.image is not None and None in paths):
        return tuple(str(row) for row in rows)
    seen: Counter[str] = Counter()
    ids: list[str] = []
    for path, row in zip(paths, rows, strict=True):
        name = table.place(row) if path is None else path.strip().replace("\\", "/")
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(ids)


def _id_cells(table: Table, column: str, rows: IntN) -> tuple[str, ...]:
    texts = cell_texts(table.columns[column].take(rows))
    empty = [table.place(row) for row, text in zip(rows, texts, strict=True) if text is None]
    if empty:
        raise DataError(
            f"{table.source}: id column {column!r} is empty in {len(empty):,} rows: {shorten(empty)}.",
            hint="Fill it, rename it, or name another column with --id-column.",
        )
    ids = tuple(text for text in texts if text is not None)
    require_unique_ids(ids, table.source)
    return ids
