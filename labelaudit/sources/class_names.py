"""Names of numbered classes, from a file beside the data: classes.txt, or JSON from number to name or back."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from labelaudit.core.dataset import Dataset, Remark, Several
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.class_name_files import read_name_file
from labelaudit.sources.inside import is_own_file
from labelaudit.sources.labels import is_number
from labelaudit.sources.paths import require_exists

_FILES = (
    *("class_names.txt", "classnames.txt", "classes.txt", "labels.txt", "label_names.txt", "categories.txt"),
    *("LOC_synset_mapping.txt", "synset_words.txt", "obj.names"),
    *("class_names.json", "class_indices.json", "classes.json", "id2label.json"),
    *("label2id.json", "class_to_idx.json", "idx_to_class.json", "index_to_name.json", "imagenet_class_index.json"),
    *("label_map.json", "labels_map.json", "label_names.json", "labels.json", "cat_to_name.json"),
    *("label_num_to_disease_map.json", "label_map.pbtxt", "labels.pbtxt", "data.yaml", "dataset.yaml"),
    *("classes.csv", "class_names.csv", "categories.csv", "label_names.csv", "signnames.csv", "class_dict.csv"),
    *("config.json", "metadata.json"),
)
_SYNSET = re.compile(r"n\d{8}")  # of WordNet, as ImageNet names its classes
_MOST_BYTES = 2**20  # of a file that is looked into unasked


def with_class_names(dataset: Dataset, settings: DataSettings) -> Dataset:
    """Return the dataset with the names of its numbered classes, where a file has them.

    Raises:
        ConfigError: the file that is named does not exist.
        DataError: it does not name each class.
    """
    if dataset.several is not None:
        return _labels_named(dataset, dataset.several, settings)
    if settings.class_names is not None:
        path = Path(settings.class_names).expanduser()
        require_exists(path, "--class-names ")
        names = names_of(dataset.classes, path)
        if names is None:
            if set(read_names(path)) >= set(dataset.classes):
                return dataset  # they are named already; the file tells the order of --probs
            raise _does_not_fit(path, dataset.classes)
        return _renamed(dataset, names, path)
    for path in _candidates(dataset.source, settings):
        try:
            names = names_of(dataset.classes, path)
        except DataError:  # nobody asked for this file
            continue
        if names is not None:
            return _renamed(dataset, names, path)
    return dataset


def _labels_named(dataset: Dataset, several: Several, settings: DataSettings) -> Dataset:
    """Return a dataset of several labels a sample with the names of its numbered labels."""
    asked = None if settings.class_names is None else Path(settings.class_names).expanduser()
    for path in _candidates(dataset.source, settings) if asked is None else [asked]:
        try:
            names = names_of(several.names, path)
        except DataError:
            if asked is not None:
                raise
            continue
        if names is not None:
            said = f"Names of labels are from {path}, such as {names[0]!r} for {several.names[0]!r}."
            named = dataclasses.replace(several, names=names)
            return dataclasses.replace(dataset, several=named).with_remarks(Remark("note", said))
    return dataset


def class_order_of(path: str) -> tuple[str, ...]:
    """Return the class names of a file in its order: that of the columns of probabilities."""
    file = Path(path).expanduser()
    require_exists(file, "--class-names ")
    return tuple(read_names(file))


def names_of(classes: Sequence[str], path: Path) -> tuple[str, ...] | None:
    """Return the name of each class as a file has it; None where the file is about something else."""
    found = read_name_file(path)
    for names in _readings(found):
        if set(classes) <= names.keys() and len({names[label] for label in classes}) == len(classes):
            named = tuple(names[label] for label in classes)
            if all(map(is_number, named)) and not all(map(is_number, classes)):
                continue  # numbers are no names: the file is read the wrong way round
            return None if named == tuple(classes) else named
    return None


def read_names(path: Path) -> list[str]:
    """Return the names that a file has, in its order; numbers before or behind them are their places."""
    found = read_name_file(path)
    if isinstance(found, list):
        places = set(map(str, range(len(found))))
        keyed = next((keyed for keyed in (_keyed(found), _keyed_behind(found)) if set(keyed) == places), None)
        return found if keyed is None else [keyed[str(i)] for i in range(len(found))]
    for names in (found, {str(value): key for key, value in found.items()}):
        if set(names) == set(map(str, range(len(names)))):
            return [names[str(place)] for place in range(len(names))]
    return list(found.values())


def _readings(found: list[str] | Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return what a file may mean, as maps from what the labels say to names; the likeliest first."""
    if not isinstance(found, list):
        return [found, {value: key for key, value in found.items()}]
    from_nought = {str(place): name for place, name in enumerate(found)}
    from_one = {str(place): name for place, name in enumerate(found, start=1)}
    keyed = _keyed(found)
    if keyed and all(map(_SYNSET.fullmatch, keyed)):  # the number of a class is its place among the synsets
        return [keyed, {str(place): name for place, name in enumerate(keyed.values())}]
    return [keyed, _keyed_behind(found), from_nought, from_one]


