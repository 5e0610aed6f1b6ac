"""Which column of a table of probabilities is which class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatNC, IntN
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.labels import class_order, is_number
from labelaudit.sources.matrix import Matrix

SUM_TOLERANCE = 1e-2  # of a row of probabilities; float16 rows of 1,000 classes stay within it
# Labels agree with the most probable class so rarely, or so often, only where columns are swapped or right: no noise
# turns four of five labels of a class into one other, and those of that into the first.
_SWAPPED, _RIGHT = 0.2, 0.6
_FEWEST_MOVED = 10  # samples of the classes that would move


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are."""

    order: IntN  # (C,) the column of each class
    classes: tuple[str, ...]  # (C,) may hold classes that no sample has
    how: str  # in a few words
    is_sure: bool = False  # by name, or as the user said
    extra: tuple[str, ...] = ()  # names of columns that no label has


def columns_to_classes(
    matrix: Matrix, found: Sequence[str], known: Sequence[str] | None, asked: Sequence[str] | None
) -> Columns:
    """Return the class of each column: as asked, by name, or by position.

    Args:
        matrix: (N, C) numbers.
        found: classes that the labels have, in order.
        known: the full class list of the table, where it has one.
        asked: the class of each column, where the user says.

    Raises:
        DataError: the columns do not fit the classes.
    """
    width = matrix.values.shape[1]
    as_stored = np.arange(width, dtype=np.int64)
    if asked is not None and len(asked) == width and set(found) <= set(asked):
        classes = class_order(asked)
        order = np.array([list(asked).index(name) for name in classes], dtype=np.int64)
        return Columns(order, classes, "columns are the classes of --class-names in its order", is_sure=True)
    if matrix.names is not None:
        named = _by_name(matrix, matrix.names, found)
        if named is not None:
            return named
        _require_names_of_places(matrix, matrix.names, found)
    if width == len(found):
        return Columns(as_stored, tuple(found), f"columns are the classes in this order: {shorten(found, show=10)}")
    if known is not None and width == len(known):
        return Columns(as_stored, tuple(known), f"columns are the classes in this order: {shorten(known, show=10)}")
    if all(is_number(name) and name.isdigit() and int(name) < width for name in found):
        return Columns(as_stored, tuple(map(str, range(width))), f"column j is class j, for 0 to {width - 1}")
    raise DataError(
        f"{matrix.source}: {width} columns for {len(found)} classes: {shorten(found)}.",
        hint="One column per class, in sorted order of the names; or Parquet with the class names as column names.",
    )


def better_order(values: FloatNC, given: IntN) -> IntN | None:
    """Return (C,) the column that fits each class, where labels fit far better in another order; else None.

    Args:
        values: (N, C) probabilities.
        given: (N,) labels.
    """
    from scipy.optimize import linear_sum_assignment  # a third of a second that other scans do not need

    n_classes = values.shape[1]
    votes = np.zeros((n_classes, n_classes))
    np.add.at(votes, (given, values.argmax(axis=1)), 1)
    _, column = linear_sum_assignment(votes, maximize=True)
    moved = np.flatnonzero(column != np.arange(n_classes))
    samples = votes[moved].sum()
    if samples < _FEWEST_MOVED:
        return None
    before, after = votes[moved, moved].sum() / samples, votes[moved, column[moved]].sum() / samples
    return np.asarray(column, dtype=np.int64) if before < _SWAPPED and after > _RIGHT else None


def _by_name(matrix: Matrix, names: Sequence[str], found: Sequence[str]) -> Columns | None:
    """Return the columns matched by name, also where all names begin or end with the same: prob_cat, prob_dog."""
    if set(found) <= set(names):
        return _of_names(matrix, {name: place for place, name in enumerate(names)}, found, "by name")
    lowered = {name.casefold(): name for name in found}
    if len(lowered) < len(found):
        return None
    affixes = Counter(
        (name[:at], name[at + len(low) :])
        for name in names
        for low in lowered
        for at in {name.casefold().find(low), name.casefold().rfind(low)} - {-1}
    )
    for before, after in sorted(affixes, key=lambda pair: (-affixes[pair], len(pair[0]) + len(pair[1]))):
        inner = {
            name[len(before) : len(name) - len(after)]: place
            for place, name in enumerate(names)
            if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
        }
        renamed = {lowered.get(name.casefold(), name): place for name, place in inner.items()}
        if set(found) <= renamed.keys():
            pattern = f"{before}NAME{after}"
            return _of_names(matrix, renamed, found, f"by name, {pattern}" if before or after else "by name")
    return None


def _of_names(matrix: Matrix, place: Mapping[str, int], found: Sequence[str], how: str) -> Columns:
    """Return the columns of the classes; columns beside them are classes where the sums say so."""
    extra = tuple(name for name in place if name not in set(found))
    outside = matrix.values.shape[1] - len(place)
    some = np.asarray(matrix.values[:: max(1, len(matrix.values) // 1000)], dtype=np.float64)
    own = some[:, [place[name] for name in found]]
    is_whole = bool((np.abs(own.sum(axis=1) - 1) <= SUM_TOLERANCE).all())
    kept = () if is_whole and not _may_be_classes(some, place, extra) else extra
    classes = class_order([*found, *kept])
    order = np.array([place[name] for name in classes], dtype=np.int64)
    dropped = [name for name in extra if name not in kept]
    text = f"columns are matched to classes {how}"
    if dropped or outside:
        text += f"; not a class: {shorten(map(repr, dropped)) or f'{outside} other columns'}"
    return Columns(order, classes, text, is_sure=True, extra=kept)


def _may_be_classes(some: NDArray[np.float64], place: Mapping[str, int], extra: Sequence[str]) -> bool:
    """Return whether columns beside those of the labels hold next to nothing, as classes without a sample do."""
    values = some[:, [place[name] for name in extra]]
    return bool((values >= 0).all() and (values.sum(axis=1) <= SUM_TOLERANCE).all())


def _require_names_of_places(matrix: Matrix, names: Sequence[str], found: Sequence[str]) -> None:
    """Raise DataError where columns have names that are neither the classes nor numbers such as p0, p1."""
    places = [re.search(r"\d+$", name) for name in names]
    numbers = [int(match[0]) for match in places if match is not None]
    if len(numbers) == len(names) and numbers in (list(range(len(names))), list(range(1, len(names) + 1))):
        return
    raise DataError(
        f"{matrix.source}: its columns are called {shorten(map(repr, names))}, and the classes {shorten(found)}.",
        hint="Call each column like its class; or say the classes in the order of the columns: --class-names FILE",
    )
