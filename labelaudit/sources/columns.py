"""What the columns of a table mean: by their usual names, or by the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from labelaudit.core.arrays import FloatN
from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, did_you_mean, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.labels import is_number
from labelaudit.sources.parquet_file import is_image_type
from labelaudit.sources.paths import template_columns
from labelaudit.sources.splits import split_of_words
from labelaudit.sources.table_file import Table

# Best first: where a table has several of them, the first is taken and the choice is announced.
LABEL_NAMES = (
    "label",
    "given_label",
    "class_label",
    "label_name",
    "class_name",
    "class",
    "labels",
    "category",
    "target",
    "y",
    "noisy_label",
    "label_id",
    "class_id",
    "fine_label",
    "ground_truth",
    "gt",
    "true_label",
    "gold_label",
    "y_true",
    "target_class",
    "category_name",
    "finding_labels",
    "choice",
    "display_name",
    "displayname",
)
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
_MOST_CLASSES = 1_000  # different values of a column that may be the labels
_MOST_SPLITS = 5  # different values of a column that tells the split
_FEWEST_BITS, _MOST_SHOWN = 3, 8  # columns of 0 and 1 that may be labels; names in a message
_LONGEST_PATH = 4096  # characters
_NUMERIC = frozenset("0123456789 .,;:+-eE[]")
_LOOKED_AT = 500  # cells, evenly spaced, that tell what a column holds


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
    sample_id = _named(table, settings.id_column, "--id-column") or _first(table, _IDS)
    split, trusted = _split_column(table), _first(table, _TRUSTED)
    taken = {path, sample_id, split, trusted, *images}
    label, remarks = _label_column(table, settings, taken) if labelled else ("", [])
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
        maybe_paths=tuple(name for name in paths if name not in {label, split, trusted, *images}),
        texts=_text_columns(table, settings, taken | {label}),
    )


def _label_column(table: Table, settings: DataSettings, taken: set[str | None]) -> tuple[str, list[Remark]]:
    named = _named(table, settings.label_column, "--label-column")
    if named:
        return named, []
    found = [name for name in columns_named(table, LABEL_NAMES) if name not in taken]
    found = found or [name for name in _named_within(table, LABEL_NAMES) if name not in taken]
    if len(found) > 1:
        others = " and ".join(repr(name) for name in found[1:])
        return found[0], [
            Remark("note", f"Labels are from column {found[0]!r}, not {others}; --label-column changes it.")
        ]
    left = [name for name, cells in table.columns.items() if name not in taken and not _holds_objects(cells.type)]
    if len(left) > 1 and "column 1" in table.columns:  # without a header: a count of the rows is no label
        left = [name for name in left if not _counts_rows(table.columns[name])]
    if found or len(left) == 1:
        return (found or left)[0], []
    raise ConfigError(
        f"{table.source}: no column looks like the labels; columns: {', '.join(table.columns)}.",
        hint=f"Name it with --label-column{_candidates(table, left)}.{_columns_of_bits(table, left)}"
        f"{_soft_columns(table, left)} Is the first line of the table its header? If not: --no-header",
    )


def _holds_objects(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_nested(kind.value_type))


def _candidates(table: Table, names: Iterable[str]) -> str:
    """Return which columns have a few values that come again, as labels do; the fewest first."""
    found = []
    for name in names:
        cells = table.columns[name]
        if pa.types.is_nested(cells.type) or name in table.streamed or pa.types.is_floating(cells.type):
            continue
        values = cells.unique().to_pylist()
        if 1 < len(values) <= min(_MOST_CLASSES, len(cells) / 2):
            found.append((all(is_number(str(value)) for value in values), len(values), name))
    shown = shorten((f"{name!r} ({distinct:,} different)" for _, distinct, name in sorted(found)), show=3)
    return f", such as {shown}" if found else ""


def _columns_of_bits(table: Table, names: Sequence[str]) -> str:
    """Return how to read columns of 0 and 1 as labels, where there are several."""
    found = [name for name in names if not pa.types.is_nested(table.columns[name].type) and _is_bits(table, name)]
    if len(found) < _FEWEST_BITS:
        return ""
    shown = ",".join(found if len(found) <= _MOST_SHOWN else [*found[:2], "..."])
    return f" Several labels with a column of 0 and 1 each: --label-column {shown}."


def _soft_columns(table: Table, names: Sequence[str]) -> str:
    """Return what columns that sum to 1 in each row seem to be."""
    plain = [name for name in names if not pa.types.is_nested(table.columns[name].type) and name not in table.streamed]
    shares = {name: found for name in plain if (found := _shares(table.columns[name])) is not None}
    if len(shares) < 2 or not np.allclose(np.sum(list(shares.values()), axis=0), 1.0, atol=0.02):
        return ""
    shown = shorten(map(repr, shares), show=3)
    return f" The columns {shown} sum to 1, as probabilities of classes do: put the likeliest class into a column."


def _shares(cells: pa.ChunkedArray) -> FloatN | None:
    """Return numbers of 0 to 1; None of other cells."""
    try:
        found = np.array([float(cell) for cell in cells.slice(0, _LOOKED_AT).to_pylist()])
    except (TypeError, ValueError):
        return None
    return found if len(found) and found.min() >= 0 and found.max() <= 1 else None


def _is_bits(table: Table, name: str) -> bool:
    if name in table.streamed:
        return False
    values = {str(value).strip().casefold() for value in table.columns[name].unique().to_pylist()}
    return values in ({"0", "1"}, {"0.0", "1.0"}, {"false", "true"})


def _counts_rows(cells: pa.ChunkedArray) -> bool:
    texts = [str(value).strip() for value in cells.to_pylist()]
    return all(map(str.isdecimal, texts)) and len(set(texts)) == len(texts)


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
    yes = _YES_MEANS.get(_plain(column))
    if yes is None or not {(text or "").casefold() for text in texts} <= _YES_NO.keys():
        return [text if text is None or text.strip() else None for text in texts]
    no = "test" if yes == "train" else "train"
    return [yes if _YES_NO[(text or "").casefold()] else no for text in texts]


def _path_columns(table: Table, settings: DataSettings) -> tuple[list[str], bool]:
    """Return the columns that may hold image paths, the likeliest first, and whether that is one for sure."""
    named = _named(table, settings.path_column, "--path-column")
    if named:
        return [named], True
    if settings.path_template is not None:
        used = template_columns(settings.path_template, table)
        return (used, True) if len(used) == 1 else ([], True)
    usual = [name for name in columns_named(table, _PATHS) if name != settings.label_column]
    maybe = [name for name in columns_named(table, _MAYBE_PATHS) if name != settings.label_column]
    by_suffix = [name for name in table.columns if name != settings.label_column and _holds_image_names(table, name)]
    texts = [name for name in usual if _is_text(table.columns[name].type)]
    likeliest = [*(name for name in texts if name in by_suffix), *by_suffix, *texts]
    return list(dict.fromkeys([*likeliest, *usual, *maybe])), bool(likeliest)


def _holds_image_names(table: Table, name: str) -> bool:
    """Return whether most cells of a column end like the name of an image."""
    suffixes = image_suffixes()
    texts = looked_at(table, name)
    ending = [PurePosixPath(text).suffix.lower() in suffixes for text in texts if len(text) < _LONGEST_PATH]
    return bool(ending) and sum(ending) > len(texts) / 2


def names_samples(table: Table, name: str) -> bool:
    """Return whether a column is called as ids, paths, splits or trust are, or holds names of images or sentences."""
    usual = (*_PATHS, *_MAYBE_PATHS, *_IDS, *_SPLITS, *_MAYBE_SPLITS, *_YES_MEANS, *_TRUSTED)
    if _plain(name) in usual or _plain(name).startswith("unnamed") or _holds_image_names(table, name):
        return True
    return _is_prose(table, name, usual=_plain(name) in _TEXTS)


def looked_at(table: Table, name: str) -> list[str]:
    """Return some cells of a column of text, evenly spaced; none of a column of another type."""
    cells = table.columns[name]
    if not _is_text(cells.type) or name in table.streamed:
        return []
    step = max(1, len(cells) // _LOOKED_AT)
    return [text for text in cells.take(list(range(0, len(cells), step))).to_pylist() if text and text.strip()]


def _text_columns(table: Table, settings: DataSettings, taken: set[str | None]) -> tuple[str, ...]:
    """Return the columns of sentences: those that are named, else by their names and cells."""
    if settings.text_column is not None:
        names = [name.strip() for name in settings.text_column.split(",")]
        return tuple(name for name in names if _named(table, name, "--text-column"))
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


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _named(table: Table, name: str | None, option: str) -> str | None:
    """Return the column that an option names; raises ConfigError where there is none."""
    if name is None or name in table.columns:
        return name
    raise ConfigError(
        f"{table.source}: {option} {name!r}: there is no such column; columns: {', '.join(table.columns)}.",
        hint=did_you_mean(name, table.columns),
    )


def _first(table: Table, names: Iterable[str]) -> str | None:
    found = columns_named(table, names)
    return found[0] if found else None


def columns_named(table: Table, names: Iterable[str]) -> list[str]:
    """Return the columns by these names, in the order of the names; case, blanks, dots and hyphens do not matter."""
    present = {_plain(name): name for name in reversed(list(table.columns))}
    return [present[name] for name in names if name in present]


def _named_within(table: Table, names: Iterable[str]) -> list[str]:
    """Return the columns of flattened objects whose last part is one of these names: "annotation.label"."""
    last = {_plain(name.rpartition(".")[2]): name for name in reversed(list(table.columns)) if "." in name}
    return [last[name] for name in names if name in last]


def _plain(name: str) -> str:
    return re.sub(r"[ ./-]", "_", name.casefold().strip())
