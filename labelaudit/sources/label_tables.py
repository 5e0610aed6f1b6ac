"""A folder whose labels are in tables in it: one for all, one for each split, or one in each split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.binary_tables import ARROW_SUFFIXES
from labelaudit.sources.csv_file import LIST_SUFFIXES
from labelaudit.sources.inside import is_own_file
from labelaudit.sources.splits import choose_splits, is_split_name, split_of_words
from labelaudit.sources.table_file import DELIMITED_SUFFIXES, JSON_SUFFIXES

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "_classes.csv", "_annotations.coco.json")
_BESIDE_DATA = ("labels.csv", "labels.json", "labels.jsonl")  # beside a folder data/ or images/
DATA_FOLDERS = frozenset({"data", "images", "imgs", "image", "img", "jpegimages", "photos", "pictures", "pics"})
_READ = (*DELIMITED_SUFFIXES, *JSON_SUFFIXES, *LIST_SUFFIXES, *ARROW_SUFFIXES, ".parquet")
_LOOKED_AT, _TEXTS = 1_000, 2  # entries of a folder, and texts among them from which it may be a class of texts
_NO_LABELS = (  # what a name that tells of something else begins with
    *("readme", "license", "licence", "requirements", "notes", "changelog", "citation", "sample_submission"),
    *("class", "labels_map", "label_map", "label_names", "categories", "dataset_info", "features", "config", "package"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class LabelTable:
    """The tables to read instead of a folder."""

    paths: Mapping[str | None, Path]  # split -> its table; None where all splits are in one
    remark: Remark


def find_label_table(folder: Path, settings: DataSettings) -> LabelTable | None:
    """Return the tables that label the images of a folder; None where class folders do.

    Raises:
        ConfigError: there is no such split.
        DataError: there are several tables, and nothing tells which is meant.
    """
    try:
        tops = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:  # reported when the folder is read
        return None
    may_read = partial(is_own_file, root=folder, follow_links=settings.follow_links)
    own = _table_in(folder, _TABLES, may_read)
    if own is None and tops and all(top.name.casefold() in DATA_FOLDERS for top in tops):
        own = _table_in(folder, _BESIDE_DATA, may_read)
    if own is not None and all(_is_flat(top) for top in tops) and _are_no_classes(tops):
        return LabelTable({None: own}, Remark("note", f"Labels are from {own.name}, not from folders."))
    within = {top.name: table for top in tops if (table := _table_in(top, _TABLES, may_read)) and _is_flat(top)}
    if within and all(is_split_name(name) for name in within):
        return _chosen(within, settings, folder)
    if all(map(_holds_no_classes, tops)):
        tables = tables_in(folder)
        inner = tops[0] if len(tops) == 1 and tops[0].name.casefold() in DATA_FOLDERS and not tables else None
        if inner is not None and not _has_images(entry.name for entry in islice(inner.iterdir(), _LOOKED_AT)):
            tables = tables_in(inner)
        return _among(folder, tables, settings)
    return None


def tables_in(folder: Path) -> list[Path]:
    """Return the files of a folder that may be tables of labels."""
    names = sorted(path for path in folder.iterdir() if path.suffix.lower() in _READ and path.is_file())
    return [path for path in names if not path.name.casefold().startswith((".", *_NO_LABELS))]


def _among(folder: Path, tables: Sequence[Path], settings: DataSettings) -> LabelTable | None:
    """Return the table that is one by itself, or those that are called like splits."""
    splits: dict[str, Path] = {}
    for path in tables:
        split = split_of_words(path.stem)
        if split is not None:
            splits.setdefault(split, path)
    named = [path for path in tables if split_of_words(path.stem) is not None]
    if "train" in splits and len(named) == len(splits):
        return _chosen(splits, settings, folder)
    if len(tables) == 1:
        return LabelTable({None: tables[0]}, Remark("note", f"Labels are from {tables[0].name}, the only table here."))
    if len(tables) > 1:
        raise DataError(
            f"{folder}: there are no class folders, and several tables: {shorten(path.name for path in tables)}.",
            hint=f"Name the one with the labels: labelaudit scan {tables[0]}",
        )
    return None


def _chosen(tables: Mapping[str, Path], settings: DataSettings, folder: Path) -> LabelTable:
    chosen = choose_splits(settings.split, tables, folder)
    others = [name for name in tables if name not in chosen]
    left = f"; not {', '.join(others)} (--split picks another, or all)" if others else ""
    names = shorten(tables[name].relative_to(folder).as_posix() for name in chosen)
    word = "split" if len(chosen) == 1 else "splits"
    remark = Remark("note", f"Labels of {word} {', '.join(chosen)} are from {names}{left}.")
    return LabelTable({name: tables[name] for name in chosen}, remark)


def _are_no_classes(tops: list[Path]) -> bool:
    names = {top.name.casefold() for top in tops}
    return len(tops) < 2 or all(name in DATA_FOLDERS or is_split_name(name) for name in names)


def _holds_no_classes(top: Path) -> bool:
    """Return whether a folder is one of images, or of a split, without class folders; or holds no image at all."""
    if top.name.casefold() in DATA_FOLDERS or split_of_words(top.name) is not None:
        return _is_flat(top) or all(split_of_words(entry.name) for entry in _folders_in(top))
    names = [entry.name for entry in islice(top.iterdir(), _LOOKED_AT)]
    texts = sum(PurePosixPath(name).suffix.lower() == ".txt" for name in names)
    return texts < _TEXTS and not _has_images(names) and not _folders_in(top)


def _has_images(names: Iterable[str]) -> bool:
    suffixes = image_suffixes()
    return any(PurePosixPath(name).suffix.lower() in suffixes for name in names)


def _table_in(folder: Path, names: tuple[str, ...], may_read: Callable[[Path], bool]) -> Path | None:
    return next((folder / name for name in names if may_read(folder / name)), None)


def _folders_in(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]


def _is_flat(folder: Path) -> bool:
    """Return whether a folder holds no two class folders."""
    return len(_folders_in(folder)) < 2
