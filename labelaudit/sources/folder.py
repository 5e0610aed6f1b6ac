"""A folder with one sub-folder per class, with or without train/val/test above them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Content, Dataset, FilesBelow, ImageFiles, Remark, SetAside, Texts
from labelaudit.core.errors import DataError
from labelaudit.core.files import read_regular
from labelaudit.core.ids import id_of, ids_of
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import begins_like_image, image_suffixes
from labelaudit.sources.inside import MOST_LEVELS, is_within, leads_to_file, leads_to_folder
from labelaudit.sources.label_tables import DATA_FOLDERS
from labelaudit.sources.labels import encode_labels
from labelaudit.sources.split_folders import Levels, TopFolder, find_levels
from labelaudit.sources.splits import choose_split_folders, is_split_name
from labelaudit.sources.tally import Tally, nothing_found, tally_remarks

_TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ""})
_LOOKED_AT = 20  # files that tell whether those without suffix are texts


def read_folder(source: Path, settings: DataSettings) -> Dataset:
    """Return the images of a folder, or the texts where it holds these, labelled by the name of their class folder.

    The class is the first level below the root, or below a split folder; deeper folders belong to their class.
    Hidden names are skipped, symbolic links are followed only within the root unless the settings say so.

    Raises:
        DataError: no image has a class.
        ConfigError: the split that is asked for does not exist.
    """
    tally = Tally(os.path.realpath(source), image_suffixes(), follow_links=settings.follow_links)
    chosen, remarks = _walk(source, settings, tally)
    if not tally.samples and _are_texts(tally.other_files):
        of_texts = Tally(tally.root, _TEXT_SUFFIXES, follow_links=settings.follow_links, noun="text")
        chosen, remarks = _walk(source, settings, of_texts)
        if of_texts.samples and all(_is_text(source / name) for name, _ in of_texts.samples[:_LOOKED_AT]):
            return _dataset_of_texts(source, of_texts, chosen, remarks, settings)
    if not tally.samples:
        raise nothing_found(source, tally)
    _require_class_folders(source, tally)
    tally.samples.sort()
    root = source.absolute()
    content = ImageFiles(FilesBelow(root, tuple(name for name, _ in tally.samples)))
    return folder_dataset(
        source,
        tally,
        content,
        split=",".join(chosen) or None,
        remarks=[*remarks, *tally_remarks(tally)],
        settings=settings,
    )


def _walk(source: Path, settings: DataSettings, tally: Tally) -> tuple[list[str], list[Remark]]:
    """Add the files of the chosen splits to the tally; return which these are, and what to say of the folders."""
    base, tops = _unwrapped(source, tally)
    levels = find_levels(tops, settings.split, source)
    chosen, remarks = choose_split_folders(settings.split, levels.splits, source)
    if base:
        remarks.append(Remark("note", f"All lies in {base}/, so that the folders in it are read."))
    tally.links_out = tally.loops = tally.lost_links = 0
    tally.other_files.clear()
    for level in [levels.splits[name] for name in chosen] or [""]:
        _read_level(source, f"{base}/{level}".strip("/"), tally, skip=levels.skip if not chosen else ())
    return chosen, [*levels.remarks, *remarks, *_split_classes(tops, levels)]


def _are_texts(files: Counter[str]) -> bool:
    """Return whether most files are texts."""
    return sum(files[suffix or "no suffix"] for suffix in _TEXT_SUFFIXES) > files.total() / 2


def _is_text(path: Path) -> bool:
    """Return whether a file begins with no zero byte."""
    with path.open("rb") as file:
        return b"\0" not in file.read(1024)


def _dataset_of_texts(
    source: Path, tally: Tally, chosen: list[str], remarks: list[Remark], settings: DataSettings
) -> Dataset:
    """Return the texts in class folders; empty files are set aside."""
    tally.samples.sort()
    texts, empty = [], []
    for index, (name, label) in enumerate(tally.samples):
        texts.append(read_regular(source / name).decode("utf-8", "replace").strip())
        if not texts[-1]:
            empty.append((index, SetAside(id_of(name), id_of(name), label, "unreadable", f"{name}: no text")))
    said = Remark("note", f"{len(texts):,} files of text, labelled by their folders.")
    split = ",".join(chosen) or None
    remarks = [said, *remarks, *tally_remarks(tally)]
    dataset = folder_dataset(source, tally, Texts(tuple(texts)), split=split, remarks=remarks, settings=settings)
    return dataset.without(empty)


def folder_dataset(
    source: Path | str,
    tally: Tally,
    content: Content,
    *,
    split: str | None,
    remarks: list[Remark],
    settings: DataSettings,
) -> Dataset:
    """Return the dataset of the sorted samples of a tally."""
    ids = ids_of(tuple(name for name, _ in tally.samples))
    labels = encode_labels([label for _, label in tally.samples], fold=settings.fold_labels)
    return Dataset(
        source=source,
        sample_ids=ids,
        paths=ids,
        given=labels.given,
        classes=labels.classes,
        content=content,
        trusted=np.zeros(len(ids), dtype=np.bool_),
        split=split,
        remarks=(*remarks, *labels.remarks),
    )


def _unwrapped(source: Path, tally: Tally) -> tuple[str, dict[str, TopFolder]]:
    """Return the folder that all others lie in, relative to the root, and the folders right below it."""
    base, tops = "", _top_folders(source, tally)
    full = [name for name, top in tops.items() if top.folders or top.has_images]
    if len(full) == 1 < len(tops) and full[0].casefold() in DATA_FOLDERS and len(tops[full[0]].folders) > 1:
        base, tops = full[0], _top_folders(source / full[0], tally)  # beside folders of lists and notes
    while len(tops) == 1:
        name, top = next(iter(tops.items()))
        is_class = top.has_images or not top.folders or is_split_name(name)
        if is_class or any(_suffix(entry.name) in tally.suffixes for entry in _visible(str(source / base))):
            break
        base = f"{base}/{name}".strip("/")
        tops = _top_folders(source / base, tally)
    return base, tops


def _split_classes(tops: Mapping[str, TopFolder], levels: Levels) -> list[Remark]:
    """Return a warning where the splits lie in the classes instead of the other way round."""
    inner = frozenset[str]().union(*(top.folders for top in tops.values()))
    if levels.splits or not inner or not all(map(is_split_name, inner)):
        return []
    return [Remark("warning", f"Each class folder holds {' and '.join(sorted(inner))}, which are read together.")]


def _require_class_folders(source: Path, tally: Tally) -> None:
    """Raise DataError where all images lie in one folder that is called like no class."""
    names = {label for _, label in tally.samples}
    if len(names) > 1 or next(iter(names)).casefold() not in DATA_FOLDERS:
        return
    boxes = [name for name in ("labels", "Annotations", "annotations") if (source / name).is_dir()]
    hint = "Put each class into a folder of its own, or give a table of paths and labels (CSV)."
    if boxes:
        hint = f"{boxes[0]}/ looks like boxes of objects in the images: cut the objects out, an image each, into class"
        hint += f" folders; or scan a table of paths and labels: labelaudit scan TABLE --image-root {source}"
    raise DataError(
        f"{source}: {len(tally.samples):,} images in {next(iter(names))}/ and no class folders: no labels.", hint=hint
    )


def _top_folders(source: Path, tally: Tally) -> dict[str, TopFolder]:
    """Return the folders right below the root, with what lies right in each of them."""
    tops = [entry for entry in _visible(str(source)) if _is_folder(entry, tally)]
    return {entry.name: _top_folder(Path(entry.path), tally) for entry in tops}


def _top_folder(folder: Path, tally: Tally) -> TopFolder:
    folders: list[str] = []
    has_images = False
    for entry in _visible(str(folder)):
        if _is_folder(entry, tally):
            folders.append(entry.name)
        else:
            has_images = has_images or _suffix(entry.name) in tally.suffixes
    if len(folders) == 1 and not has_images:
        below = [entry.name for entry in _visible(str(folder / folders[0])) if _is_folder(entry, tally)]
        if len(below) > 1:
            return TopFolder(frozenset(below), has_images=False, inner=folders[0])
    return TopFolder(frozenset(folders), has_images)


def _read_level(source: Path, prefix: str, tally: Tally, *, skip: Collection[str] = ()) -> None:
    """Add the class folders of one level to the tally, but for some."""
    for entry in _visible(str(source / prefix)):
        if entry.name in skip:
            continue
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        if _is_folder(entry, tally):
            before = len(tally.samples)
            _read_class(entry, name, tally, label=id_of(entry.name))
            if len(tally.samples) == before:
                tally.empty.append(name)
        elif _is_image(entry, tally):
            tally.unlabelled.append(name)


def _read_class(top: os.DirEntry[str], top_name: str, tally: Tally, *, label: str) -> None:
    """Add every image below a class folder to the tally."""
    waiting = [(top.path, top_name, top.is_symlink(), 0)]
    while waiting:
        folder, prefix, through_link, depth = waiting.pop()
        for entry in _visible(folder):
            name = f"{prefix}/{entry.name}"
            if _is_folder(entry, tally, through_link=through_link):
                if depth == MOST_LEVELS:
                    tally.too_deep += 1
                else:
                    waiting.append((entry.path, name, through_link or entry.is_symlink(), depth + 1))
            elif _is_image(entry, tally):
                tally.samples.append((name, label))


def _visible(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            # "__MACOSX" is what macOS leaves in ZIP archives.
            yield from (entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX")
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}.") from error


def _is_folder(entry: os.DirEntry[str], tally: Tally, *, through_link: bool = False) -> bool:
    """Return whether to read an entry as a folder.

    A link behind another link is not followed: so every link is read once, and no chain of links can run forever.
    """
    if not entry.is_symlink():
        return leads_to_folder(entry)
    if not leads_to_folder(entry):
        return False
    target = os.path.realpath(entry.path)
    if not tally.follow_links and not is_within(target, tally.root):
        tally.links_out += 1
        return False
    if through_link or is_within(os.path.realpath(os.path.dirname(entry.path)), target):  # noqa: PTH120
        tally.loops += 1
        return False
    return True


def _is_image(entry: os.DirEntry[str], tally: Tally) -> bool:
    """Return whether to read an entry as an image; count it where not."""
    if entry.is_symlink():
        if leads_to_folder(entry):
            return False  # counted as a folder already
        is_there = leads_to_file(entry)
        if not is_there or not (tally.follow_links or is_within(os.path.realpath(entry.path), tally.root)):
            tally.links_out += 1
            tally.lost_links += is_there and _suffix(entry.name) in tally.suffixes
            return False
    elif not leads_to_file(entry):  # a pipe would never end, and neither would /dev/zero
        tally.no_files += 1
        return False
    suffix = _suffix(entry.name)
    if suffix in tally.suffixes or (not suffix and _looks_like_image(entry.path)):
        return True
    tally.other_files[suffix or "no suffix"] += 1
    return False


def _looks_like_image(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return begins_like_image(file.read(12))
    except OSError:
        return False


def _suffix(name: str) -> str:
    """Return `PurePosixPath(name).suffix.lower()` of a name that begins with no dot, in a tenth of its time."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""
