"""What the columns of a table mean: by their usual names, or by the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from labelaudit.core.dataset import Remark
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.column_names import columns_named, is_text, looked_at, named_column, plain_name
from labelaudit.sources.label_column import find_label_column
from labelaudit.sources.parquet_file import is_image_type
from labelaudit.sources.paths import template_columns
from labelaudit.sources.splits import split_of_words
from labelaudit.sources.table_file import Table

_PATHS = (
    "path",
    "image_path",
    "img_path",
    "file_path",
    "filepath",
    "image",
    "img",
    "file_name",
    "filename",
    "file",
    "image_file",
    "image_name",
    "image_url",
    "img_url",
    "photo",
    "picture",
)
_MAYBE_PATHS = ("image_id", "img_id", "id_code", "id", "name")  # paths only where files by these names exist
_IDS = ("sample_id", "id", "uid", "uuid")
_SPLITS = ("split", "subset", "partition")
_MAYBE_SPLITS = (
    "usage",
    "set",
    "dataset",
    "data_split",
    "ml_use",
    "phase",
    "mode",
    "stage",
    "tvt",
    "train_test",
    "traintest",
    "train_val_test",
    "dataset_split",
    "set_name",
    "purpose",
    "column_1",
)  # where cells say train or test
_YES_MEANS = {  # columns of yes and no
    "is_valid": "val",
    "is_val": "val",
    "is_validation": "val",
    "valid_col": "val",
    "is_test": "test",
    "is_train": "train",
    "is_training": "train",
}
_TRUSTED = ("trusted",)
_TEXTS = (
    "text",
    "sentence",
    "review",
    "title",
    "content",
    "body",
    "description",
    "tweet",
    "comment",
    "premise",
    "hypothesis",
    "sentence1",
    "sentence2",
    "text_a",
    "text_b",
    "text1",
    "text2",
    "question1",
    "question2",
    "context",
    "answer",
    "response",
)
_NAMED_WORDS, _PROSE_WORDS = 2, 5  # words a cell from which a column of such a name, and of any name, holds texts
_YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
_MOST_SPLITS = 5  # different values of a column that tells the split
_LONGEST_PATH = 4096  # characters
_MOST_KEYS = 3  # columns that are looked up among the images
_NUMERIC = frozenset("0123456789 .,;:+-eE[]")


@dataclass(frozen=True, slots=True)
class Roles:
    """The name of the column for each role; None where the table has no such column."""

    label: str
    path: str | None
    path_is_sure: bool  # False: only if files by these names exist
    image: str | None  # bytes of images in the table itself
    sample_id: str | None
    split: str | None
    trusted: str | None
    remarks: tuple[Remark, ...] = ()
    maybe_paths: tuple[str, ...] = ()  # columns that are paths if files by these names exist, likeliest first
    texts: tuple[str, ...] = ()  # columns of sentences

    def taken(self) -> frozenset[str]:
        """Return the columns that have a role."""
        names = (self.label, self.path, self.image, self.sample_id, self.split, self.trusted, *self.texts)
        return frozenset(name for name in names if name is not None)


def find_roles(table: Table, settings: DataSettings, *, labelled: bool = True) -> Roles:
    """Return what the columns of a table mean.

    Args:
        table: all columns.
        settings: names of columns, where the user knows better.
        labelled: False = no label is needed, and none is looked for: `label` is then empty.

    Raises:
        ConfigError: a column that the settings name does not exist, or no column looks like the labels.
    """
    images = [] if settings.no_images else _image_columns(table)
    paths, path_is_sure = ([], False) if settings.no_images else _path_columns(table, settings)
    path = paths[0] if paths and paths[0] not in images else None
    sample_id = named_column(table, settings.id_column, "--id-column") or _first(table, _IDS)
    split, trusted = _split_column(table), _first(table, _TRUSTED)
    taken = {path, sample_id, split, trusted, *images}
    doubtful = sample_id if path is not None and path != sample_id and settings.id_column is None else None
    label, remarks = find_label_column(table, settings, taken, ids=doubtful) if labelled else ("", [])
    sample_id = None if sample_id == label else sample_id
    others = [name for name in table.columns if name not in taken | {label}]
    return Roles(
        label=label,
        path=None if path == label else path,
        path_is_sure=path_is_sure or not others,  # nothing else to learn from
        image=_embedded(images, settings),
        sample_id=sample_id,
        split=split,
        trusted=trusted,
        remarks=tuple(remarks),
        maybe_paths=tuple(
            name for name in (*paths, *_keys(table, paths, settings)) if name not in {label, split, trusted, *images}
        ),
        texts=_text_columns(table, settings, taken | {label}),
    )


def _split_column(table: Table) -> str | None:
    """Return the column that tells the split of each row: by its name, or by its name and cells."""
    sure = _first(table, _SPLITS)
    if sure is not None:
        return sure
    for name in columns_named(table, _MAYBE_SPLITS):
        if pa.types.is_nested(table.columns[name].type):
            continue
        values = {str(value) for value in table.columns[name].unique().to_pylist() if value is not None}
        if 0 < len(values) <= _MOST_SPLITS and all(map(split_of_words, values - {"UNASSIGNED"})):
            return name
    return _first(table, _YES_MEANS)


def split_texts(table: Table, column: str) -> list[str | None]:
    """Return the split of each row as the table names it; train, val or test where it says yes or no."""
    texts = [None if value is None else str(value) for value in table.columns[column].to_pylist()]
    yes = {plain_name(name): split for name, split in _YES_MEANS.items()}.get(plain_name(column))
    if yes is None or not {(text or "").casefold() for text in texts} <= _YES_NO.keys():
        return [text if text is None or text.strip() else None for text in texts]
    no = "test" if yes == "train" else "train"
    return [yes if _YES_NO[(text or "").casefold()] else no for text in texts]


def _path_columns(table: Table, settings: DataSettings) -> tuple[list[str], bool]:
    """Return the columns that may hold image paths, the likeliest first, and whether that is one for sure."""
    named = named_column(table, settings.path_column, "--path-column")
    if named:
        return [named], True
    if settings.path_template is not None:
        used = template_columns(settings.path_template, table)
        return (used, True) if len(used) == 1 else ([], True)
    usual = [name for name in columns_named(table, _PATHS) if name != settings.label_column]
    maybe = [name for name in columns_named(table, _MAYBE_PATHS) if name != settings.label_column]
    by_suffix = [name for name in table.columns if name != settings.label_column and _holds_image_names(table, name)]
    texts = [name for name in usual if is_text(table.columns[name].type)]
    likeliest = [*(name for name in texts if name in by_suffix), *by_suffix, *texts]
    return list(dict.fromkeys([*likeliest, *usual, *maybe])), bool(likeliest)


def _keys(table: Table, but: Sequence[str], settings: DataSettings) -> list[str]:
    """Return some columns of words that are all different, whatever they are called: they may be names of images."""
    if settings.no_images:
        return []
    found = []
    for name in table.columns:
        texts = looked_at(table, name) if name not in but else []
        if len(texts) > 1 and len(set(texts)) == len(texts) and not any(" " in text or "://" in text for text in texts):
            found.append(name)
    return found[:_MOST_KEYS]


def _holds_image_names(table: Table, name: str) -> bool:
    """Return whether most cells of a column end like the name of an image."""
    suffixes = image_suffixes()
    texts = looked_at(table, name)
    ending = [PurePosixPath(text).suffix.lower() in suffixes for text in texts if len(text) < _LONGEST_PATH]
    return bool(ending) and sum(ending) > len(texts) / 2


def names_samples(table: Table, name: str) -> bool:
    """Return whether a column is called as ids, paths, splits or trust are, or holds names of images or sentences."""
    usual = set(map(plain_name, (*_PATHS, *_MAYBE_PATHS, *_IDS, *_SPLITS, *_MAYBE_SPLITS, *_YES_MEANS, *_TRUSTED)))
    if plain_name(name) in usual or plain_name(name).startswith("unnamed") or _holds_image_names(table, name):
        return True
    return _is_prose(table, name, usual=plain_name(name) in map(plain_name, _TEXTS))


def _text_columns(table: Table, settings: DataSettings, taken: set[str | None]) -> tuple[str, ...]:
    """Return the columns of sentences: those that are named, else by their names and cells."""
    if settings.text_column is not None:
        names = [name.strip() for name in settings.text_column.split(",")]
        return tuple(name for name in names if named_column(table, name, "--text-column"))
    if settings.feature_columns is not None:
        return ()
    usual = set(columns_named(table, _TEXTS))
    return tuple(name for name in table.columns if name not in taken and _is_prose(table, name, usual=name in usual))


def _is_prose(table: Table, name: str, *, usual: bool) -> bool:
    texts = looked_at(table, name)
    if len(set(texts)) <= max(1, len(texts) / 2) or all(set(text) <= _NUMERIC for text in texts):
        return False
    words = sum(len(text.split()) for text in texts) / len(texts)
    return words >= (_NAMED_WORDS if usual else _PROSE_WORDS)


def _image_columns(table: Table) -> list[str]:
    """Return the columns that hold the bytes of images, usual names first."""
    found = [name for name, cells in table.columns.items() if is_image_type(cells.type) or name in table.streamed]
    usual = columns_named(table, _PATHS)
    return sorted(found, key=lambda name: usual.index(name) if name in usual else len(usual))


def _embedded(images: list[str], settings: DataSettings) -> str | None:
    if settings.path_column is not None:
        return settings.path_column if settings.path_column in images else None
    return images[0] if images else None


def _first(table: Table, names: Iterable[str]) -> str | None:
    found = columns_named(table, names)
    return found[0] if found else None
