"""Clothing1M as published: images/, lists of keys for each split, and two files of labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labelaudit.core.dataset import Dataset, Remark, SetAside
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.listed_files import Listed, labelled_lines, lines_of, listed_dataset
from labelaudit.sources.splits import choose_splits, split_remark

# split -> (list of keys, file of labels); clean_train is a part of the training images that was labelled by hand
SPLITS = {
    "train": ("noisy_train_key_list.txt", "noisy_label_kv.txt"),
    "clean_train": ("clean_train_key_list.txt", "clean_label_kv.txt"),
    "val": ("clean_val_key_list.txt", "clean_label_kv.txt"),
    "test": ("clean_test_key_list.txt", "clean_label_kv.txt"),
}
_NAMES = "category_names_eng.txt"
_N_CLASSES = 14


def find_clothing1m(source: Path) -> Callable[[DataSettings], Dataset] | None:
    """Return the reader of a folder in Clothing1M's layout, its lists in it or in annotations/; else None."""
    keys, labels = SPLITS["train"]
    for lists in (source, source / "annotations"):
        if (lists / keys).is_file() and (lists / labels).is_file():
            return lambda settings: _read(source, lists, settings.split)
    return None


def _read(source: Path, lists: Path, split: str) -> Dataset:
    present = [name for name, files in SPLITS.items() if all((lists / file).is_file() for file in files)]
    chosen = choose_splits(split, present, source)
    if len(chosen) > 1:  # an image with a noisy and a clean label would be there twice
        raise DataError(
            f"{source}: the splits of Clothing1M share images; they cannot be read as one.",
            hint=f"Pick one with --split: {', '.join(present)}.",
        )
    (only,) = chosen
    keys, labels_file = SPLITS[only]
    label_of = dict(labelled_lines(lists / labels_file))
    listed = Listed()
    for number, key in lines_of(lists / keys):
        label = label_of.get(key)
        if label is None:
            detail = f"{keys}:{number}: no label in {labels_file}"
            listed.set_aside.append(SetAside(key, key, None, "missing-label", detail))
        else:
            listed.names.append(key)
            listed.labels.append(label)
    kind = "noisy" if only == "train" else "clean"
    remarks = [
        Remark("note", f"Found the published layout of Clothing1M: {kind} labels."),
        split_remark(chosen, present),
    ]
    return listed_dataset(source, source, listed, _class_names(lists), split=only, remarks=remarks)


def _class_names(lists: Path) -> list[str]:
    if not (lists / _NAMES).is_file():
        return [str(number) for number in range(_N_CLASSES)]
    return [line for _, line in lines_of(lists / _NAMES)]
