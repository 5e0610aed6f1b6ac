"""Which folders are splits, which are classes, and which are neither."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.splits import is_split_name, split_of_words

_FEWEST_CLASSES = 2
_PART = re.compile(r"(?i)(cv|fold|part|split|set|batch)[ _-]?\w")


@dataclass(frozen=True, slots=True)
class TopFolder:
    """A folder right below the root."""

    folders: Set[str]  # names of those in it
    has_images: bool  # right in it
    inner: str = ""  # "seg_train/" where all lies in one more folder


@dataclass(frozen=True, slots=True)
class Levels:
    """Where the class folders lie."""

    splits: Mapping[str, str]  # split -> folder of its class folders; empty where they lie at the top
    remarks: tuple[Remark, ...] = ()
    skip: frozenset[str] = frozenset()  # folders at the top that are no classes


def find_levels(tops: Mapping[str, TopFolder], asked: str, source: object) -> Levels:
    """Return the split folders among the top folders: those that hold the same class folders, or are called so.

    Args:
        tops: by name.
        asked: the split that is asked for; a folder of this name is one.
        source: what messages name.

    Raises:
        DataError: there are splits, and no classes in them.
    """
    nested = {name: top for name, top in tops.items() if len(top.folders) >= 1}
    called = [name for name in tops if is_split_name(name)]
    alike = _alike(nested)
    if alike and (asked in alike or _are_splits(alike)):
        return _levels(tops, sorted({*alike, *(name for name in called if name in nested)}))
    if called and len(called) == len(tops):
        if not any(name in nested for name in called):
            _require_classes(tops, source)
        return _levels(tops, sorted(called))
    with_classes = [name for name in called if len(tops[name].folders) >= _FEWEST_CLASSES]
    others = [top for name, top in tops.items() if name not in called]
    if with_classes and (len(called) > 1 or not any(top.has_images for top in others)):
        return _levels(tops, sorted(called))
    copies = frozenset(name for name, top in nested.items() if _is_copy(top, tops.keys() - {name}))
    said = (*_warned_of_copies(copies), *(_warned_of_alike(alike, nested) or _warned_of_inner(tops)))
    return Levels({}, said, copies)


def _is_copy(top: TopFolder, siblings: Set[str]) -> bool:
    """Return whether a folder holds folders called like those beside it, and nothing else."""
    return not top.has_images and len(top.folders & siblings) >= max(_FEWEST_CLASSES, len(top.folders) / 2)


def _warned_of_copies(copies: Set[str]) -> tuple[Remark, ...]:
    if not copies:
        return ()
    text = f"Folders that hold the class folders again, a copy, left out: {shorten(sorted(copies))}."
    return (Remark("warning", text),)


def _warned_of_inner(tops: Mapping[str, TopFolder]) -> tuple[Remark, ...]:
    """Return a warning where every class folder holds nothing but folders, which may be the classes."""
    hold_others = [top for top in tops.values() if top.has_images or len(top.folders) < _FEWEST_CLASSES]
    inner = [name for top in tops.values() for name in top.folders]
    if len(tops) < _FEWEST_CLASSES or hold_others or len(set(inner)) < len(inner):
        return ()
    name, top = min(tops.items(), key=lambda item: item[0])
    text = f"Class folders that hold nothing but folders, such as {name}/{min(top.folders)}, are read as {name}"
    return (Remark("warning", f"{text}; if the inner ones are the classes, scan each outer one by itself."),)


def _levels(tops: Mapping[str, TopFolder], splits: Sequence[str]) -> Levels:
    extra = sorted(set(tops) - set(splits))
    said = f"Folders beside the splits, left out: {shorten(extra)}."
    places = {name: f"{name}/{tops[name].inner}".rstrip("/") for name in splits}
    return Levels(places, (Remark("warning", said),) if extra else ())


def _alike(nested: Mapping[str, TopFolder]) -> list[str]:
    """Return the largest group of folders that hold mostly the same folders, none where there are not two."""
    best: list[str] = []
    for top in nested.values():
        group = [name for name, other in nested.items() if _share_classes(top.folders, other.folders)]
        best = max(best, group, key=len)
    return best if len(best) > 1 else []


def _share_classes(a: Set[str], b: Set[str]) -> bool:
    return len(a & b) >= max(_FEWEST_CLASSES, min(len(a), len(b)) / 2) and not all(map(is_split_name, a & b))


def _are_splits(names: Sequence[str]) -> bool:
    return any(split_of_words(name) == "train" for name in names) or all(map(_tells_split, names))


def _tells_split(name: str) -> bool:
    """Return whether a folder is called like a split or a part: seg_train, fold1, part_2."""
    return split_of_words(name) is not None or _PART.fullmatch(name) is not None


def _require_classes(tops: Mapping[str, TopFolder], source: object) -> None:
    if any(top.has_images for top in tops.values()):
        names = " and ".join(f"{name}/" for name in sorted(tops))
        raise DataError(
            f"{source}: {names} hold images and no class folders: there are splits and no classes.",
            hint="Put each class into a folder, such as train/cats/1.jpg, or give a table of paths and labels (CSV);"
            " also where these folders are the classes.",
        )


def _warned_of_alike(alike: Sequence[str], nested: Mapping[str, TopFolder]) -> tuple[Remark, ...]:
    if not alike:
        return ()
    shared = sorted(frozenset.intersection(*(frozenset(nested[name].folders) for name in alike)))
    if not shared or all(name.isdecimal() for name in shared):
        return ()
    text = f"Folders that hold the same folders ({shorten(shared)}) are read as classes: {shorten(sorted(alike))}"
    return (Remark("warning", f"{text}; if they are splits, name one: --split {sorted(alike)[0]}."),)
