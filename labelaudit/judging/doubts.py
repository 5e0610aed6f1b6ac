"""What the evidence cannot tell: nothing wrong, or so much that right and wrong change places, or an unlearnt class.

A sample of a class that a network hardly learnt, most often because it is rare, looks as unlikely under its right label
as under a wrong one, so that evidence pooled over all classes accuses it. What is known is how many wrong labels the
learnt classes have: where mistakes can go anywhere, about as many go into a rare class, and beside its few right labels
they weigh more. No more of its labels are held for wrong than that, in the measure that the class is not learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelaudit.core.arrays import BoolN, FloatC, FloatN, IntN, Table
from labelaudit.core.issues import GENERAL_DOUBTS
from labelaudit.core.shares import Share

# Chosen by scans with a known truth, see "When nothing can be told" in docs/how-to/trusted-set.md.
_QUIET_LOW, _QUIET_FLAGGED = 0.01, 0.01  # below both there is no evidence of noise
_NEAR_CHANCE = 0.9  # of the rate at which given labels say nothing about the true ones
_WIDE = 0.3  # width of an interval that is of no use
_PAIR, _PAIR_LABELS = 0.4, 20.0  # share of two classes' meeting labels from which the majority may be the wrong one
_RARELY = 0.05  # predictions of a class, beside its labels
_HELD, _SURE, _HARD = 0.75, 0.98, 0.01  # the last: clean data and planted wrong labels reach 0.8 %
_ABOUT = 0.8  # as often
_READ_ON_CLEAN = 0.05  # share of wrong labels that learnt classes of right labels, but of few samples, read as

DoubtKind = Literal[
    "too-few", "not-learnt", "near-chance", "wide-interval", "pair", "class-not-learnt", "label-not-learnt"
]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason why right and wrong labels cannot be told apart."""

    kind: DoubtKind
    classes: tuple[int, ...] = ()  # concerned: (true, given) of a pair; empty = all

    @property
    def is_general(self) -> bool:
        """Whether no suggestion can be trusted, of whatever class."""
        return self.kind in GENERAL_DOUBTS


def is_quiet(low: float, flagged: float) -> bool:
    """Whether there is no evidence of label noise.

    Args:
        low: lower end of the noise rate's interval, or the rate itself where there is none.
        flagged: share of labels that are more likely wrong than right.
    """
    return low < _QUIET_LOW and flagged <= _QUIET_FLAGGED


def find_doubts(noise: Share, confusions: Table, *, given: IntN, predicted: IntN, smallest: int) -> tuple[Doubt, ...]:
    """Return why the labels cannot be judged; empty where they can.

    Args:
        noise: rate of all N labels.
        confusions: (C, C) share of all labels, true class by given one; the diagonal is not read.
        given: (N,) labels.
        predicted: (N,) most probable classes.
        smallest: samples below which a class is too small to be spoken of.
    """
    n_classes, doubts = len(confusions), []
    if noise.high >= _NEAR_CHANCE * (n_classes - 1) / n_classes:
        doubts.append(Doubt("near-chance"))
    if noise.high - noise.low > _WIDE:
        doubts.append(Doubt("wide-interval"))
    if doubts:
        return tuple(doubts)  # what is true of all classes need not be said of each
    return find_class_doubts(confusions, given=given, predicted=predicted, smallest=smallest)


def find_class_doubts(confusions: Table, *, given: IntN, predicted: IntN, smallest: int) -> tuple[Doubt, ...]:
    """Return which classes cannot be judged.

    Args:
        confusions: (C, C) share of all labels, true class by given one; the diagonal is not read.
        given: (N,) labels.
        predicted: (N,) most probable classes.
        smallest: samples below which a class is too small to be spoken of.
    """
    n_classes, doubts = len(confusions), []
    wrong = confusions * (1.0 - np.eye(n_classes)) * len(given)
    sizes = np.bincount(given, minlength=n_classes)
    right = np.maximum(sizes - wrong.sum(axis=0), 0.0)
    share = wrong / np.maximum(wrong + right[:, None], 1e-12)
    for true, label in np.argwhere((share >= _PAIR) & (wrong >= _PAIR_LABELS)).tolist():
        doubts.append(Doubt("pair", (true, label)))
    times = np.bincount(predicted, minlength=n_classes)
    rarely = np.flatnonzero((sizes >= smallest) & (times < _RARELY * sizes)).tolist()
    return (*doubts, *(Doubt("class-not-learnt", (name,)) for name in rarely))


def none_fits(top_probs: Table, given_probs: FloatN, n_classes: int) -> BoolN:
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


def learnt_shares(wrong: FloatN, given: IntN, predicted: IntN, n_classes: int) -> FloatC:
    """Return (C,) how far each class is learnt: predicted about as often as its labels are held for right.

    Args:
        wrong: (N,) p(given label is wrong).
        given: (N,) labels.
        predicted: (N,) most probable classes.
        n_classes: C.
    """
    right = np.bincount(given, 1.0 - wrong, minlength=n_classes)
    times = np.bincount(predicted, minlength=n_classes)
    return np.where(right > 0, np.minimum(times / np.maximum(_ABOUT * right, 1e-9), 1.0), 1.0)


def credible_shares(wrong: FloatN, given: IntN, learnt: FloatC) -> FloatC:
    """Return (C,) the share of each class's p(wrong) that can be believed; 1 where a class is learnt.

    Wrong labels in the learnt classes say nothing while clean data would be read as having as many, and all from twice
    that share on.

    Args:
        wrong: (N,) p(given label is wrong).
        given: (N,) labels.
        learnt: (C,) how far each class is.
    """
    sizes = np.bincount(given, minlength=len(learnt)).astype(np.float64)
    n_wrong = np.bincount(given, wrong, minlength=len(learnt))
    elsewhere = len(given) - (sizes - n_wrong)  # samples that a mistake could bring here
    n_learnt = float((learnt * n_wrong).sum())
    rate = n_learnt / max(float((learnt * sizes).sum()), 1e-9)
    certain = min(max(rate / _READ_ON_CLEAN - 1.0, 0.0), 1.0)
    each = certain * n_learnt / max(float((learnt * elsewhere).sum()), 1e-9)
    credible = np.minimum(elsewhere * each / np.maximum(n_wrong, 1e-9), 1.0)
    return np.asarray(learnt + (1.0 - learnt) * credible)
