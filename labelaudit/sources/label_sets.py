"""Sets of labels: cells that hold several, and columns of 0 and 1, one for each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from labelaudit.core.dataset import Dataset, Remark, Several
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.labels import class_order

_MOST_PAIRS = 5_000_000  # a row of the findings each
NONE = "(none)"  # the set without a label, as text
_SEPARATED = {"|": "separated by bars", ";": "separated by semicolons", ",": "separated by commas"}
_SEPARATED |= {"/": "separated by slashes", "+": "joined by +", "&": "joined by &"}
_SEPARATED |= {" ": "separated by blanks", "": "as lists"}


@dataclass(frozen=True, slots=True)
class LabelSets:
    """What the texts in a column of labels stand for."""

    kind: Literal["columns", "cells", "lists"]
    sets: Mapping[str, tuple[str, ...]]  # text -> its labels, in their order
    column: str | None = None
    between: str = ""  # what separates labels in a cell
    examples: tuple[str, ...] = ()  # cells that give it away

    @property
    def names(self) -> tuple[str, ...]:
        """The labels, in the order of classes."""
        return class_order({name for names in self.sets.values() for name in names})


def set_text(names: Sequence[str]) -> str:
    """Return a set of labels as text, the same for the same set."""
    return "|".join(sorted(set(names))) or NONE


def with_label_sets(dataset: Dataset, sets: LabelSets, *, names: Sequence[str] | None = None) -> Dataset:
    """Return the dataset, whose classes are the texts of sets, with the labels of each sample.

    Args:
        dataset: N samples.
        sets: what its classes stand for.
        names: (L,) all labels, where some may be in no set; None = those of the sets.
    """
    known = tuple(names) if names is not None else sets.names
    place = {name: number for number, name in enumerate(known)}
    of_class = np.zeros((dataset.n_classes, len(known)), dtype=np.bool_)
    for number, text in enumerate(dataset.classes):
        for name in sets.sets[text]:
            of_class[number, place[name]] = True
    several = Several(
        names=known,
        has=of_class[dataset.given],
        kind=sets.kind,
        column=sets.column,
        between=sets.between,
        example=shorten(map(repr, sets.examples), show=3),
    )
    return _replaced(dataset, several)


def require_few_pairs(dataset: Dataset) -> None:
    """Raise DataError where there would be more pairs of a sample and a label than memory is for."""
    several = dataset.several
    assert several is not None
    n_pairs = several.has.size
    if n_pairs > _MOST_PAIRS:
        raise DataError(
            f"{dataset.source}: {len(dataset):,} samples with {len(several.names):,} labels are {n_pairs:,} pairs; "
            f"{_MOST_PAIRS:,} are audited at most.",
            hint="Audit some labels at a time, such as --label-column a,b,c where each has a column of 0 and 1.",
        )


def _replaced(dataset: Dataset, several: Several) -> Dataset:
    counts = Counter(several.has.sum(axis=1).tolist())
    most = max(counts)
    none = f", {counts[0]:,} have none" if counts[0] else ""
    text = (
        f"Samples have up to {most} of {len(several.names)} labels{none}: each label is audited against the rest; "
        "--labels-as-written takes each combination for a class."
    )
    return replace(dataset, several=several, remarks=(*dataset.remarks, Remark("note", text)))


def several_labels(dataset: Dataset) -> DataError:
    """Return the error for a dataset that has several labels a sample, where one is needed."""
    several = dataset.several
    assert several is not None
    if several.kind == "columns":
        ones = several.has.sum(axis=1)
        return DataError(
            f"{dataset.source}: {int((ones > 1).sum()):,} of {len(ones):,} rows have several labels: the columns "
            f"{shorten(map(repr, several.names))} hold 0 and 1, and up to {int(ones.max())} of them are 1.",
            hint=f"Audit one label against the rest: --label-column {several.names[0]!r}",
        )
    between = _SEPARATED.get(several.between, f"separated by {several.between!r}")
    return DataError(
        f"{dataset.source}: the cells of label column {several.column!r} seem to hold several labels, "
        f"{between}: {several.example}.",
        hint="Give each label a column of 0 and 1, and take one against the rest: --label-column NAME. If each "
        "combination is a class of its own: --labels-as-written",
    )
