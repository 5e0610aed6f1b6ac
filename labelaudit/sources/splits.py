"""Train, validation and test: which part of the data is read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, did_you_mean

ALL_SPLITS = "all"

_CANONICAL = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def is_split_name(name: str) -> bool:
    """Return whether a name is a usual one for a split."""
    return name.casefold() in _CANONICAL


def split_of_words(name: str) -> str | None:
    """Return train, val or test where a word of a name says so: "seg_train", "PublicTest"; else None."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return next((found for word in words if (found := _CANONICAL.get(word.casefold())) is not None), None)


def choose_splits(asked: str, present: Iterable[str], source: object) -> list[str]:
    """Return the names in `present` that are asked for; "val" also finds "valid" and "images_val".

    Where the usual training split is asked for and no name tells what it is for, such as fold1, all are read.

    Args:
        asked: the name that the user gave, or "all".
        present: the names that there are.
        source: what the message names.

    Raises:
        ConfigError: there is no such split.
    """
    names = sorted(set(present))
    if asked == ALL_SPLITS:
        return names
    exact = [name for name in names if name.casefold() == asked.casefold()]
    chosen = exact or [name for name in names if _canonical(name) == _canonical(asked)]
    if not chosen and asked == "train" and not any(split_of_words(name) for name in names):
        return names
    if not chosen:
        known = ", ".join(names) or "none"
        raise ConfigError(
            f"{source}: there is no split {asked!r}; splits here: {known}.",
            hint=did_you_mean(asked, names) or "Pick one with --split, or read every one with --split all.",
        )
    return chosen


def choose_split_folders(asked: str, present: Iterable[str], source: object) -> tuple[list[str], list[Remark]]:
    """Return the split folders that are asked for, none where the classes lie at the top, and what to say of it.

    Args:
        asked: the name that the user gave, or "all".
        present: the split folders that there are.
        source: what the message names.

    Raises:
        ConfigError: there is no such split.
    """
    present = list(present)
    if present:
        chosen = choose_splits(asked, present, source)
        return chosen, [split_remark(chosen, present)]
    if asked not in ("train", ALL_SPLITS):
        raise ConfigError(
            f"{source}: there is no split {asked!r}: its sub-folders are no train, val or test folders.",
            hint="Leave --split away, or name the folder that has them.",
        )
    return [], []


def split_remark(chosen: list[str], present: Iterable[str]) -> Remark:
    """Return the remark that says which split is read and which others exist."""
    others = [name for name in sorted(set(present)) if name not in chosen]
    if not others:
        return Remark("note", f"Reading every split: {', '.join(chosen)}.")
    return Remark(
        "note", f"Reading split {', '.join(chosen)}; not {', '.join(others)} (--split picks another, or all)."
    )


def _canonical(name: str) -> str:
    return split_of_words(name) or name.casefold()
