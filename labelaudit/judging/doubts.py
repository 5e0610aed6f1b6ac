"""What the evidence cannot tell: nothing wrong found, or so much that right and wrong labels change places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelaudit.judging.calibration import FloatN, IntN, NoiseRate

# Chosen by scans with a known truth, see "When nothing can be told" in docs/how-to/trusted-set.md.
_QUIET_LOW, _QUIET_FLAGGED = 0.01, 0.01  # below both there is no evidence of noise
_NEAR_CHANCE = 0.9  # of the rate at which given labels say nothing about the true ones
_WIDE = 0.3  # width of an interval that is of no use
_PAIR, _PAIR_LABELS = 0.4, 20.0  # share of two classes' meeting labels from which the majority may be the wrong one
_RARELY = 0.05  # predictions of a class, beside its labels

DoubtKind = Literal["near-chance", "wide-interval", "pair", "class-not-learnt"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason why right and wrong labels cannot be told apart."""

    kind: DoubtKind
    classes: tuple[int, ...] = ()  # concerned: (true, given) of a pair; empty = all

    @property
    def is_general(self) -> bool:
        """Whether no suggestion can be trusted, of whatever class."""
        return self.kind in ("near-chance", "wide-interval")


def is_quiet(low: float, flagged: float) -> bool:
    """Whether there is no evidence of label noise.

    Args:
        low: lower end of the noise rate's interval, or the rate itself where there is none.
        flagged: share of labels that are more likely wrong than right.
    """
    return low < _QUIET_LOW and flagged <= _QUIET_FLAGGED


def find_doubts(
    noise: NoiseRate, confusions: NDArray[np.float64], *, given: IntN, predicted: IntN, smallest: int
) -> tuple[Doubt, ...]:
    """Return why the labels cannot be judged; empty where they can.

    Args:
        noise: rate of all N labels.
        confusions: (C, C) share of all labels, true class by given one; the diagonal is not read.
        given: (N,) labels.
        predicted: (N,) most probable classes.
        smallest: samples below which a class is too small to be spoken of.
    """
    n_classes = len(confusions)
    found = []
    if noise.high >= _NEAR_CHANCE * (n_classes - 1) / n_classes:
        found.append(Doubt("near-chance"))
    if noise.high - noise.low > _WIDE:
        found.append(Doubt("wide-interval"))
    wrong = confusions * (1.0 - np.eye(n_classes)) * len(given)
    sizes = np.bincount(given, minlength=n_classes)
    right = np.maximum(sizes - wrong.sum(axis=0), 0.0)
    share = wrong / np.maximum(wrong + right[:, None], 1e-12)
    if found:
        return tuple(found)  # what is true of all classes need not be said of each
    for true, label in np.argwhere((share >= _PAIR) & (wrong >= _PAIR_LABELS)).tolist():
        found.append(Doubt("pair", (true, label)))
    times = np.bincount(predicted, minlength=n_classes)
    rarely = np.flatnonzero((sizes >= smallest) & (times < _RARELY * sizes)).tolist()
    return (*found, *(Doubt("class-not-learnt", (name,)) for name in rarely))


def none_fits(top_probs: NDArray[np.float64], given_probs: FloatN, n_classes: int) -> NDArray[np.bool_]:
    """Return (N,) which samples seem to belong to no class; none where the network is unsure of many samples.

    A sample that belongs to a class is given to it, or shared by two that look alike. Where the two most probable
    classes together hold little the sample is likely of another kind. That only shows beside a network that is sure of
    most samples, and hard samples look so now and then: a share that clean data reach too is taken for those.

    Args:
        top_probs: (N, K) probabilities, highest first.
        given_probs: (N,) of the given labels.
        n_classes: C.
    """
    held = top_probs[:, :2].sum(axis=1)
    strange = (held < _HELD) & (given_probs < 0.5)
    if n_classes <= 2 or not len(held) or np.median(held) < _SURE or strange.mean() <= _HARD:
        return np.zeros(len(held), dtype=np.bool_)
    return np.asarray(strange)


_HELD, _SURE, _HARD = 0.75, 0.98, 0.01  # the last: clean data and planted wrong labels reach 0.8 %
