"""Class probabilities that the user already has: which column is which class, and whether the numbers are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatNC, IntN
from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, did_you_mean, shorten
from labelaudit.sources.arrays import Matrix, names_rows
from labelaudit.sources.column_order import require_order
from labelaudit.sources.labels import class_order, is_number

SUM_TOLERANCE = 1e-2  # of a row of probabilities; float16 rows of 1,000 classes stay within it
_DIGITS = (2, 3)  # that people round or cut probabilities to; their sums stray farther
_FLOAT_ERROR = 1e-5  # of a sum of float32
NO_CLASS = "-"  # in --prob-columns: a column that holds no class
_AFFIXES = ("prob", "probs", "proba", "probability", "p", "pred", "score", "logit", "class")  # around a class's name


@dataclass(frozen=True, slots=True)
class ClassProbabilities:
    """Probabilities in the order of a class list."""

    values: FloatNC
    classes: tuple[str, ...]  # (C,) may hold classes that no sample has
    remarks: tuple[Remark, ...]  # how columns became classes and numbers probabilities


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column holds which class."""

    order: IntN  # (C,) column of each class
    classes: tuple[str, ...]
    text: str  # how they were matched, for people
    is_sure: bool = False  # the user named them


def class_probabilities(
    matrix: Matrix,
    rows: IntN,
    labels: Sequence[str],
    *,
    found: Sequence[str],
    known: Sequence[str] | None,
    columns: Sequence[str] | None = None,
) -> ClassProbabilities:
    """Return the rows as probabilities, and the class of each column.

    Args:
        matrix: (N, C) numbers; logits and log-probabilities become probabilities. One column: of the second of two.
        rows: the M rows to take.
        labels: (M,) given labels, to see whether the columns are in this order.
        found: the classes that the labels have, in order.
        known: the full class list of the table, where it has one.
        columns: the class of each column, as the user names them; nothing is guessed or doubted then.

    Raises:
        DataError: the columns do not fit the classes, seem to be in another order, or rows are no probabilities.
    """
    matched = _matched(matrix, found, known, columns)
    values = np.array(matrix.values[rows][:, matched.order], dtype=np.float32)
    values, how = _as_probabilities(matrix.source, values, rows)
    classes = matched.classes
    if len(classes) == 1:
        classes = tuple(found)
        values = np.concatenate([1 - values, values], axis=1)
        values = values if classes[1] == matched.classes[0] else np.ascontiguousarray(values[:, ::-1])
    if not matched.is_sure:
        require_order(matrix.source, values, labels, classes, in_file=_in_file(matched, classes, matrix))
    remark = Remark("note", f"{matrix.source.name}: {matched.text}.")
    return ClassProbabilities(values, classes, (remark, *how))


def prob_columns(text: str | None) -> tuple[str, ...] | None:
    """Return the classes that a user names: "a,b,c", or a file with one a line; None where nothing is named."""
    if text is None:
        return None
    source = Path(text).expanduser()
    if "," not in text and source.is_file():
        return tuple(line.strip() for line in source.read_text("utf-8-sig").splitlines() if line.strip())
    return tuple(name.strip() for name in text.split(","))


def _in_file(matched: _Columns, classes: Sequence[str], matrix: Matrix) -> list[int]:
    """Return for each column of the file the position of its class, -1 for those that are none."""
    if len(matched.order) == 1:
        return [list(classes).index(matched.classes[0])]
    places = np.full(matrix.values.shape[1], -1)
    places[matched.order] = np.arange(len(matched.order))
    return [int(place) for place in places]


def _matched(
    matrix: Matrix, found: Sequence[str], known: Sequence[str] | None, columns: Sequence[str] | None
) -> _Columns:
    if columns is not None:
        return _by_user(matrix, found, columns)
    by_name = None if matrix.names is None else _by_name(matrix, matrix.names, found)
    return by_name or _by_place(matrix, found, known)


