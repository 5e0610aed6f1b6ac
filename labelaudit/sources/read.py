"""The one door to data: a folder, a table, shards, or the URL of one of these becomes a Dataset.

`labelaudit check` comes through this door, too, and must start fast: what a plain folder does not need is imported
where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.core.several import as_pairs
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.class_names import with_class_names
from labelaudit.sources.folder import read_folder
from labelaudit.sources.inside import files_inside, is_own_file, reading
from labelaudit.sources.label_sets import require_few_pairs, several_labels
from labelaudit.sources.label_tables import LabelTable, find_label_table
from labelaudit.sources.other_files import OTHER_HINTS
from labelaudit.sources.paths import require_exists
from labelaudit.sources.patterns import is_pattern
from labelaudit.sources.published import read_published
from labelaudit.sources.shards import (
    Shards,
    choose_shards,
    shard_kind,
    shards_of_file,
    shards_of_folder,
    shards_of_pattern,
)
from labelaudit.sources.splits import ALL_SPLITS
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, is_table, packed_table
from labelaudit.sources.urls import Place, is_url, parse_url


def read_dataset(
    source: Path | str, settings: DataSettings, *, cache: Path | None = None, several: bool = False
) -> Dataset:
    """Return the samples of a folder, a table or shards; no pixel is decoded.

    Args:
        source: a folder with one sub-folder per class, or in the published layout of a known dataset; a CSV, TSV,
            Parquet or JSON lines table; tar or Parquet shards (a file, a folder, or a pattern such as
            shards/{000..009}.tar); or the URL of one of these.
        settings: which split, columns, paths and arrays to read.
        cache: folder for what is fetched from URLs; None is the user's cache folder, such as ~/.cache/labelaudit.
        several: samples may have several labels each; then the samples of the dataset are pairs of one and a label.

    Raises:
        ConfigError: the source, or something that the settings name, does not exist.
        DataError: what is there cannot be audited, or samples have several labels and may not.
    """
    store = Store(cache)
    with reading(source):
        dataset = _read(source, settings, store)
        if settings.trusted is not None:
            from labelaudit.sources.trusted import with_trusted

            dataset = with_trusted(dataset, settings, store)
        named = with_class_names(dataset, settings)
        if named.several is None:
            return named
        if not several:
            raise several_labels(named)
        require_few_pairs(named)
        return as_pairs(named)


def _read(source: Path | str, settings: DataSettings, store: Store) -> Dataset:
    if is_url(str(source)):
        return _read_url(str(source), settings, store)
    path = Path(source).expanduser()
    if is_pattern(str(source)) and not path.exists():
        return _read_shards(shards_of_pattern(str(source), store), settings, store)
    return _read_path(path, settings, store)


def _read_path(path: Path, settings: DataSettings, store: Store) -> Dataset:
    require_exists(path, "")
    if path.is_dir():
        published = read_published(path, settings)
        if published is not None:
            _require_no_arrays(path, settings)
            return published
        if any(_is_own(path / name, path, settings) for name in ("dataset_info.json", "dataset_dict.json")):
            saved = _read_saved(path, settings, store)
            if saved is not None:
                return saved
        shards = shards_of_folder(path, files_inside(path, follow_links=settings.follow_links))
        if shards is not None:
            return _read_shards(shards, settings, store)
        labels = find_label_table(path, settings)
        if labels is not None:
            return _read_label_table(path, labels, settings, store)
        _require_no_arrays(path, settings)
        return read_folder(path, settings)
    if is_table(path.name):
        return _read_table(path, settings, store)
    _require_known(path)
    if path.suffix.lower() == ".zip" and packed_table(path) is not None:
        return _read_table(path, settings, store)
    if path.suffix.lower() in (".zip", ".tar"):
        archive = _read_archive(path, settings, store)
        if archive is not None:
            return archive
    return _read_shards(shards_of_file(path), settings, store)


def _is_own(file: Path, folder: Path, settings: DataSettings) -> bool:
    return is_own_file(file, folder, follow_links=settings.follow_links)


def _read_archive(path: Path, settings: DataSettings, store: Store) -> Dataset | None:
    from labelaudit.sources.archives import read_tar_folder, read_zip

    _require_no_arrays(path, settings, what="an archive")
    return read_zip(path, settings) if path.suffix.lower() == ".zip" else read_tar_folder(path, settings, store)


def _read_saved(path: Path, settings: DataSettings, store: Store) -> Dataset | None:
    from labelaudit.sources.saved_dataset import load_saved, saved_splits
    from labelaudit.sources.table import table_dataset

    folders = saved_splits(path, settings)
    if not folders:
        return None
    if None not in folders:  # the folders are the splits
        settings = dataclasses.replace(settings, split=ALL_SPLITS)
    dataset = table_dataset(load_saved(folders, path, store), settings)
    split = ",".join(name for name in folders if name is not None) or dataset.split
    return dataclasses.replace(dataset, split=split)


def _read_label_table(folder: Path, labels: LabelTable, settings: DataSettings, store: Store) -> Dataset:
    splits = [split for split in labels.paths if split is not None]
    if splits:  # the files are the splits
        settings = dataclasses.replace(settings, split=ALL_SPLITS)
    if len(splits) > 1:
        dataset = _read_joined(folder, {split: labels.paths[split] for split in splits}, settings, store)
    else:
        dataset = _read_table(next(iter(labels.paths.values())), settings, store)
    return dataclasses.replace(
        dataset, split=",".join(splits) or dataset.split, remarks=(labels.remark, *dataset.remarks)
    )


def _read_joined(folder: Path, paths: Mapping[str, Path], settings: DataSettings, store: Store) -> Dataset:
    from labelaudit.sources.joined import joined_datasets, joined_tables
    from labelaudit.sources.table import table_dataset
    from labelaudit.sources.table_file import load_table

    if all(path.parent == folder for path in paths.values()):
        tables = {split: load_table(path, store, settings) for split, path in paths.items()}
        return table_dataset(joined_tables(folder, tables), settings)
    return joined_datasets(folder, {split: _read_table(path, settings, store) for split, path in paths.items()})


def _read_url(text: str, settings: DataSettings, store: Store) -> Dataset:
    place = parse_url(text)
    if is_pattern(text):
        return _read_shards(shards_of_pattern(text, store), settings, store)
    if isinstance(place, Path):
        return _read_path(place, settings, store)
    if is_table(place.name):
        return _read_table(place, settings, store)
    if shard_kind(place.name) == "tar":
        return _read_shards(shards_of_file(place), settings, store)
    names = store.find(place)
    shards = shards_of_folder(place, names)
    if shards is not None:
        return _read_shards(shards, settings, store)
    _require_no_arrays(place, settings)
    from labelaudit.sources.remote_folder import read_remote_folder

    return read_remote_folder(place, names, settings, store)


def _read_table(place: Place, settings: DataSettings, store: Store) -> Dataset:
    from labelaudit.sources.table import read_table

    return read_table(place, settings, store)


def _read_shards(shards: Shards, settings: DataSettings, store: Store) -> Dataset:
    chosen = choose_shards(shards, settings)
    if chosen.kind == "parquet":
        from labelaudit.sources.parquet_shards import read_parquet_shards

        return read_parquet_shards(chosen, settings, store)
    _require_no_arrays(chosen.source, settings, what="an archive")
    from labelaudit.sources.tar_shards import read_tar_shards

    return read_tar_shards(chosen, settings, store)


def _require_known(path: Path) -> None:
    """Raise DataError for a file that is neither a table nor an archive."""
    suffix = path.suffix.lower()
    if shard_kind(path.name) == "tar" or suffix == ".zip":
        return
    if suffix in image_suffixes():
        raise DataError(f"{path} is a single image.", hint=f"Scan a folder of class folders, such as {path.parent}.")
    known = ", ".join(TABLE_SUFFIXES)
    raise DataError(
        f"{path}: files of type {suffix or 'no suffix'} are not read; tables are {known}.",
        hint=OTHER_HINTS.get(suffix, "Give a folder of class folders, or a table of paths and labels."),
    )


def _require_no_arrays(source: object, settings: DataSettings, *, what: str = "a folder") -> None:
    option = "--embeddings" if settings.embeddings is not None else "--probs"
    if settings.embeddings is None and settings.probs is None:
        return
    raise ConfigError(
        f"{option} needs a table of labels, and {source} is {what}.",
        hint="Give a CSV with a column 'label', its rows in the order of the array.",
    )
