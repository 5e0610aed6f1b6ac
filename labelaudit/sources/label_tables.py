"""A folder whose labels are in a table in it, or in one in each split: metadata.csv, _classes.csv, labels.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.inside import is_own_file
from labelaudit.sources.splits import choose_splits, is_split_name

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "_classes.csv")
_BESIDE_DATA = ("labels.csv", "labels.json", "labels.jsonl")  # beside a folder data/ or images/
_DATA_FOLDERS = frozenset({"data", "images", "imgs", "image", "img"})


@dataclasses.dataclass(frozen=True, slots=True)
class LabelTable:
    """The table to read instead of a folder."""

    path: Path
    split: str | None
    remark: Remark


def find_label_table(folder: Path, settings: DataSettings) -> LabelTable | None:
    """Return the table that labels the images of a folder; None where class folders do.

    Raises:
        ConfigError: there is no such split.
        DataError: several splits are asked for, each with a table of its own.
    """
    try:
        tops = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:  # reported when the folder is read
        return None
    may_read = partial(is_own_file, root=folder, follow_links=settings.follow_links)
    own = _table_in(folder, _TABLES, may_read)
    if own is None and tops and all(top.name.casefold() in _DATA_FOLDERS for top in tops):
        own = _table_in(folder, _BESIDE_DATA, may_read)
    if own is not None and all(_is_flat(top) for top in tops) and _are_no_classes(tops):
        return LabelTable(own, None, Remark("note", f"Labels are from {own.name}, not from folders."))
    tables = {top.name: table for top in tops if (table := _table_in(top, _TABLES, may_read)) and _is_flat(top)}
    if not tables or not all(is_split_name(name) for name in tables):
        return None
    chosen = choose_splits(settings.split, tables, folder)
    if len(chosen) > 1:
        raise DataError(
            f"{folder}: {len(chosen)} splits have a table of labels each, and one is read at a time.",
            hint=f"Name it: --split {chosen[0]}",
        )
    others = [name for name in tables if name != chosen[0]]
    left = f"; not {', '.join(others)} (--split picks another)" if others else ""
    table = tables[chosen[0]]
    remark = Remark("note", f"Labels of split {chosen[0]} are from {table.relative_to(folder).as_posix()}{left}.")
    return LabelTable(table, chosen[0], remark)


def _are_no_classes(tops: list[Path]) -> bool:
    names = {top.name.casefold() for top in tops}
    return len(tops) < 2 or all(name in _DATA_FOLDERS or is_split_name(name) for name in names)


def _table_in(folder: Path, names: tuple[str, ...], may_read: Callable[[Path], bool]) -> Path | None:
    return next((folder / name for name in names if may_read(folder / name)), None)


def _is_flat(folder: Path) -> bool:
    """Return whether a folder holds no two class folders."""
    return sum(entry.is_dir() and not entry.name.startswith(".") for entry in folder.iterdir()) < 2
