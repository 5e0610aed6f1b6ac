"""WebVision 1.0 as published: info/ with the lists, google/, flickr/ and val_images_256/ with the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from labelaudit.core.dataset import Dataset, Remark
from labelaudit.core.errors import DataError, count, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.listed_files import Listed, labelled_lines, lines_of, listed_dataset
from labelaudit.sources.splits import choose_splits, split_remark

ENGINES = ("google", "flickr")
_VAL_LIST, _SYNSETS = "val_filelist.txt", "synsets.txt"
_VAL_FOLDERS = ("val_images_256", "val_images")
_N_CLASSES = 1_000


def find_webvision(source: Path) -> Callable[[DataSettings], Dataset] | None:
    """Return the reader of a folder in WebVision's layout, None for any other folder."""
    if not any((source / "info" / _train_list(engine)).is_file() for engine in ENGINES):
        return None
    return lambda settings: read_webvision(source, settings.split)


def read_webvision(
    source: Path, split: str, *, engines: tuple[str, ...] = ENGINES, first_classes: int | None = None
) -> Dataset:
    """Return the images that the lists name.

    Args:
        source: the folder that has info/.
        split: train, val or all.
        engines: whose images to read, as far as they are here.
        first_classes: read this many classes only; mini-WebVision is the first 50 of google.

    Raises:
        ConfigError: there is no such split.
        DataError: a list or every image is missing.
    """
    here = [engine for engine in engines if (source / engine).is_dir() and _listed_at(source, engine).is_file()]
    val_folder = next((name for name in _VAL_FOLDERS if (source / name).is_dir()), None)
    splits = ["train"] * bool(here) + ["val"] * (val_folder is not None)
    if not splits:
        raise DataError(
            f"{source}: the lists of WebVision, but no folder of its images.",
            hint=f"Unpack the archives of images here: {', '.join((*engines, _VAL_FOLDERS[0]))}.",
        )
    chosen = choose_splits(split, splits, source)
    listed, absent = Listed(), Counter[str]()
    for engine in here if "train" in chosen else ():
        _add(listed, absent, source, _listed_at(source, engine), "", first_classes)
    if "val" in chosen:
        _add(listed, absent, source, source / "info" / _VAL_LIST, f"{val_folder}/", first_classes)
    remarks = [Remark("note", _found(here, first_classes)), split_remark(chosen, splits)]
    if absent:
        text = f"{count(absent.total(), 'listed image')} in folders that are not here, left out: {shorten(absent)}."
        remarks.append(Remark("warning", text))
    classes = _class_names(source)[:first_classes]
    return listed_dataset(source, source, listed, classes, split=",".join(chosen), remarks=remarks)


def _add(listed: Listed, absent: Counter[str], root: Path, path: Path, prefix: str, first_classes: int | None) -> None:
    """Add the images of a list whose folders exist; to ask for every one of 2.4 million files would take too long."""
    known: dict[str, bool] = {}
    for name, label in labelled_lines(path):
        if first_classes is not None and label >= first_classes:
            continue
        folder = (prefix + name).rpartition("/")[0]
        if folder not in known:
            known[folder] = (root / folder).is_dir()
        if known[folder]:
            listed.names.append(prefix + name)
            listed.labels.append(label)
        else:
            absent[folder] += 1


def _found(engines: list[str], first_classes: int | None) -> str:
    which = f" of {' and '.join(engines)}" if engines else ""
    part = f", the first {first_classes} classes" if first_classes is not None else ""
    return f"Found the published layout of WebVision 1.0: images{which}{part}."


def _listed_at(source: Path, engine: str) -> Path:
    return source / "info" / _train_list(engine)


def _train_list(engine: str) -> str:
    return f"train_filelist_{engine}.txt"


def _class_names(source: Path) -> list[str]:
    """Return "n01440764 tench" for each class: names alone are not unique. Numbers where there is no list."""
    path = source / "info" / _SYNSETS
    if not path.is_file():
        return [str(number) for number in range(_N_CLASSES)]
    return [line.partition(",")[0] for _, line in lines_of(path)]
