"""Which layout the data has: the same doors, in the same order, as in `sources/read.py`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.mending.class_folders import Archive, ClassFolder
from labelaudit.mending.folders import visible_files
from labelaudit.mending.layout import Layout
from labelaudit.mending.rows import locate_rows
from labelaudit.mending.tables import FolderOfTable, TableOfFiles, located_table
from labelaudit.mending.tar_layout import open_tar_shards
from labelaudit.sources.columns import find_roles
from labelaudit.sources.inside import files_inside
from labelaudit.sources.label_tables import find_label_table
from labelaudit.sources.parquet_file import read_light
from labelaudit.sources.parquet_shards import partitions
from labelaudit.sources.patterns import is_pattern
from labelaudit.sources.published import read_published
from labelaudit.sources.saved_dataset import load_saved, saved_splits
from labelaudit.sources.shards import (
    Shards,
    choose_shards,
    shards_of_file,
    shards_of_folder,
    shards_of_pattern,
)
from labelaudit.sources.splits import ALL_SPLITS
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import Table, is_table, load_table, packed_table

_AS_TABLE = "labelaudit export --relabelled.csv writes the corrected labels as a new table."


def open_layout(source: Path | str, settings: DataSettings, dataset: Dataset) -> Layout:
    """Return the layout of data on this machine.

    Args:
        source: as it was scanned.
        settings: how it was read.
        dataset: what was read.

    Raises:
        ConfigError: data in this layout is not written.
        DataError: its files cannot be read, or not told apart.
    """
    store = Store(None)
    if is_pattern(str(source)) and not Path(source).exists():
        return _shards(shards_of_pattern(str(source), store), settings, dataset)
    path = Path(source)
    if path.is_dir():
        return _folder(path, settings, dataset)
    if is_table(path.name) or (path.suffix.lower() == ".zip" and packed_table(path) is not None):
        return located_table(path, load_table(path, store, settings), dataset, settings)
    if path.suffix.lower() == ".zip" or _is_tar_folder(path, settings):
        return Archive(path, dataset)
    return _shards(shards_of_file(path), settings, dataset)


def _folder(path: Path, settings: DataSettings, dataset: Dataset) -> Layout:
    if read_published(path, settings) is not None:
        raise ConfigError(f"{path}: data in its published layout is not written anew.", hint=_AS_TABLE)
    saved = _is_saved(path) and _saved(path, settings, dataset)
    if saved:
        return saved
    shards = shards_of_folder(path, files_inside(path, follow_links=settings.follow_links))
    if shards is not None:
        return _shards(shards, settings, dataset)
    labels = find_label_table(path, settings)
    if labels is not None:
        if len(labels.paths) > 1:
            names = shorten(file.name for file in labels.paths.values())
            raise ConfigError(
                f"{path}: the labels lie in several tables, {names}, and one is written at a time.",
                hint="Scan one split (--split NAME), and apply what was decided on it.",
            )
        ((split, file),) = labels.paths.items()
        if split is not None:
            settings = dataclasses.replace(settings, split=ALL_SPLITS)
        table = load_table(file, Store(None), settings)
        return FolderOfTable(path, located_table(file, table, dataset, settings))
    return ClassFolder(path, dataset)


def _is_tar_folder(path: Path, settings: DataSettings) -> bool:
    from labelaudit.sources.archives import read_tar_folder

    return path.suffix.lower() == ".tar" and read_tar_folder(path, settings, Store(None)) is not None


def _shards(shards: Shards, settings: DataSettings, dataset: Dataset) -> Layout:
    chosen = choose_shards(shards, settings)
    if chosen.kind == "tar":
        return open_tar_shards(chosen, dataset, settings)
    light = read_light(chosen.files, Store(None))
    table = Table(
        source=chosen.source,
        columns={**partitions(chosen.names, light.file_of), **light.columns},
        lines=light.lines,
        store=Store(None),
        class_names=light.class_names,
        streamed=light.streamed,
        shard_names=tuple(chosen.names[position] for position in light.file_of),
    )
    if chosen.split is not None:
        settings = dataclasses.replace(settings, split=ALL_SPLITS)
    folder = chosen.folder
    assert isinstance(folder, Path)
    others = visible_files(folder) if isinstance(chosen.source, Path) else iter(())
    sizes = [int((light.file_of == position).sum()) for position in range(len(chosen.files))]
    return _table_of_files(folder, chosen.names, sizes, list(others), table, dataset, settings)


def _is_saved(path: Path) -> bool:
    return (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file()


def _saved(path: Path, settings: DataSettings, dataset: Dataset) -> Layout | None:
    folders = saved_splits(path, settings)
    if not folders:
        return None
    if None not in folders:
        settings = dataclasses.replace(settings, split=ALL_SPLITS)
    table = load_saved(folders, path, Store(None))
    names = _saved_names(path, folders)
    sizes = [len(pa.ipc.open_stream(pa.memory_map(str(path / name))).read_all()) for name in names]
    return _table_of_files(path, names, sizes, list(visible_files(path)), table, dataset, settings)


def _saved_names(path: Path, folders: Mapping[str | None, Path]) -> list[str]:
    """Return the data files of some splits, in the order of the table."""
    found = []
    for folder in folders.values():
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        found += [(folder / each["filename"]).relative_to(path).as_posix() for each in state["_data_files"]]
    return found


def _table_of_files(
    folder: Path,
    names: Sequence[str],
    sizes: Sequence[int],
    others: Sequence[str],
    table: Table,
    dataset: Dataset,
    settings: DataSettings,
) -> TableOfFiles:
    if find_roles(table, settings).label in _in_names(names):
        raise ConfigError(f"{folder}: its labels are names of folders of shards, not cells.", hint=_AS_TABLE)
    located = locate_rows(table, settings, dataset)
    rest = [name for name in others if name not in set(names)]
    return TableOfFiles(folder, names, sizes, rest, table, located, dataset, settings)


def _in_names(names: Sequence[str]) -> set[str]:
    """Return the columns that are folders called key=value."""
    return {part.partition("=")[0] for name in names for part in name.split("/")[:-1] if "=" in part}
