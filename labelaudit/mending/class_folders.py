"""Class folders: the label of a file is a folder on its way, so another label is another folder."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError
from labelaudit.core.ids import id_of, name_of
from labelaudit.mending.changes import Change
from labelaudit.mending.folders import visible_files, write_folder
from labelaudit.mending.layout import How, Prepared
from labelaudit.mending.tar_copies import copied_tar, tar_files
from labelaudit.mending.words import spellings
from labelaudit.sources.splits import split_of_words


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder of class folders."""

    source: Path
    dataset: Dataset

    @property
    def words(self) -> str:
        """What it is."""
        return f"the class folders of {self.source}"

    @property
    def output(self) -> Path:
        """Beside the folder."""
        return beside(self.source)

    def split_of(self, sample_id: str) -> str | None:
        """Return the split that the way to a file tells."""
        return split_of_path(self.dataset, sample_id)

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the new folder: changed files in other class folders, all others where they were."""
        require_no_columns(how, "a folder of images")
        names = sorted({*map(id_of, visible_files(self.source)), *self.dataset.sample_ids})
        moved = renamed(self.dataset, changes, names)
        files = {name_of(moved.get(name, name)): name_of(name) for name in names if moved.get(name, name)}

        def write(target: Path) -> None:
            write_folder(target, self.source, files, how=how)

        notes = ("its images are links out of it: scan it with --follow-links",) if how.by == "symlink" else ()
        places = {change.sample_id: moved[change.sample_id] for change in changes}
        return Prepared(write, places, files, root=self.source, notes=notes)


@dataclass(frozen=True, slots=True)
class Archive:
    """A .zip or .tar of class folders."""

    source: Path
    dataset: Dataset

    @property
    def words(self) -> str:
        """What it is."""
        return f"the class folders in {self.source.name}"

    @property
    def output(self) -> Path:
        """Beside the archive."""
        return beside(self.source)

    def split_of(self, sample_id: str) -> str | None:
        """Return the split that the way to a file tells."""
        return split_of_path(self.dataset, sample_id)

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the new archive."""
        require_no_columns(how, "an archive")
        is_zip = self.source.suffix.lower() == ".zip"
        inside = [*map(id_of, _zip_files(self.source) if is_zip else tar_files(self.source))]
        top = _top(inside, self.dataset.sample_ids)
        moved = renamed(self.dataset, changes, [name.removeprefix(top) for name in inside])
        new_names = {name_of(top + old): name_of(top + new) if new else "" for old, new in moved.items()}
        copy: Callable[[Path, Path, Mapping[str, str]], None] = _copied_zip if is_zip else copied_tar

        def write(target: Path) -> None:
            copy(self.source, target, new_names)

        return Prepared(write, {change.sample_id: moved[change.sample_id] for change in changes})


def renamed(dataset: Dataset, changes: Sequence[Change], names: Collection[str]) -> dict[str, str]:
    """Return the new name of each changed file, "" where it is left out.

    Args:
        dataset: its sample ids are the names of the files.
        changes: of some.
        names: of all files there are; no two end under one name.

    Raises:
        ConfigError: a label that cannot be the name of a folder.
    """
    labels = [dataset.classes[place] for place in dataset.given.tolist()]
    depth = class_depth(dataset.sample_ids, labels)
    parts = [name.split("/") for name in dataset.sample_ids]
    folder_of = spellings((label, part[depth]) for label, part in zip(labels, parts, strict=True))
    gone = {change.sample_id for change in changes}
    taken = {name for name in names if name not in gone}
    moved: dict[str, str] = {}
    for change in changes:
        moved[change.sample_id] = ""
        if change.after is not None:
            folder = folder_of.get(change.after) or _folder_name(change.after)
            way = change.sample_id.split("/")
            name = _free("/".join([*way[:depth], folder, *way[depth + 1 :]]), taken, change.before)
            taken.add(name)
            moved[change.sample_id] = name
    return moved


def class_depth(sample_ids: Sequence[str], labels: Sequence[str]) -> int:
    """Return at which place of a path its class folder is: where the folders tell the labels, best under their names.

    Args:
        sample_ids: (N,) paths.
        labels: (N,) of each.
    """
    parts = [name.split("/")[:-1] for name in sample_ids]
    found = []
    for depth in range(min(map(len, parts))):
        label_of: dict[str, str] = {}
        is_told = all(
            part[depth] and label_of.setdefault(part[depth], label) == label
            for part, label in zip(parts, labels, strict=True)
        )
        if is_told:
            named = sum(part[depth] == label for part, label in zip(parts, labels, strict=True))
            found.append((-named, depth))
    if not found:
        raise ConfigError("no folder on the way to the images tells their labels.")
    return min(found)[1]


def split_of_path(dataset: Dataset, sample_id: str) -> str | None:
    """Return the split of a file: a folder above its class folder that is called so, else the one that was read."""
    if dataset.split is None:
        return None
    splits = dataset.split.split(",")
    first = sample_id.partition("/")[0]
    return first if first in splits else splits[0] if len(splits) == 1 else split_of_words(first)


def beside(source: Path) -> Path:
    """Return "photos-corrected" beside a folder, "labels.corrected.csv" beside a file."""
    if source.is_dir():
        whole = source.resolve()
        return source.parent / f"{whole.name}-corrected" if source.name else whole.with_name(f"{whole.name}-corrected")
    packed = source.suffix.lower() in (".gz", ".bz2", ".xz") and PurePosixPath(source.stem).suffix
    ending = f"{packed or ''}{source.suffix}"
    return source.with_name(f"{source.name.removesuffix(ending)}.corrected{ending}")


def require_no_columns(how: How, what: str) -> None:
    """Raise ConfigError where columns are asked for that the data cannot have."""
    for option, wanted in (("--label-before", how.label_before), ("--reason", how.reason)):
        if wanted:
            raise ConfigError(f"{option}: {what} has no columns.", hint="The record beside it has what was changed.")


def _free(name: str, taken: Collection[str], before: str) -> str:
    """Return a name that no other file has."""
    if name not in taken:
        return name
    path = PurePosixPath(name)
    tries = (f"{path.stem}.from-{before.replace('/', '-')}{suffix}" for suffix in ("", *map(str, range(2, 1_000_000))))
    return next(found for stem in tries if (found := str(path.with_name(stem + path.suffix))) not in taken)


def _folder_name(label: str) -> str:
    if not label.strip() or label in (".", "..") or any(letter in label for letter in "/\\\0") or label[0] == ".":
        raise ConfigError(f"class {label!r} cannot be the name of a folder.", hint="Name it otherwise.")
    return label


def _top(inside: Sequence[str], sample_ids: Sequence[str]) -> str:
    """Return what names in an archive begin with before the sample ids."""
    first, names = sample_ids[0], set(inside)
    for name in inside:
        if name.endswith(first) and all(name[: -len(first)] + each in names for each in sample_ids):
            return name[: -len(first)]
    return ""


def _zip_files(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [each.filename for each in archive.infolist() if not each.is_dir()]


def _copied_zip(source: Path, target: Path, new_names: Mapping[str, str]) -> None:
    """Write an archive anew with other names for some members; those without a name are left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        new.comment = old.comment
        for member in old.infolist():
            name = new_names.get(member.filename, member.filename)
            if not name:
                continue
            data = old.read(member)
            member.filename = name
            new.writestr(member, data)  # under the member's own date, rights and compression
