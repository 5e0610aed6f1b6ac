"""What the columns of a table mean: by their usual names, or by the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.parquet_file import is_image_type
from labelaudit.sources.paths import template_columns
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
_TRUSTED = ("trusted",)


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

    def taken(self) -> frozenset[str]:
        """Return the columns that have a role."""
        names = (self.label, self.path, self.image, self.sample_id, self.split, self.trusted)
        return frozenset(name for name in names if name is not None)


def find_roles(table: Table, settings: DataSettings, *, labelled: bool = True) -> Roles:
    """Find the role of each column of a table.

    Args:
        table: all columns.
        settings: names of columns, where the user knows better.
        labelled: False = no label is needed, and none is looked for: `label` is then empty.

    Raises:
        ConfigError: a column that the settings name does not exist, or no column looks like the labels.
    """
    images = _image_columns(table)
    path, path_is_sure = _path_column(table, settings)
    if path in images:
        path = None
    sample_id = _named(table, settings.id_column, "--id-column") or _first(table, _IDS)
    split, trusted = _first(table, _SPLITS), _first(table, _TRUSTED)
    taken = {path, sample_id, split, trusted, *images}
    label, remarks = _label_column(table, settings, taken) if labelled else ("", [])
    others = [name for name in table.columns if name not in taken | {label}]
    return Roles(
        label=label,
        path=path,
        path_is_sure=path_is_sure or not others,  # nothing else to learn from
        image=_embedded(images, settings),
        sample_id=sample_id,
        split=split,
        trusted=trusted,
        remarks=tuple(remarks),
    )


def _label_column(table: Table, settings: DataSettings, taken: set[str | None]) -> tuple[str, list[Remark]]:
    named = _named(table, settings.label_column, "--label-column")
    if named:
        return named, []
    candidates = [name for name in _all(table, LABEL_NAMES) if name not in taken]
    if len(candidates) > 1:
        others = " and ".join(repr(name) for name in candidates[1:])
        return candidates[0], [
            Remark("note", f"Labels are from column {candidates[0]!r}, not {others}; --label-column changes it.")
        ]
    left = [name for name in table.columns if name not in taken]
    if candidates or len(left) == 1:
        return (candidates or left)[0], []
    raise ConfigError(
        f"{table.source}: no column looks like the labels; columns: {', '.join(table.columns)}.",
        hint="Name it with --label-column. Is the first line of the table its header?",
    )


def _path_column(table: Table, settings: DataSettings) -> tuple[str | None, bool]:
    """Return the column of image paths, and whether it is one for sure."""
    named = _named(table, settings.path_column, "--path-column")
    if named:
        return named, True
    if settings.path_template is not None:
        used = template_columns(settings.path_template, table)
        return (used[0], True) if len(used) == 1 else (None, True)
    usual = [name for name in _all(table, _PATHS) if name != settings.label_column]
    for name in usual:
        if _is_text(table.columns[name].type):
            return name, True
    maybe = [name for name in _all(table, _MAYBE_PATHS) if name != settings.label_column]
    columns = [*usual, *maybe]
    return (columns[0], False) if columns else (None, False)


def _image_columns(table: Table) -> list[str]:
    """Return the columns that hold the bytes of images, usual names first."""
    images = [name for name, cells in table.columns.items() if is_image_type(cells.type)]
    usual = _all(table, _PATHS)
    return sorted(images, key=lambda name: usual.index(name) if name in usual else len(usual))


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
    matches = _all(table, names)
    return matches[0] if matches else None


def _all(table: Table, names: Iterable[str]) -> list[str]:
    """Return the columns by these names, in the order of the names; case, blanks and hyphens do not matter."""
    present = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in reversed(list(table.columns))}
    return [present[name] for name in names if name in present]
