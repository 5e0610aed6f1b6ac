"""A folder with one sub-folder per class, with or without train/val/test above them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Content, Dataset, FilesBelow, ImageFiles, Remark, SetAside, Texts
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.files import read_regular
from labelaudit.core.ids import id_of, ids_of
from labelaudit.core.installed import pip_install
from labelaudit.core.recipe import DataSettings
from labelaudit.core.shown import in_shell
from labelaudit.functional.images import begins_like_image, image_suffixes
from labelaudit.sources.inside import MOST_LEVELS, is_within, leads_to_file, leads_to_folder
from labelaudit.sources.label_tables import DATA_FOLDERS
from labelaudit.sources.labels import encode_labels
from labelaudit.sources.split_folders import Levels, TopFolder, find_levels
from labelaudit.sources.splits import choose_split_folders, is_split_name
from labelaudit.sources.table_file import TABLE_SUFFIXES

_UNREAD = {  # suffixes of images that need more than Pillow
    ".heic": "{heif} reads .heic",  # a command that installs the extra
    ".heif": "{heif} reads .heif",
    ".dcm": "convert .dcm (DICOM) to PNG first, such as by dcmj2pnm",
    ".nii": "cut .nii volumes into images first",
    ".svg": "draw .svg as PNG first",
    ".pdf": "convert .pdf to PNG first",
}


_COMPANIONS = 0.2  # share of the images, from which it is said
_TABLES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".xlsx"})


@dataclass(slots=True)
class Tally:
    """What one reading of the folder has met so far."""

    root: str  # with symbolic links resolved; the address of a folder that is not local
    suffixes: frozenset[str]
    samples: list[tuple[str, str]] = field(default_factory=list)  # (sample id, class name)
    unlabelled: list[str] = field(default_factory=list)  # images above the class folders
    empty: list[str] = field(default_factory=list)  # class folders without an image
    other_files: Counter[str] = field(default_factory=Counter)  # by suffix
    links_out: int = 0  # symbolic links to places outside of the root, or to nowhere
    loops: int = 0  # symbolic links to a folder around themselves, or behind another link
    follow_links: bool = False  # out of the root
    no_files: int = 0  # pipes, sockets and devices
    too_deep: int = 0  # folders below more of them than anybody means
    lost_links: int = 0  # symbolic links to images out of the root, of those that leave it


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
        tally = Tally(tally.root, frozenset({".txt"}), follow_links=settings.follow_links)
        chosen, remarks = _walk(source, settings, tally)
        return _dataset_of_texts(source, tally, chosen, remarks, settings)
    if not tally.samples:
        raise _nothing_found(source, tally)
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
        _read_level(source, f"{base}/{level}".strip("/"), tally)
    return chosen, [*levels.remarks, *remarks, *_split_classes(tops, levels)]


def _are_texts(files: Counter[str]) -> bool:
    """Return whether most files are texts."""
    return files[".txt"] > files.total() / 2


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


def _read_level(source: Path, prefix: str, tally: Tally) -> None:
    """Add the class folders of one level to the tally."""
    for entry in _visible(str(source / prefix)):
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


def _companions(tally: Tally) -> list[Remark]:
    """Return a warning where many images are called like another with a word behind, as masks are."""
    names = {name.rpartition(".")[0] for name, _ in tally.samples}
    parts = (name.rpartition("_") for name in names if "_" in name)
    words = Counter(word for before, _, word in parts if word.isalpha() and before in names)
    found = [(word, n) for word, n in words.most_common(3) if n >= _COMPANIONS * len(names)]
    if not found:
        return []
    shown = shorten(f"'_{word}' ({n:,})" for word, n in found)
    text = f"Images called like another with a word behind, as masks and copies are: {shown}; all are read as samples."
    return [Remark("warning", text)]


def tally_remarks(tally: Tally) -> list[Remark]:
    """Return remarks on files that were left out."""
    remarks: list[Remark] = []
    if tally.unlabelled:
        names = shorten(sorted(tally.unlabelled), show=3)
        text = f"Images above the class folders, without a label and left out: {len(tally.unlabelled):,} ({names})."
        remarks.append(Remark("warning", text))
    if tally.empty:
        text = f"Class folders without an image: {len(tally.empty):,} ({shorten(sorted(tally.empty))})."
        remarks.append(Remark("warning", text))
    remarks += _companions(tally)
    if tally.other_files:
        kinds = shorten(f"{suffix} {count:,}" for suffix, count in sorted(tally.other_files.items()))
        text = f"Files that Pillow does not read as images, left out: {tally.other_files.total():,} ({kinds})"
        unread = [
            hint.format(heif=pip_install("heif")) for suffix, hint in _UNREAD.items() if suffix in tally.other_files
        ]
        if _TABLES & tally.other_files.keys():
            unread.append("labels are from the folders; a table of labels is read where it is named itself")
        remarks.append(Remark("warning" if unread else "note", "; ".join([text, *unread]) + "."))
    if tally.no_files:
        remarks.append(Remark("warning", f"Pipes, sockets and devices, left out: {tally.no_files:,}."))
    if tally.too_deep:
        text = f"Folders more than {MOST_LEVELS} levels deep, left out: {tally.too_deep:,}."
        remarks.append(Remark("warning", text))
    if tally.links_out or tally.loops:
        text = f"{tally.links_out:,} leave the folder, {tally.loops:,} lead in circles"
        total = tally.links_out + tally.loops
        hint = f"; --follow-links reads those to images ({tally.lost_links:,})" if tally.lost_links else ""
        remarks.append(Remark("warning", f"Symbolic links that are not followed: {total:,} ({text}){hint}."))
    return remarks


def _nothing_found(source: Path, tally: Tally) -> DataError:
    tables = [path for path in source.iterdir() if path.suffix.lower() in TABLE_SUFFIXES]
    if tables:
        likeliest = min(tables, key=lambda path: (TABLE_SUFFIXES.index(path.suffix.lower()), path))  # JSON is the last
        hint = f"To read the labels from a table: labelaudit scan {in_shell(likeliest)}"
    elif tally.links_out:
        hint = f"{tally.links_out:,} symbolic links leave the folder: --follow-links reads what they lead to."
    else:
        hint = "Put them in one folder per class, such as cats/1.jpg, or give a table of paths and labels (CSV)."
    if tally.unlabelled:
        return DataError(
            f"{source}: {len(tally.unlabelled):,} images, but none in a class folder: no labels.", hint=hint
        )
    others = f"; {tally.other_files.total():,} other files" if tally.other_files else ""
    return DataError(f"{source}: no images in class folders{others}.", hint=hint)
