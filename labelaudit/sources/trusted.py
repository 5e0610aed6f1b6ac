"""The trusted set: samples whose labels the user vouches for, named by a table or shown by a folder."""

from __future__ import annotations

import dataclasses
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Dataset, FilesBelow, ImageFiles, Remark
from labelaudit.core.errors import ConfigError, DataError, count, did_you_mean, shorten
from labelaudit.core.files import read_regular
from labelaudit.core.ids import ids_of
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import hash_content
from labelaudit.sources.cells import cell_texts, label_texts, yes_or_no
from labelaudit.sources.folder import read_folder
from labelaudit.sources.label_column import LABEL_NAMES
from labelaudit.sources.paths import require_exists
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, Table, load_table

_TRUSTED = "trusted"  # a column that says which rows count


@dataclass(frozen=True, slots=True)
class Vouched:
    """Labels that the user vouches for, of samples of the dataset."""

    indices: tuple[int, ...]  # positions in the dataset
    labels: tuple[int | None, ...]  # positions in its classes; None = the label that it has
    remarks: tuple[Remark, ...] = ()


def with_trusted(dataset: Dataset, settings: DataSettings, store: Store) -> Dataset:
    """Return the dataset with the trusted set that the settings name; without one, as it is.

    A label of the trusted set wins over the dataset's, which is then corrected for this scan and said.

    Raises:
        ConfigError: the trusted set does not exist, or does not go with this data.
        DataError: it cannot be read, or nothing in it belongs to the dataset.
    """
    if settings.trusted is None:
        return dataset
    place = Path(settings.trusted).expanduser()
    require_exists(place, "--trusted ")
    if place.is_dir():
        return _with_folder(dataset, place, settings)
    if place.suffix.lower() not in TABLE_SUFFIXES:
        raise ConfigError(
            f"--trusted {place} is neither a folder nor a table.",
            hint=f"Give a folder with one sub-folder per class, or a table of ids ({', '.join(TABLE_SUFFIXES)}).",
        )
    return _vouched_for(dataset, _read_list(dataset, load_table(place, store), settings), place)


def _read_list(dataset: Dataset, table: Table, settings: DataSettings) -> Vouched:
    """Return the labels that a table vouches for: ids or paths in one column, and maybe labels in another."""
    label = _label_column(table, settings)
    indices = _named_samples(dataset, table, but={label, _TRUSTED})
    trusts = yes_or_no(table, _TRUSTED) if _TRUSTED in table.columns else np.ones(len(table), dtype=np.bool_)
    labels = [None] * len(table) if label is None else label_texts(table, label)
    vouched: dict[int, int | None] = {}
    unknown: list[str] = []
    left = defaultdict[int, int](lambda: settings.trusted_per_class or len(table))
    for row, (index, text) in enumerate(zip(indices, labels, strict=True)):
        if not trusts[row]:
            continue
        if index is None:
            unknown.append(table.place(row))
            continue
        named = None if text is None else _class_of(dataset, text, table.place(row), settings)
        _require_same(vouched, index, named, dataset, table.place(row))
        final = int(dataset.given[index]) if named is None else named
        if left[final] > 0 and index not in vouched:
            left[final] -= 1
            vouched[index] = named
    if not vouched:
        raise DataError(
            f"{table.source}: none of its {len(table):,} rows is trusted.", hint="Is column 'trusted' empty?"
        )
    remarks = []
    if unknown:
        text = f"{table.name}: {count(len(unknown), 'row')} of no sample of this dataset or split: {shorten(unknown)}."
        remarks.append(Remark("warning", text))
    return Vouched(tuple(vouched), tuple(vouched.values()), tuple(remarks))


def _named_samples(dataset: Dataset, table: Table, *, but: set[str | None]) -> list[int | None]:
    """Return the sample that each row names, by the column that names the most of them: by id, or by path.

    Raises:
        DataError: no column names any.
    """
    places = {text: index for names in (dataset.paths, dataset.sample_ids) for index, text in enumerate(names)}
    root = f"{Path(str(dataset.source)).absolute().as_posix()}/"
    best: list[int | None] = []
    for cells in (cells for name, cells in table.columns.items() if name not in but):
        texts = [(text or "").strip().replace("\\", "/") for text in cell_texts(cells)]
        indices = [places.get(text.removeprefix(root).removeprefix("./")) for text in texts]
        best = max(best, indices, key=lambda each: sum(index is not None for index in each))
    if all(index is None for index in best):
        ids = shorten(map(repr, dataset.sample_ids), show=2)
        raise DataError(
            f"{table.source}: no column names samples of {dataset.source}; columns: {', '.join(table.columns)}.",
            hint=f"One of them must hold ids as the audit shows them, such as {ids}, below a header line.",
        )
    return best


def _label_column(table: Table, settings: DataSettings) -> str | None:
    names = [settings.label_column or "", *LABEL_NAMES]
    by_name = {name.casefold(): name for name in table.columns}
    return next((by_name[name.casefold()] for name in names if name.casefold() in by_name), None)


def _class_of(dataset: Dataset, text: str, place: str, settings: DataSettings) -> int:
    """Return the class of a label; raises DataError where the dataset has no such class."""
    if text in dataset.classes:
        return dataset.classes.index(text)
    folded = {name.casefold().strip(): index for index, name in enumerate(dataset.classes)}
    if settings.fold_labels and text.casefold().strip() in folded:
        return folded[text.casefold().strip()]
    raise DataError(
        f"{place}: the trusted label {text!r} is not one of the {dataset.n_classes} classes.",
        hint=did_you_mean(text, dataset.classes) or f"Known: {shorten(dataset.classes)}.",
    )


