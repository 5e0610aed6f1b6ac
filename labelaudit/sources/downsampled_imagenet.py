"""ImageNet32 and ImageNet64 as published: ten training batches and one for validation, pickled or as .npz.

Labels count from 1 in the order of map_clsloc.txt, which is not the alphabetical order of the WordNet ids.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labelaudit.core.dataset import Dataset
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.pixel_batches import PixelBatch, dataset_of_batches, read_batch

_TRAIN = tuple(f"train_data_batch_{number}" for number in range(1, 11))
_VAL = ("val_data",)
_SUFFIXES = (".npz", "")  # the first that is there is read; a pickled batch takes twice the memory
_FOLDERS = "[Ii]mage[Nn]et*"  # that the archives unpack to: Imagenet32_train, Imagenet64_train_part1_npz, ...
_NAMES = "map_clsloc.txt"
N_CLASSES = 1_000


def find_downsampled_imagenet(source: Path) -> Callable[[DataSettings], Dataset] | None:
    """Return the reader of a folder that has the batches, itself or in sub-folders; None for any other folder."""
    folders = [source, *sorted(path for path in source.glob(_FOLDERS) if path.is_dir())]
    train, val = _files(folders, _TRAIN), _files(folders, _VAL)
    if not train:
        return None

    def read(settings: DataSettings) -> Dataset:
        batches = {
            split: [_batch(path) for path in paths] for split, paths in (("train", train), ("val", val)) if paths
        }
        return dataset_of_batches(
            source, batches, _class_names(source), settings, layout="downsampled ImageNet (ImageNet32, ImageNet64)"
        )

    return read


def _files(folders: list[Path], names: tuple[str, ...]) -> list[Path]:
    """Return the first file of each name that one of the folders has."""
    found = ([folder / f"{name}{suffix}" for suffix in _SUFFIXES for folder in folders] for name in names)
    first = (next((path for path in paths if path.is_file()), None) for paths in found)
    return [path for path in first if path is not None]


def _batch(path: Path) -> PixelBatch:
    labels, load = read_batch(path, "labels")
    return PixelBatch(path.name, labels - 1, load)


def _class_names(source: Path) -> tuple[str, ...]:
    """Return "n02119789 kit_fox" for each class where the list of names is there, else the numbers from 1."""
    names = [str(number) for number in range(1, N_CLASSES + 1)]
    path = next((folder / _NAMES for folder in (source, source.parent) if (folder / _NAMES).is_file()), None)
    for line in path.read_text(encoding="utf-8").splitlines() if path is not None else ():
        wordnet_id, number, name = line.split()
        names[int(number) - 1] = f"{wordnet_id} {name}"
    return tuple(names)
