"""Data in shards: which tar or Parquet files belong to what the user named, and which split they are."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES
from labelaudit.sources.patterns import matching_files, shards_folder
from labelaudit.sources.splits import ALL_SPLITS, choose_splits, is_split_name, split_remark
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place, Url

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Shards:
    """The files of one dataset."""

    source: Path | str  # as the user named it
    kind: Literal["tar", "parquet"]
    folder: Place  # that the names are relative to
    files: tuple[Place, ...]
    names: tuple[str, ...]  # one for each file, unique: what to call it
    split: str | None = None
    remarks: tuple[Remark, ...] = ()


def shard_kind(name: str) -> Literal["tar", "parquet"] | None:
    """Return the kind of a shard by its name; None where it is another file."""
    if name.lower().endswith((".tar", *COMPRESSED)):
        return "tar"
    return "parquet" if name.lower().endswith(PARQUET_SUFFIXES) else None


def shards_of_pattern(source: str, store: Store) -> Shards:
    """Return the files that a pattern such as shards/{000..009}.tar stands for.

    Raises:
        DataError: nothing fits, or other files than shards do.
    """
    files = tuple(matching_files(source, store))
    kinds = {shard_kind(str(place)) for place in files}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        raise DataError(f"{source}: fits {len(files):,} files, but not all of them are .tar, or all .parquet.")
    folder = shards_folder(source)
    return Shards(source, kind, folder, files, _names(files, folder))


def shards_of_file(source: Place) -> Shards:
    """Return a single archive as the only shard."""
    return Shards(source if isinstance(source, Path) else str(source), "tar", source.parent, (source,), (source.name,))


def shards_of_folder(source: Place, names: Iterable[str]) -> Shards | None:
    """Return the shards among the files of a folder; None where it holds images, or no shards.

    Args:
        source: the folder.
        names: paths of the files below it, relative to it.
    """
    images = image_suffixes()
    by_kind: dict[str, list[str]] = {"tar": [], "parquet": []}
    has_table = False
    for name in names:
        if any(part.startswith(".") for part in name.split("/")):
            continue
        kind = shard_kind(name)
        suffix = PurePosixPath(name).suffix.lower()
        if kind is not None:
            by_kind[kind].append(name)
        elif suffix in images:
            return None
        has_table = has_table or suffix in _TABLES
    kinds: list[Literal["tar", "parquet"]] = ["tar"] if by_kind["tar"] else []
    if by_kind["parquet"] and not has_table:
        kinds.append("parquet")
    if len(kinds) != 1:
        return None
    chosen = tuple(sorted(by_kind[kinds[0]]))
    files = tuple(source.join(name) if isinstance(source, Url) else source / name for name in chosen)
    return Shards(source if isinstance(source, Path) else str(source), kinds[0], source, files, chosen)


def choose_shards(shards: Shards, settings: DataSettings) -> Shards:
    """Return the shards of the split that is asked for, where their names tell the split: train-00000.tar, val/3.tar.

    Raises:
        ConfigError: there is no such split.
    """
    splits = [_split_of(name) for name in shards.names]
    present = {split for split in splits if split is not None}
    if None in splits:
        if settings.split not in ("train", ALL_SPLITS):
            raise ConfigError(
                f"{shards.source}: there is no split {settings.split!r}: the names of the shards do not tell splits.",
                hint="Leave --split away, or name the shards of the split by a pattern.",
            )
        return shards
    if len(present) == 1 and settings.split == "train":
        return dataclasses.replace(shards, split=present.pop())
    chosen = choose_splits(settings.split, present, shards.source)
    keep = [i for i, split in enumerate(splits) if split in chosen]
    return dataclasses.replace(
        shards,
        files=tuple(shards.files[i] for i in keep),
        names=tuple(shards.names[i] for i in keep),
        split=",".join(chosen),
        remarks=(*shards.remarks, split_remark(chosen, present)),
    )


def _split_of(name: str) -> str | None:
    """Return the split that a name tells: by a folder, or by its beginning."""
    *folders, base = name.split("/")
    words = [*folders, re.split(r"[-_.]", base, maxsplit=1)[0]]
    return next((word for word in words if is_split_name(word)), None)


def _names(files: Sequence[Place], folder: Place) -> tuple[str, ...]:
    start = str(folder).rstrip("/") + "/"
    full = [str(place.absolute() if isinstance(place, Path) else place) for place in files]
    return tuple(name.removeprefix(start).replace(os.sep, "/") for name in full)
