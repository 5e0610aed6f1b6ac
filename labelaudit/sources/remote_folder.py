"""Class folders behind a URL, or in an archive: one listing, and nothing is fetched yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.dataset import Content, Dataset, StreamedImages
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.folder import folder_dataset
from labelaudit.sources.remote_paths import PlacedImages
from labelaudit.sources.split_folders import TopFolder, find_levels
from labelaudit.sources.splits import choose_split_folders
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import DELIMITED_SUFFIXES
from labelaudit.sources.tally import Tally, tally_remarks
from labelaudit.sources.urls import Url


def read_remote_folder(source: Url, names: Iterable[str], settings: DataSettings, store: Store) -> Dataset:
    """Return the images below a URL, labelled by the name of their class folder, as `read_folder` does.

    Args:
        source: address of the folder.
        names: paths of the files below it, relative to it.
        settings: which split.
        store: fetches the images when they are read.

    Raises:
        DataError: no image has a class.
        ConfigError: the split that is asked for does not exist.
    """

    def content(chosen: Sequence[str]) -> Content:
        images = PlacedImages([source.join(name) for name in chosen], store)
        return StreamedImages(images, np.arange(len(chosen), dtype=np.int64))

    return read_listed_folder(source, names, settings, content)


def read_listed_folder(
    source: Url | Path,
    names: Iterable[str],
    settings: DataSettings,
    content_of: Callable[[Sequence[str]], Content],
) -> Dataset:
    """Return the images of a list of files, labelled by the name of their class folder, as `read_folder` does.

    Args:
        source: what holds them.
        names: paths of the files, relative to it.
        settings: which split.
        content_of: gives the images of some of the names.

    Raises:
        DataError: no image has a class.
        ConfigError: the split that is asked for does not exist.
    """
    visible = [name.split("/") for name in names if not _is_hidden(name)]
    tally = Tally(str(source), image_suffixes())
    levels = find_levels(_top_folders(visible, tally), settings.split, source)
    chosen, remarks = choose_split_folders(settings.split, levels.splits, source)
    remarks = [*levels.remarks, *remarks]
    for parts in visible:
        if parts[0] in chosen or (not levels.splits and parts[0] not in levels.skip):
            _count(parts, 1 if levels.splits else 0, tally)
    _require_no_tables(source, tally)
    _note_empty_classes(visible, 2 if levels.splits else 1, tally)
    if not tally.samples:
        raise _nothing_found(source, tally)
    tally.samples.sort()
    content = content_of([name for name, _ in tally.samples])
    remarks += tally_remarks(tally)
    place = source if isinstance(source, Path) else str(source)
    return folder_dataset(place, tally, content, split=",".join(chosen) or None, remarks=remarks, settings=settings)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _top_folders(names: list[list[str]], tally: Tally) -> dict[str, TopFolder]:
    """Return the folders right below the root, with what lies right in each of them."""
    folders: dict[str, set[str]] = {parts[0]: set() for parts in names if len(parts) > 1}
    with_images: set[str] = set()
    for parts in names:
        if len(parts) > 2:
            folders[parts[0]].add(parts[1])
        elif len(parts) == 2 and PurePosixPath(parts[1]).suffix.lower() in tally.suffixes:
            with_images.add(parts[0])
    return {name: TopFolder(frozenset(below), name in with_images) for name, below in folders.items()}


def _count(parts: list[str], level: int, tally: Tally) -> None:
    """Add one file to the tally; its class is the folder at this level."""
    name = "/".join(parts)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in tally.suffixes:
        tally.other_files[suffix or "no suffix"] += 1
    elif len(parts) > level + 1:
        tally.samples.append((name, parts[level]))
    else:
        tally.unlabelled.append(name)


def _note_empty_classes(names: list[list[str]], depth: int, tally: Tally) -> None:
    """Add the folders of one level that have files, but no image."""
    full = {name.split("/")[depth - 1] for name, _ in tally.samples}
    seen = {parts[depth - 1] for parts in names if len(parts) > depth}
    tally.empty += sorted(seen - full)


def _require_no_tables(source: Url | Path, tally: Tally) -> None:
    """Raise DataError where an archive holds a table, and class folders are none: the labels are in the table."""
    found = sorted(suffix for suffix in tally.other_files if suffix in DELIMITED_SUFFIXES)
    if found and isinstance(source, Path) and len({label for _, label in tally.samples}) < 2:
        raise DataError(
            f"{source}: no images in class folders, but tables ({', '.join(found)}), which are not read in an archive.",
            hint="Unpack it, and scan the table or the folder.",
        )


def _nothing_found(source: Url | Path, tally: Tally) -> DataError:
    hint = "Put the images in one folder per class, such as cats/1.jpg, or give a table of paths and labels (CSV)."
    if tally.unlabelled:
        return DataError(
            f"{source}: {len(tally.unlabelled):,} images, but none in a class folder: no labels.", hint=hint
        )
    others = tally.other_files.total()
    return DataError(
        f"{source}: no images in class folders" + (f"; {others:,} other files." if others else "."), hint=hint
    )