def _by_user(matrix: Matrix, found: Sequence[str], columns: Sequence[str]) -> _Columns:
    width = matrix.values.shape[1]
    if len(columns) != width:
        raise DataError(
            f"--prob-columns names {len(columns):,} columns, and {matrix.source} has {width:,}.",
            hint=f"Name the class of every column, in the order of the file, and {NO_CLASS} for those that are none.",
        )
    named = [name for name in columns if name != NO_CLASS]
    missing = sorted(set(found) - set(named)) if width > 1 or len(found) > 2 else sorted(set(named) - set(found))
    if missing or len(set(named)) < len(named):
        twice = sorted({name for name in named if named.count(name) > 1})
        problem = f"has no {shorten(map(repr, missing))}" if missing else f"has {shorten(map(repr, twice))} twice"
        hint = did_you_mean(missing[0], columns) if missing else None
        raise DataError(f"--prob-columns {problem}.", hint=hint or f"The labels are: {shorten(found, show=10)}.")
    classes = class_order(named)
    order = np.array([list(columns).index(name) for name in classes], dtype=np.int64)
    return _Columns(order, classes, "columns are the classes of --prob-columns", is_sure=True)


def _by_name(matrix: Matrix, names: Sequence[str], found: Sequence[str]) -> _Columns | None:
    """Return the columns by their names, None where these are not the names of classes."""
    for before, after in _affixes(names, found):
        if all(f"{before}{label}{after}" in names for label in found):
            return _of_names(matrix, names, found, before, after)
    for before, after in _affixes(names, found):
        present = [label for label in found if f"{before}{label}{after}" in names]
        if len(present) == 1 and len(found) == 2 and matrix.values.shape[1] == 1:
            text = f"one column: the probability of {present[0]}, of {found[0]} and {found[1]}, by name"
            return _Columns(np.zeros(1, dtype=np.int64), (present[0],), text)
        if len(present) > len(found) / 2:
            missing = [label for label in found if label not in present]
            near = did_you_mean(f"{before}{missing[0]}{after}", names)
            hint = near or "--prob-columns names the class of every column, in the order of the file."
            raise DataError(f"{matrix.source}: no column for the class {shorten(map(repr, missing))}.", hint=hint)
    return None