def _require_same(vouched: dict[int, int | None], index: int, label: int | None, dataset: Dataset, place: str) -> None:
    """Raise DataError where a sample was vouched for before, under another label."""
    before = vouched.get(index, label)
    if before != label:
        names = " and ".join("none" if each is None else repr(dataset.classes[each]) for each in (before, label))
        raise DataError(
            f"{place}: {dataset.sample_ids[index]} has two trusted labels, {names}.", hint="Leave one of the rows."
        )


def _with_folder(dataset: Dataset, folder: Path, settings: DataSettings) -> Dataset:
    """Return the dataset with the images of a folder: trusted where it has them already, added where not."""
    if not isinstance(dataset.content, ImageFiles) or not isinstance(dataset.source, Path):
        raise ConfigError(
            f"--trusted {folder} is a folder of images; {dataset.source} is not a dataset of image files.",
            hint="Give a table with the ids of the trusted samples instead.",
        )
    shown = read_folder(folder, DataSettings(split="all", fold_labels=settings.fold_labels))
    assert isinstance(shown.content, ImageFiles)
    files = [Path(text) for text in shown.content.texts()]
    labels = [
        _class_of(dataset, shown.classes[given], path, settings)
        for given, path in zip(shown.given.tolist(), shown.paths, strict=True)
    ]
    hashes = [_content_hash(file) for file in files]
    chosen = _first_of_each_class(labels, hashes, settings.trusted_per_class)
    twins = _twins(dataset.content, [files[i] for i in chosen], [hashes[i] for i in chosen])
    there = {index: labels[i] for i in chosen for index in twins.get(hashes[i], ())}
    marked = _vouched_for(dataset, Vouched(tuple(there), tuple(there.values())), folder)
    new = [i for i in chosen if hashes[i] not in twins]
    added = _with_files(marked, [files[i] for i in new], [labels[i] for i in new], dataset.source)
    text = f"{folder}: {count(len(new), 'trusted image')} added, {count(len(there), 'sample')} found by content."
    return added.with_remarks(Remark("note", text))


def _content_hash(file: Path) -> str:
    try:
        return hash_content(read_regular(file))
    except OSError as error:
        raise DataError(f"trusted image {file} cannot be read: {error.strerror or error}.") from error


def _first_of_each_class(labels: Sequence[int], hashes: Sequence[str], per_class: int | None) -> list[int]:
    """Return positions of so many images of each class, by content hash: whatever they are called, the same ones."""
    taken: dict[int, set[str]] = defaultdict(set)
    chosen = []
    for i in sorted(range(len(labels)), key=lambda i: hashes[i]):
        mine = taken[labels[i]]
        if hashes[i] not in mine and (per_class is None or len(mine) < per_class):
            mine.add(hashes[i])
            chosen.append(i)
    return sorted(chosen)


def _twins(content: ImageFiles, files: Iterable[Path], hashes: Sequence[str]) -> dict[str, list[int]]:
    """Return by content hash the positions of files with the same content; only those of the same size are read."""
    sizes = {file.stat().st_size for file in files}
    wanted = set(hashes)
    by_name: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(content.texts()):
        try:
            if os.stat(text).st_size in sizes:  # noqa: PTH116 - a million Path objects would take seconds
                name = hash_content(read_regular(Path(text)))
                if name in wanted:
                    by_name[name].append(index)
        except OSError:
            continue  # set aside later, with its reason
    return dict(by_name)


def _vouched_for(dataset: Dataset, vouched: Vouched, source: Path) -> Dataset:
    """Return the dataset with some labels trusted, and corrected where the trusted set says otherwise."""
    trusted, given = dataset.trusted.copy(), dataset.given.copy()
    corrected = []
    for index, label in zip(vouched.indices, vouched.labels, strict=True):
        trusted[index] = True
        if label is not None and label != given[index]:
            was, now = dataset.classes[given[index]], dataset.classes[label]
            corrected.append(f"{dataset.paths[index]} ({was!r}, trusted as {now!r})")
            given[index] = label
    remarks = list(vouched.remarks)
    if corrected:
        text = f"{source} corrects {count(len(corrected), 'label')} for this scan: {shorten(corrected)}."
        remarks.append(Remark("warning", text))
    return dataclasses.replace(dataset, trusted=trusted, given=given).with_remarks(*remarks)


def _with_files(dataset: Dataset, files: Sequence[Path], labels: Sequence[int], root: Path) -> Dataset:
    """Return the dataset with trusted images from elsewhere; their ids are paths relative to its root."""
    if not files:
        return dataset
    content = dataset.content
    assert isinstance(content, ImageFiles)
    folder = content.files.folder if isinstance(content.files, FilesBelow) else root.absolute()
    names = tuple(Path(os.path.relpath(file.absolute(), folder)).as_posix() for file in files)
    longer = (
        FilesBelow(folder, (*content.files.names, *names))
        if isinstance(content.files, FilesBelow)
        else (*content.files, *(file.absolute() for file in files))
    )
    return dataclasses.replace(
        dataset,
        sample_ids=(*dataset.sample_ids, *ids_of(names)),
        paths=(*dataset.paths, *ids_of(names)),
        given=np.concatenate([dataset.given, np.array(labels, dtype=np.int64)]),
        trusted=np.concatenate([dataset.trusted, np.ones(len(names), dtype=np.bool_)]),
        content=ImageFiles(longer),
    )
