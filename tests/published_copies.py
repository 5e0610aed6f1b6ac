"""Copies of published datasets in miniature, in exactly their layouts."""

from __future__ import annotations

import pickle  # noqa: TID251  (to write what labelaudit reads without running it)
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.noise.matrices import CIFAR10_CLASSES


def pixel_rows(n: int, side: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """Return (n, 3 side side) random bytes."""
    return np.random.default_rng(seed).integers(0, 256, size=(n, 3 * side * side), dtype=np.uint8)


def dump(path: Path, value: Any) -> None:
    """Pickle a value as published batches are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))


def write_cifar10(root: Path, per_batch: int = 4) -> None:
    """Write CIFAR-10 as python batches; each batch begins with the label of its number."""
    for number in range(1, 6):
        labels = [(number + place) % 10 for place in range(per_batch)]
        dump(root / f"data_batch_{number}", {"data": pixel_rows(per_batch, seed=number), "labels": labels})
    dump(root / "test_batch", {"data": pixel_rows(3, seed=9), "labels": [9, 0, 3]})
    dump(root / "batches.meta", {"label_names": list(CIFAR10_CLASSES), "num_cases_per_batch": per_batch})
