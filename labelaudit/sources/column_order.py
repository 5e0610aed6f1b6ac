"""Whether columns of probabilities are in the order of the classes, or in another one that fits the labels better.

An order is looked for on one half of the samples and tried on the other: with many classes and few samples some order
always fits the half that it was made for.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatNC, IntN
from labelaudit.core.errors import DataError

# Labels of which more than half are another class throughout are rare, and so are networks below 30 %. Chosen by
# planted noise of up to 45 % between pairs of classes, which must pass, and two of 20 columns swapped, which must not.
_FEWEST, _TIMES, _SHARE, _DEVIATIONS = 10, 3, 0.3, 3.0
_LISTED = 30  # classes up to which a whole order is written out


@dataclass(frozen=True, slots=True)
class Order:
    """An order of columns that fits the labels better than the one they are in."""

    columns: IntN  # (C,) the class that each column seems to hold
    agree: float  # share of the labels that predictions agree with as the columns are
    would_agree: float  # and in this order


def find_other_order(probs: FloatNC, given: IntN) -> Order | None:
    """Return the order that the columns seem to be in, None where they are as they should be or nobody can tell.

    Args:
        probs: (N, C) column j holds class j, supposedly.
        given: (N,) labels.
    """
    n_classes = probs.shape[1]
    predicted = probs.argmax(axis=1)
    found = _best_order(predicted[::2], given[::2], n_classes)
    if not _is_better(found, predicted[1::2], given[1::2]):
        return None
    found = _best_order(predicted, given, n_classes)
    return Order(found, float((predicted == given).mean()), float((found[predicted] == given).mean()))


def require_order(
    source: Path, probs: FloatNC, labels: Sequence[str], classes: Sequence[str], *, in_file: Sequence[int]
) -> None:
    """Raise DataError where the columns seem to be in another order, naming it and the option.

    Args:
        source: for the message.
        probs: (N, C).
        labels: (N,) given labels.
        classes: (C,) of the columns.
        in_file: for each column of the file the position of its class, -1 for those that are none.
    """
    place = {name: at for at, name in enumerate(classes)}
    known = np.array([place.get(label, -1) for label in labels], dtype=np.int64)  # -1: folded into another name
    order = find_other_order(probs[known >= 0], known[known >= 0])
    if order is None:
        return
    seem = [classes[at] for at in order.columns]
    moved = [f"{name} -> {other}" for name, other in zip(classes, seem, strict=True) if name != other]
    agree, would = (f"{share:.0%}".replace("%", " %") for share in (order.agree, order.would_agree))
    shown = ", ".join(moved[:5]) + (f" and {len(moved) - 5:,} more" if len(moved) > 5 else "")
    raise DataError(
        f"{source}: the columns seem to be in another order: predictions agree with {agree} of the labels,"
        f" and with {would} after {shown}.",
        hint=_hint([["-" if at < 0 else names[at] for at in in_file] for names in (seem, classes)]),
    )


def _hint(orders: Sequence[Sequence[str]]) -> str:
    """Return what to type, for the order that the columns seem to be in and for the one that they are in."""
    seem, now = orders
    if len(now) > _LISTED:
        return "Name the class of every column with --prob-columns FILE, one a line, in the order of the file."
    return f"--prob-columns {_typed(seem)} says so; --prob-columns {_typed(now)} keeps them as they are."


def _typed(names: Sequence[str]) -> str:
    return shlex.quote(",".join(names))


def _best_order(predicted: IntN, given: IntN, n_classes: int) -> IntN:
    """Return (C,) the class that each column fits best, all different; a column stays where another fits as well."""
    from scipy.optimize import linear_sum_assignment  # a scan of images must not wait for it

    counts = np.bincount(predicted * n_classes + given, minlength=n_classes**2).reshape(n_classes, n_classes)
    prefers_own: NDArray[np.float64] = counts + 0.5 * np.eye(n_classes)
    _, classes = linear_sum_assignment(prefers_own, maximize=True)
    return np.asarray(classes, dtype=np.int64)


def _is_better(order: IntN, predicted: IntN, given: IntN) -> bool:
    """Return whether an order fits samples that it was not made for clearly better, where it changes anything."""
    moved = order != np.arange(len(order))
    about = moved[given]
    wins = int((order[predicted[about]] == given[about]).sum())
    losses = int((predicted[about] == given[about]).sum())
    is_clear = wins - losses > _DEVIATIONS * np.sqrt(wins + losses)
    return wins >= _FEWEST and wins > _TIMES * losses and wins >= _SHARE * int(about.sum()) and bool(is_clear)
