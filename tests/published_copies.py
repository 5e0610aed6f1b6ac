"""Copies of published datasets in miniature, in exactly their layouts."""

from __future__ import annotations

import pickle  # noqa: TID251  (to write what labelaudit reads without running it)
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelaudit.lab.published_data import Sources
from labelaudit.lab.published_tables import Setting
from labelaudit.noise.matrices import CIFAR10_CLASSES, CIFAR100_CLASSES


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


def write_cifar100(root: Path, per_class: int = 12) -> None:
    """Write CIFAR-100 as pickled files, with two test images."""
    labels = [place % 100 for place in range(100 * per_class)]
    dump(root / "train", {"data": pixel_rows(len(labels)), "fine_labels": labels})
    dump(root / "test", {"data": pixel_rows(2, seed=9), "fine_labels": [3, 98]})
    dump(root / "meta", {"fine_label_names": list(CIFAR100_CLASSES)})


def write_downsampled(root: Path, side: int, per_class: int = 2) -> None:
    """Write ImageNet32 or ImageNet64: a thousand classes."""
    labels = np.arange(1000 * per_class) % 1000 + 1
    root.mkdir(parents=True, exist_ok=True)
    np.savez(root / "train_data_batch_1.npz", data=pixel_rows(len(labels), side), labels=labels)
    np.savez(root / "val_data.npz", data=pixel_rows(1000, side, seed=9), labels=np.arange(1000) + 1)


def write_folders(root: Path, classes: Sequence[str], per_class: int, side: int = 16) -> None:
    """Write class folders of photographs that are wider than high."""
    draw = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            pixels = draw.integers(0, 256, (side, 2 * side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


def synset(number: int) -> str:
    """Return the id of one of our classes of the web."""
    return f"n{number:08d}"


def write_webvision(root: Path, n_classes: int = 50) -> None:
    """Write WebVision: two images of each class by google, one by flickr, one for validation."""
    (root / "info").mkdir(parents=True)
    (root / "info/synsets.txt").write_text("".join(f"{synset(i)} thing{i}, of a kind\n" for i in range(n_classes)))
    for engine, per_class in (("google", 2), ("flickr", 1), ("val_images_256", 1)):
        write_folders(root / engine, [f"q{i:04d}" for i in range(n_classes)], per_class)
        place = "" if engine == "val_images_256" else f"{engine}/"
        lines = [f"{place}q{i:04d}/{k}.png {i}\n" for i in range(n_classes) for k in range(per_class)]
        name = "val_filelist.txt" if engine == "val_images_256" else f"train_filelist_{engine}.txt"
        (root / "info" / name).write_text("".join(lines))


def write_pair(root: Path, classes: Sequence[str], per_class: int) -> None:
    """Write class folders below train/ and test/."""
    write_folders(root / "train", classes, per_class)
    write_folders(root / "test", classes[:2], 1)


# Trusted samples of a class -> images of a batch of CIFAR-10, of a class of CIFAR-100: a few more, to be noisy.
_SIZES = {0: (12, 2), 10: (24, 11), 100: (204, 11)}


def write_copies(root: Path) -> None:
    """Write every dataset of the published settings in miniature, and what some of them need beside."""
    for trusted, (per_batch, per_class) in _SIZES.items():
        write_cifar10(root / f"cifar10-{trusted}", per_batch)
        write_cifar100(root / f"cifar100-{trusted}", per_class)
        for name, n, n_classes in (("cifar10", 5 * per_batch, 10), ("cifar100", 100 * per_class, 100)):
            labels = np.random.default_rng(1).integers(0, n_classes, n)
            np.savez(root / f"{name}-{trusted}-labels.npz", label=labels)
    write_downsampled(root / "imagenet32", 32, per_class=1)
    write_downsampled(root / "imagenet64", 64, per_class=1)
    write_pair(root / "tinyimagenet", [f"c{i:03d}" for i in range(200)], 2)
    write_pair(root / "clothing1m", [f"c{i:02d}" for i in range(14)], 4)
    write_webvision(root / "webvision")
    write_folders(root / "imagenet", [synset(i) for i in range(50)], 12)


def sources_of(setting: Setting, root: Path) -> Sources:
    """Return what `write_copies` wrote for a setting."""
    folder = {"webvision50": "webvision", "webvision-mini": "webvision"}.get(setting.dataset, setting.dataset)
    if folder.startswith("cifar"):
        enough = min(size for size in _SIZES if size >= setting.trusted_per_class)
        folder = f"{folder.removesuffix('n')}-{enough}"
    others = {"open-cifar100": ["cifar100-10"], "open-imagenet": ["imagenet"], "open-both": ["cifar100-10", "imagenet"]}
    is_web = folder == "webvision"
    return Sources(
        root / folder,
        labels=None if setting.planted is not None else str(root / f"{folder}-labels.npz"),
        others=tuple(root / name for name in others.get(setting.noise, ())),
        trusted=root / "imagenet" if is_web and setting.trusted_per_class else None,
        imagenet_val=root / "imagenet" if is_web else None,
    )