def _affixes(names: Sequence[str], found: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may stand before and after a class in the names of columns: nothing, prob_, _score, ..."""
    pairs = {("", "")}
    for name in names:
        for label in found[:3]:
            before, at, after = name.partition(label)
            parts = (before.casefold().strip("_-. :["), after.casefold().strip("_-. :]"))
            if at and all(part in (*_AFFIXES, "") for part in parts):
                pairs.add((before, after))
    return sorted(pairs, key=lambda pair: (len(pair[0]) + len(pair[1]), pair))


def _of_names(matrix: Matrix, names: Sequence[str], found: Sequence[str], before: str, after: str) -> _Columns:
    """Return the columns named like classes, those without a sample included."""
    own = {name[len(before) : len(name) - len(after)]: at for at, name in enumerate(names) if _has(name, before, after)}
    extra = [label for label in own if label not in found]
    left_out = [label for label in extra if _is_no_class(matrix, own[label], label)]
    left_out += [name for name in names if not _has(name, before, after)]
    classes = class_order(label for label in own if label not in left_out)
    order = np.array([own[label] for label in classes], dtype=np.int64)
    rest = f"; left out, as no class: {shorten(map(repr, left_out))}" if left_out else ""
    return _Columns(order, classes, f"columns are matched to classes by name{rest}")


def _has(name: str, before: str, after: str) -> bool:
    return name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)


def _is_no_class(matrix: Matrix, column: int, label: str) -> bool:
    """Return whether a column that no label names is an id or a count rather than a class without a sample."""
    values = np.asarray(matrix.values[:, column])
    return names_rows(label) or bool((np.abs(values) > 1).any() and _is_whole(values))


def _is_whole(values: NDArray[Any]) -> bool:
    return bool((values == np.floor(values)).all())


def _by_place(matrix: Matrix, found: Sequence[str], known: Sequence[str] | None) -> _Columns:
    width = matrix.values.shape[1]
    as_stored = np.arange(width, dtype=np.int64)
    if width == len(found):
        return _Columns(as_stored, tuple(found), f"columns are the classes in this order: {shorten(found, show=10)}")
    if known is not None and width == len(known):
        return _Columns(as_stored, tuple(known), f"columns are the classes in this order: {shorten(known, show=10)}")
    if width == 1 and len(found) == 2:
        text = f"one column: the probability of {found[1]}, the second of {found[0]} and {found[1]}"
        return _Columns(as_stored, (found[1],), text)
    if all(is_number(name) and name.isdigit() and int(name) < width for name in found):
        return _Columns(as_stored, tuple(map(str, range(width))), f"column j is class j, for 0 to {width - 1}")
    raise DataError(
        f"{matrix.source}: {width} columns for {len(found)} classes: {shorten(found)}.{_extra_column(matrix, found)}",
        hint="One column per class, in sorted order of the names; or Parquet with the class names as column names; "
        "or name the class of every column with --prob-columns.",
    )


def _extra_column(matrix: Matrix, found: Sequence[str]) -> str:
    """Return a sentence about a column that counts rows, "" where there is none."""
    if matrix.values.shape[1] != len(found) + 1:
        return ""
    for column in range(matrix.values.shape[1]):
        values = np.asarray(matrix.values[:, column])
        if len(values) > 2 and (np.diff(values) == 1).all():
            name = column + 1 if matrix.names is None else repr(matrix.names[column])
            return f" Column {name} counts the rows and is no class."
    return ""


def _as_probabilities(source: Path, values: FloatNC, rows: IntN) -> tuple[FloatNC, tuple[Remark, ...]]:
    """Return (M, C) probabilities, and a remark where the numbers were something else."""
    bad = _bad_rows(values)
    if not len(bad):
        return values, ()
    is_logit = np.isfinite(values).all() and (values < 0).any() and len(bad) > len(values) / 2
    if not is_logit:
        raise _no_probabilities(source, values, rows, bad)
    if values.shape[1] == 1:
        with np.errstate(over="ignore"):
            return (1 / (1 + np.exp(-values))).astype(np.float32), (_was(source, "logits", "a sigmoid"),)
    logits = values.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    probs = np.exp(logits)
    are_logs = (values <= 0).all() and not len(_bad_rows(np.exp(values)))
    probs /= probs.sum(axis=1, keepdims=True)
    return probs.astype(np.float32), (_was(source, "log-probabilities" if are_logs else "logits", "a softmax"),)


def _was(source: Path, what: str, by: str) -> Remark:
    return Remark("warning", f"{source.name} holds {what}; {by} of each row made them probabilities.")


def _bad_rows(values: FloatNC) -> IntN:
    """Return the rows that are no probabilities; one column is a probability by itself."""
    with np.errstate(invalid="ignore", over="ignore"):
        is_positive = (values >= 0).all(axis=1)
        if values.shape[1] == 1:
            return np.flatnonzero(~(is_positive & (values[:, 0] <= 1)))
        strays = np.abs(values.sum(axis=1, dtype=np.float64) - 1)
    return np.flatnonzero(~((strays <= _tolerance(values)) & is_positive))  # ~: also for NaN


def _tolerance(values: FloatNC) -> float:
    """Return how far a sum may stray from 1: numbers cut to two digits stray by up to a hundredth each."""
    first = values[:1000].astype(np.float64)
    with np.errstate(invalid="ignore"):
        for digits in _DIGITS:
            if (np.abs(first - np.round(first, digits)) < 1e-6).all():
                return max(SUM_TOLERANCE, float(values.shape[1] * np.float_power(10.0, -digits))) + _FLOAT_ERROR
    return SUM_TOLERANCE + _FLOAT_ERROR


def _no_probabilities(source: Path, values: FloatNC, rows: IntN, bad: IntN) -> DataError:
    first = int(bad[0])
    least, total = float(values[first].min()), float(values[first].sum(dtype=np.float64))
    what = f"holds {least:.4g}" if least < 0 or np.isnan(least) else f"sums to {total:.4g}"
    if np.isnan(least):
        hint = "Every sample needs finite probabilities."
    elif least < 0:
        hint = "These look like logits among probabilities; make all rows the one or the other."
    else:
        hint = "Divide each row by its sum, if these are counts or scores."
    problem = f"{len(bad):,} of {len(values):,} rows are no probabilities; row {rows[first]} {what}."
    return DataError(f"{source}: {problem}", hint=hint)
