"""Images that a table names, or holds as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Content, EmbeddedImages, FilesBelow, ImageFiles, Remark, StreamedImages
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.columns import Roles
from labelaudit.sources.image_tree import ImageTree
from labelaudit.sources.paths import Located, fill_template, image_root, locate, none_found, without_strangers
from labelaudit.sources.remote_paths import PlacedImages, locate_remote
from labelaudit.sources.table_file import Table
from labelaudit.sources.urls import Url, is_url

_LOOKED_AT = 1_000  # cells, evenly spaced, that tell whether a column leads to images


@dataclass(frozen=True, slots=True)
class Samples:
    """What some rows of a table hold beside their labels."""

    content: Content  # (N,)
    paths: tuple[str, ...]  # (N,) what to show
    missing: Mapping[int, str] = field(default_factory=dict)  # position -> why there is no file
    unreadable: Mapping[int, str] = field(default_factory=dict)  # position -> why the row cannot be used
    remarks: tuple[Remark, ...] = ()
    classes: tuple[str, ...] | None = None  # the class list, where the content fixes it
    left_out: Mapping[str, str] = field(default_factory=dict)  # column -> why it is not learnt from


def path_texts(table: Table, roles: Roles, settings: DataSettings, rows: IntN) -> list[str | None] | None:
    """Return the image path of each row as the table has it; None where it has no paths."""
    if roles.image is not None:
        column = table.columns[roles.image]
        return cell_texts(pc.struct_field(column, "path").take(rows)) if pa.types.is_struct(column.type) else None
    if roles.path is not None:
        return cell_texts(table.columns[roles.path].take(rows))
    if settings.path_template is not None:
        return fill_template(settings.path_template, table, rows)
    return None


def share_of_images(table: Table, column: str, settings: DataSettings, tree: ImageTree | None) -> float:
    """Return the share of the cells of a column that lead to a file, of those that are filled; 0 where none is."""
    texts = cell_texts(table.columns[column])
    step = max(1, len(texts) // _LOOKED_AT)
    some = [text for text in texts[::step] if text is not None]
    return float(locate_images(table, some, settings, tree, column=column).exists.mean()) if some else 0.0


def image_tree(table: Table, settings: DataSettings) -> ImageTree | None:
    """Return the files below the folder that paths start from; None where it is behind a URL."""
    root = image_root(table, settings.image_root)
    return None if isinstance(root, Url) else ImageTree(root)


def read_embedded(table: Table, column: str, rows: IntN, paths: Sequence[str | None] | None) -> Samples:
    """Return images from a column of bytes, or of structs with bytes and a path."""
    shown = table.places(rows)
    if column in table.streamed:
        return Samples(StreamedImages(table.streamed[column], rows), shown)
    cells = table.columns[column]
    data = pc.struct_field(cells, "bytes") if pa.types.is_struct(cells.type) else cells
    names = shown if paths is None else tuple(p or place for p, place in zip(paths, shown, strict=True))
    empty = set(pc.indices_nonzero(pc.is_null(data)).to_pylist())
    missing = {i: f"{shown[i]}: the cell holds no image" for i, row in enumerate(rows.tolist()) if row in empty}
    return Samples(EmbeddedImages(data, names, tuple(rows.tolist())), shown, missing)


def has_bytes(table: Table, column: str) -> bool:
    """Return whether any cell of an image column holds bytes; if none does, its paths count."""
    if column in table.streamed:
        return True
    cells = table.columns[column]
    data = pc.struct_field(cells, "bytes") if pa.types.is_struct(cells.type) else cells
    return int(data.null_count) < len(data)


def read_files(
    table: Table,
    rows: IntN,
    texts: Sequence[str | None],
    *,
    column: str | None,
    settings: DataSettings,
    tree: ImageTree | None = None,
) -> Samples:
    """Return images in files of their own.

    Args:
        table: for the place of each row.
        rows: (N,) rows to take.
        texts: (N,) path of each row as the table has it.
        column: where the texts are from; None where they are from more than one column.
        settings: image_root, path_template and replace_prefix.
        tree: the files below the root, where they are listed already.

    Raises:
        DataError: none of the files exists.
    """
    tree = tree or image_tree(table, settings)
    if settings.path_template is None:
        located = locate_images(table, texts, settings, tree, column=column)
    else:
        located = locate_images(table, fill_template(settings.path_template, table, rows), settings, tree)
    if not located.exists.any():
        raise none_found(located, table, tree, image_root(table, settings.image_root), column)
    shown = tuple(path or table.place(row) for path, row in zip(located.shown, rows, strict=True))
    return Samples(_content(located, table), shown, _missing(table, rows, located), remarks=located.remarks)


def locate_images(
    table: Table,
    texts: Sequence[str | None],
    settings: DataSettings,
    tree: ImageTree | None,
    *,
    column: str | None = None,
) -> Located:
    """Return where the images of these paths are: on this machine, or behind URLs."""
    replace = settings.replace_prefix
    if tree is not None and (replace is not None or not _names_urls(texts)):
        return locate(texts, tree, column=column, replace=replace, follow_links=settings.follow_links)
    if tree is not None and column is not None:  # addresses of a store whose files may lie here
        here = locate(texts, tree, column=column, follow_links=settings.follow_links)
        if any(here.exists[i] for i, text in enumerate(texts) if text is not None and is_url(text.strip())):
            return here
    located = locate_remote(texts, image_root(table, settings.image_root), table.store)
    return located if tree is None or settings.follow_links else without_strangers(located, tree.root)


def _names_urls(texts: Sequence[str | None]) -> bool:
    return any(text is not None and is_url(text.strip()) for text in texts)


def _content(located: Located, table: Table) -> ImageFiles | StreamedImages:
    if isinstance(located.files, FilesBelow):
        return ImageFiles(located.files)
    local = tuple(file for file in located.files if isinstance(file, Path))
    if len(local) == len(located.files):
        return ImageFiles(local)
    return StreamedImages(PlacedImages(located.files, table.store), np.arange(len(located.files), dtype=np.int64))


def _missing(table: Table, rows: IntN, located: Located) -> dict[int, str]:
    return {
        position: f"{table.place(row)}: "
        + (f"{located.why.get(position) or f'there is no file {located.files[position]}'}" if path else "no path given")
        for position, (row, path) in enumerate(zip(rows, located.shown, strict=True))
        if not located.exists[position]
    }
