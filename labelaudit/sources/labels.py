"""From label texts to class numbers: the one place where names become classes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Remark
from labelaudit.core.errors import shorten

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE_NUMBER = re.compile(r"[+-]?\d+(\.0*)?")
# Only between letters and digits: the grade "A-" is not the grade "A".
_SEPARATORS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")


class Encoded(NamedTuple):
    """Labels as numbers."""

    given: IntN  # (N,) position in `classes`
    classes: tuple[str, ...]  # (C,)
    remarks: tuple[Remark, ...]


def encode_labels(texts: Sequence[str], *, fold: bool, classes: Sequence[str] | None = None) -> Encoded:
    """Return the class number of each label.

    Args:
        texts: (N,) label of each sample.
        fold: read names that differ only in case, blanks, underscores or hyphens as one class; the most frequent
            spelling wins.
        classes: the class list where it is known already and may hold classes without a sample; None finds it.
    """
    spelling = _most_frequent_spelling(texts) if fold else {}
    merged = [spelling.get(text, text) for text in texts]
    names = class_order(set(merged)) if classes is None else tuple(classes)
    index = {name: position for position, name in enumerate(names)}
    given = np.array([index[text] for text in merged], dtype=np.int64)
    return Encoded(given, names, _fold_remarks(spelling))


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return class names by value where all are numbers, else in alphabetical order."""
    known = sorted(names)
    if all(is_number(name) for name in known):
        known.sort(key=float)
    return tuple(known)


def similar_names(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of names that differ only in case, blanks, underscores or hyphens."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        groups[_folded(name)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def is_number(text: str) -> bool:
    """Return whether a text is a finite decimal number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def tidy_numbers(texts: Sequence[str | None]) -> list[str | None]:
    """Return "3.0" as "3" where all labels are whole numbers, as tables with gaps write them.

    Where one has digits behind its point, such as a dose of 1.05, all stay as they are written.
    """
    if not all(text is None or _WHOLE_NUMBER.fullmatch(text.strip()) for text in texts):
        return list(texts)
    return [None if text is None else text.strip().partition(".")[0] for text in texts]


def _folded(name: str) -> str:
    if is_number(name):
        return f"number {Decimal(name.strip()).normalize()}"  # never the same as the name "1-2" without its hyphen
    text = unicodedata.normalize("NFKC", name).casefold().strip().strip("_")
    return _SEPARATORS.sub("", text)


def _most_frequent_spelling(texts: Sequence[str]) -> dict[str, str]:
    counts = Counter(texts)
    spelling: dict[str, str] = {}
    for group in similar_names(counts):
        best = max(group, key=lambda name: counts[name])  # the first of equals, in alphabetical order
        spelling.update(dict.fromkeys(group, best))
    return spelling


def _fold_remarks(spelling: dict[str, str]) -> tuple[Remark, ...]:
    pairs = [f"{name!r} as {best!r}" for name, best in spelling.items() if name != best]
    return (Remark("note", f"--fold-labels reads {shorten(pairs)}."),) if pairs else ()
