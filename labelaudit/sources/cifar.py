"""CIFAR-10 and CIFAR-100 as published: the python batches and the binary ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.pixel_batches import PixelBatch, PixelRows, dataset_of_batches, read_batch

_PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class CifarLayout:
    """One of the four archives that CIFAR is published in."""

    title: str
    folder: str  # that the archive unpacks to
    train: tuple[str, ...]  # files
    test: tuple[str, ...]
    names: str  # file of the class names
    names_key: str = ""  # in a pickled file of names
    labels: str = ""  # key of the labels in a pickled batch
    label_bytes: int = 0  # before the pixels of an image in a binary batch, the last of which is the label


_TEN = tuple(f"data_batch_{number}" for number in range(1, 6))
LAYOUTS = (
    CifarLayout(
        "CIFAR-10 (python batches)",
        "cifar-10-batches-py",
        _TEN,
        ("test_batch",),
        "batches.meta",
        names_key="label_names",
        labels="labels",
    ),
    CifarLayout(
        "CIFAR-10 (binary batches)",
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in _TEN),
        ("test_batch.bin",),
        "batches.meta.txt",
        label_bytes=1,
    ),
    CifarLayout(
        "CIFAR-100 (python)",
        "cifar-100-python",
        ("train",),
        ("test",),
        "meta",
        names_key="fine_label_names",
        labels="fine_labels",
    ),
    CifarLayout(
        "CIFAR-100 (binary)",
        "cifar-100-binary",
        ("train.bin",),
        ("test.bin",),
        "fine_label_names.txt",
        label_bytes=2,  # the superclass, then the class
    ),
)


def find_cifar(source: Path) -> Callable[[DataSettings], Dataset] | None:
    """Return the reader of a folder in one of CIFAR's layouts, or around one; None for any other folder."""
    for layout in LAYOUTS:
        for folder in (source, source / layout.folder):
            if all((folder / name).is_file() for name in (layout.names, *layout.train[:1])):
                return _reader(source, folder, layout)
    return None


def _reader(source: Path, folder: Path, layout: CifarLayout) -> Callable[[DataSettings], Dataset]:
    def read(settings: DataSettings) -> Dataset:
        splits = {"train": layout.train, "test": layout.test}
        batches = {
            split: [_batch(folder / name, layout) for name in names if (folder / name).is_file()]
            for split, names in splits.items()
        }
        present = {split: found for split, found in batches.items() if found}
        return dataset_of_batches(source, present, _class_names(folder, layout), settings, layout=layout.title)

    return read


def _batch(path: Path, layout: CifarLayout) -> PixelBatch:
    if layout.label_bytes:
        return _binary_batch(path, layout.label_bytes)
    labels, load = read_batch(path, layout.labels)
    return PixelBatch(path.name, labels, load)


def _binary_batch(path: Path, label_bytes: int) -> PixelBatch:
    width = label_bytes + _PIXEL_BYTES
    if path.stat().st_size % width:
        raise DataError(
            f"{path}: {path.stat().st_size:,} bytes are no whole number of images of {width:,} bytes.",
            hint="Fetch it again: the file is cut off, or of another dataset.",
        )

    def rows() -> PixelRows:
        return np.fromfile(path, dtype=np.uint8).reshape(-1, width)

    labels = rows()[:, label_bytes - 1].astype(np.int64)
    return PixelBatch(path.name, labels, lambda: rows()[:, label_bytes:])


def _class_names(folder: Path, layout: CifarLayout) -> tuple[str, ...]:
    path = folder / layout.names
    if layout.label_bytes:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    from labelaudit.sources.plain_pickle import read_plain_pickle  # only such folders wait for it

    meta: Any = read_plain_pickle(path)
    names = meta.get(layout.names_key) if isinstance(meta, dict) else None
    if not isinstance(names, list):
        raise DataError(f"{path}: no {layout.names_key!r} in it.", hint="Fetch it again.")
    return tuple(name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names)
