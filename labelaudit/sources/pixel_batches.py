"""Images that a published dataset keeps as rows of numbers: CIFAR's batches, ImageNet at 32 or 64 pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Dataset, Remark, StreamedImages
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.splits import choose_splits, split_remark

_KEPT_BYTES = 2 * 2**30  # of batches in memory, beside the one that is read

PixelRows = NDArray[np.uint8]  # (n, 3 S S): all of red, all of green, all of blue


@dataclass(frozen=True, slots=True)
class PixelBatch:
    """One file of images."""

    name: str  # to show
    labels: IntN  # (n,) positions in the classes
    load: Callable[[], PixelRows]


@dataclass(slots=True)
class PixelBatches:
    """Reads images out of batches; few batches are in memory at a time."""

    batches: Sequence[PixelBatch]
    starts: IntN  # (batches,) position of the first image of each
    _kept: dict[int, PixelRows] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, position: int) -> bytes:
        """Return one image as a PPM file, the plainest format there is: nothing is compressed or lost."""
        batch = int(np.searchsorted(self.starts, position, side="right")) - 1
        row = self._rows(batch)[position - int(self.starts[batch])]
        side = math.isqrt(len(row) // 3)
        pixels: bytes = row.reshape(3, side, side).transpose(1, 2, 0).tobytes()
        return b"P6 %d %d 255\n" % (side, side) + pixels

    def _rows(self, batch: int) -> PixelRows:
        with self._lock:
            rows = self._kept.pop(batch, None)
            if rows is None:
                while self._kept and sum(each.nbytes for each in self._kept.values()) > _KEPT_BYTES:
                    del self._kept[next(iter(self._kept))]  # the least recently used
                rows = self.batches[batch].load()
            self._kept[batch] = rows
            return rows


def dataset_of_batches(
    source: Path,
    batches: dict[str, list[PixelBatch]],
    classes: Sequence[str],
    settings: DataSettings,
    *,
    layout: str,
) -> Dataset:
    """Return the samples of the splits that are asked for, in the published order.

    Args:
        source: what the user named.
        batches: by split.
        classes: (C,) in the published order.
        settings: which split to read.
        layout: what the layout is called, for a remark.

    Raises:
        ConfigError: there is no such split.
        DataError: a label outside of the classes.
    """
    chosen = choose_splits(settings.split, batches, source)
    parts = [(split, batch) for split in chosen for batch in batches[split]]
    _require_classes(parts, len(classes))
    sizes = np.array([len(batch.labels) for _, batch in parts], dtype=np.int64)
    ids = tuple(
        f"{split}/{number:07d}"
        for split in chosen
        for number in range(sum(len(batch.labels) for batch in batches[split]))
    )
    return Dataset(
        source=source,
        sample_ids=ids,
        paths=tuple(f"{batch.name}:{row}" for _, batch in parts for row in range(len(batch.labels))),
        given=np.concatenate([batch.labels for _, batch in parts]).astype(np.int64),
        classes=tuple(classes),
        content=StreamedImages(
            PixelBatches([batch for _, batch in parts], np.cumsum(sizes) - sizes), np.arange(len(ids), dtype=np.int64)
        ),
        trusted=np.zeros(len(ids), dtype=np.bool_),
        split=",".join(chosen),
        remarks=(Remark("note", f"Found the published layout of {layout}."), split_remark(chosen, batches)),
    )


def read_batch(path: Path, key: str) -> tuple[IntN, Callable[[], PixelRows]]:
    """Return the labels of a .npz or pickled batch under this key, and a function that loads its pixels.

    Raises:
        DataError: it is damaged, holds code, or has no such labels or pixels.
    """
    columns = _read_columns(path)
    labels = columns.get(key)
    rows = columns.get("data")
    if labels is None or not isinstance(rows, np.ndarray):
        names = ", ".join(map(repr, columns))
        raise DataError(f"{path}: no {key!r} and 'data' in it; it holds {names}.", hint="Is it of another dataset?")
    pixels = _pixel_rows(path, rows)
    numbers = np.asarray(labels)
    if numbers.dtype.kind not in "iu" or len(numbers) != len(pixels):
        raise DataError(f"{path}: {len(numbers):,} labels for {len(pixels):,} images.", hint="Fetch it again.")
    return numbers.astype(np.int64), lambda: _pixel_rows(path, _read_columns(path)["data"])


def _read_columns(path: Path) -> dict[str, Any]:
    if path.suffix != ".npz":
        from labelaudit.sources.plain_pickle import read_plain_pickle  # only such folders wait for it

        stored = read_plain_pickle(path)
        return stored if isinstance(stored, dict) else {"data": None}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("data", "labels") if name in archive}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}.", hint="Fetch it again.") from error


def _pixel_rows(path: Path, rows: Any) -> PixelRows:
    side = math.isqrt(rows.shape[1] // 3) if rows.ndim == 2 else 0
    if rows.dtype != np.uint8 or not side or rows.shape[1] != 3 * side * side:
        raise DataError(
            f"{path}: 'data' is {rows.dtype} {rows.shape}, but rows of 3 x S x S bytes are needed.",
            hint="Is it of another dataset?",
        )
    return np.asarray(rows)


def _require_classes(parts: Sequence[tuple[str, PixelBatch]], n_classes: int) -> None:
    for _, batch in parts:
        if len(batch.labels) and not 0 <= batch.labels.min() <= batch.labels.max() < n_classes:
            raise DataError(
                f"{batch.name}: labels run from {batch.labels.min()} to {batch.labels.max()}, outside of"
                f" the {n_classes:,} classes.",
                hint="Are the list of classes and the batches of one dataset?",
            )
