"""Tiny ImageNet as published: train/<WordNet id>/images/, and val/images/ with a list of their classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labelaudit.core.dataset import Dataset, Remark
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.listed_files import Listed, lines_of, listed_dataset
from labelaudit.sources.splits import choose_splits, split_remark

_IDS, _WORDS, _VAL = "wnids.txt", "words.txt", "val/val_annotations.txt"


def find_tiny_imagenet(source: Path) -> Callable[[DataSettings], Dataset] | None:
    """Return the reader of a folder in Tiny ImageNet's layout, None for any other folder."""
    if not all((source / name).is_file() for name in (_IDS, _VAL)):
        return None
    return lambda settings: _read(source, settings.split)


def _read(source: Path, split: str) -> Dataset:
    chosen = choose_splits(split, ["train", "val"], source)
    ids = sorted(line for _, line in lines_of(source / _IDS))
    number_of = {wordnet_id: number for number, wordnet_id in enumerate(ids)}
    listed = Listed()
    for wordnet_id in ids if "train" in chosen else ():
        names = sorted(path.name for path in (source / "train" / wordnet_id / "images").glob("*.JPEG"))
        listed.names += [f"train/{wordnet_id}/images/{name}" for name in names]
        listed.labels += [number_of[wordnet_id]] * len(names)
    for number, line in lines_of(source / _VAL) if "val" in chosen else ():
        name, wordnet_id, *_ = line.split("\t")
        if wordnet_id not in number_of:
            raise DataError(f"{source / _VAL}:{number}: {wordnet_id!r} is not in {_IDS} ({shorten(ids)}).")
        listed.names.append(f"val/images/{name}")
        listed.labels.append(number_of[wordnet_id])
    remarks = [Remark("note", "Found the published layout of Tiny ImageNet."), split_remark(chosen, ["train", "val"])]
    classes = _class_names(source, ids)
    return listed_dataset(source, source, listed, classes, split=",".join(chosen), remarks=remarks)


def _class_names(source: Path, ids: list[str]) -> list[str]:
    path = source / _WORDS
    words = dict(line.partition("\t")[::2] for _, line in lines_of(path)) if path.is_file() else {}
    return [f"{each} {words[each].partition(',')[0]}" if each in words else each for each in ids]