def _keyed(lines: Sequence[str]) -> dict[str, str]:
    """Return {"n01440764": "tench"} of lines with a key before each name; nothing where one has none."""
    pairs = [re.split(r"\s*[:=,;\t]\s*|\s+", line, maxsplit=1) for line in lines]
    return {pair[0]: pair[1].strip() for pair in pairs} if all(len(pair) == 2 for pair in pairs) else {}


def _keyed_behind(lines: Sequence[str]) -> dict[str, str]:
    """Return {"0": "cat"} of lines with a number behind each name; nothing where one has none."""
    found = [re.fullmatch(r"(.*?)\s*[:=,;\t ]\s*(\d+)", line) for line in lines]
    return {match[2]: match[1] for match in found if match} if lines and all(found) else {}


def _candidates(source: Path | str, settings: DataSettings) -> list[Path]:
    """Return the files that by their names hold names of classes: in a folder, or beside a table and its images."""
    if isinstance(source, str):
        return []
    own = source if source.is_dir() else source.parent
    root = None if settings.image_root is None else Path(settings.image_root).expanduser()
    folders = [own, *([root] if root is not None and root.is_dir() and root.absolute() != own.absolute() else [])]
    return [path for folder in folders for path in _files_of_names(folder, settings) if path != source]


def _files_of_names(folder: Path, settings: DataSettings) -> list[Path]:
    wanted = {name.casefold() for name in _FILES}
    with os.scandir(folder) as entries:  # there may be a million images
        present = {name.casefold(): name for entry in entries if (name := entry.name).casefold() in wanted}
    found = [folder / present[name.casefold()] for name in _FILES if name.casefold() in present]
    return [path for path in found if _is_own(path, folder, settings) and _may_be_names(path)]


def _is_own(path: Path, folder: Path, settings: DataSettings) -> bool:
    return is_own_file(path, folder, follow_links=settings.follow_links)


def _may_be_names(path: Path) -> bool:
    """Return whether a file is short, and not a list of images."""
    if path.stat().st_size > _MOST_BYTES:
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        words = file.readline().split()
    return not any(PurePosixPath(word).suffix.lower() in image_suffixes() for word in words)


def _renamed(dataset: Dataset, names: tuple[str, ...], path: Path) -> Dataset:
    by_label = dict(zip(dataset.classes, names, strict=True))
    first = dataset.classes[0]
    note = Remark("note", f"Class names are from {path}, such as {by_label[first]!r} for {first!r}.")
    aside = tuple(
        dataclasses.replace(row, given_label=by_label.get(row.given_label or "", row.given_label))
        for row in dataset.set_aside
    )
    return dataclasses.replace(dataset, classes=names, set_aside=aside, remarks=(*dataset.remarks, note))


def _does_not_fit(path: Path, classes: Sequence[str]) -> DataError:
    names = read_names(path)
    return DataError(
        f"--class-names {path}: its {len(names):,} names ({shorten(names)}) do not fit the {len(classes):,} classes: "
        f"{shorten(classes)}.",
        hint="One name a line for the classes 0, 1, 2, ...; or lines such as: 0 cat; or a JSON object of these.",
    )
