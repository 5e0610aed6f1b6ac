"""WebDataset: images and labels in tar archives, read where they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Dataset, Remark, SetAside, StreamedImages
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.labels import encode_labels, tidy_numbers
from labelaudit.sources.shards import Shards
from labelaudit.sources.store import Store
from labelaudit.sources.tar_index import Member, ShardIndex, TarMembers, index_shards
from labelaudit.sources.tar_labels import (
    LabelPlace,
    TarSample,
    class_names_beside,
    find_labels,
    name_classes,
    read_label,
)
from labelaudit.sources.urls import Place

_USUAL = ("jpg", "jpeg", "png", "webp")  # where a sample has several images, the first of these is taken


@dataclasses.dataclass(slots=True)
class _Gathered:
    """The samples that can be used so far, all of the same length, and the others."""

    ids: list[str] = dataclasses.field(default_factory=list)
    labels: list[str] = dataclasses.field(default_factory=list)
    members: list[tuple[Place, Member]] = dataclasses.field(default_factory=list)
    aside: list[SetAside] = dataclasses.field(default_factory=list)


def read_tar_shards(shards: Shards, settings: DataSettings, store: Store) -> Dataset:
    """Return the samples of tar shards: one image and one label for each key.

    A shard that is damaged or missing is put aside, with a warning; the others are read.

    Raises:
        DataError: no shard can be read, or no sample has an image and a label.
        ConfigError: no member holds labels.
    """
    indexes = index_shards(list(shards.files), store)
    broken = _broken_shards(shards, indexes)
    samples = [
        TarSample(index.place, name, key, members)
        for name, index in zip(shards.names, indexes, strict=True)
        for key, members in index.samples.items()
    ]
    if not samples:
        raise _nothing_found(shards, broken)
    place = find_labels(samples, settings.label_column, store, shards.source)
    gathered = _Gathered()
    for sample in samples:
        _add(sample, place, store, gathered)
    if not gathered.ids:
        first = gathered.aside[0]
        raise DataError(
            f"{shards.source}: none of the {len(samples):,} samples can be used; {first.path}: {first.detail}."
        )
    remarks = [Remark("note", f"{len(shards.files):,} tar shards: labels from {place}."), *_broken_remarks(broken)]
    return _dataset(shards, gathered, broken, remarks, settings, store)


def _dataset(
    shards: Shards,
    gathered: _Gathered,
    broken: list[SetAside],
    remarks: list[Remark],
    settings: DataSettings,
    store: Store,
) -> Dataset:
    texts = [text for text in tidy_numbers(gathered.labels) if text is not None]
    known = class_names_beside([shards.folder, shards.files[0].parent], store)
    if known is not None:
        texts = name_classes(texts, known[1], known[0])
        remarks = [*remarks, Remark("note", f"Class names are from {known[0]}.")]
    labels = encode_labels(texts, fold=settings.fold_labels)
    return Dataset(
        source=shards.source,
        sample_ids=tuple(gathered.ids),
        paths=tuple(gathered.ids),
        given=labels.given,
        classes=labels.classes,
        content=StreamedImages(TarMembers(gathered.members, store), np.arange(len(gathered.ids), dtype=np.int64)),
        trusted=np.zeros(len(gathered.ids), dtype=np.bool_),
        split=shards.split,
        set_aside=(*broken, *gathered.aside),
        remarks=(*shards.remarks, *remarks, *labels.remarks),
    )


def _add(sample: TarSample, place: LabelPlace, store: Store, gathered: _Gathered) -> None:
    """Add a sample to those that can be used, or put it aside."""
    extension = image_extension(sample.members)
    name = f"{sample.shard_name}/{sample.key}"
    try:
        label = read_label(sample, place, store)
    except ValueError as error:
        gathered.aside.append(SetAside(name, name, None, "missing-label", str(error)))
        return
    if extension is None:
        there = shorten(f".{extension}" for extension in sorted(sample.members))
        gathered.aside.append(SetAside(name, name, label, "missing-file", f"no member is an image, only {there}"))
        return
    gathered.ids.append(f"{name}.{extension}")
    gathered.labels.append(label)
    gathered.members.append((sample.shard, sample.members[extension]))


def image_extension(members: dict[str, Member]) -> str | None:
    """Return the extension of the image among the members of a sample, None where there is none."""
    suffixes = image_suffixes()
    images = [extension for extension in members if f".{extension.rpartition('.')[2]}" in suffixes]
    order = {extension: position for position, extension in enumerate(_USUAL)}
    return min(images, key=lambda name: (order.get(name, len(order)), name.count("."), name), default=None)


def _broken_shards(shards: Shards, indexes: list[ShardIndex]) -> list[SetAside]:
    return [
        SetAside(name, name, None, "missing-file" if index.is_missing else "unreadable", index.problem)
        for name, index in zip(shards.names, indexes, strict=True)
        if index.problem is not None
    ]


def _broken_remarks(broken: list[SetAside]) -> list[Remark]:
    if not broken:
        return []
    names = shorten((f"{row.path} {row.detail}" for row in broken), show=3)
    return [Remark("warning", f"Shards that are not read, or not to their end: {len(broken):,} ({names}).")]


def _nothing_found(shards: Shards, broken: list[SetAside]) -> DataError:
    if not broken:
        return DataError(
            f"{shards.source}: the archives hold no files with a key and an extension, such as 000017.jpg."
        )
    first = broken[0]
    hint = "Check the files; an archive that was copied completely opens with: tar -tf FILE"
    if "compressed" in first.detail:
        hint = f"Unpack the compression only, and keep the archive: gunzip {Path(first.path).name}"
    return DataError(
        f"{shards.source}: none of {len(broken):,} archives can be read; {first.path} {first.detail}.", hint=hint
    )
