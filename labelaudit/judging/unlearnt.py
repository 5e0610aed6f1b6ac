"""Classes that a network hardly learnt, most often because they are rare: its evidence says little of their labels.

A sample of a rare class looks as unlikely under its right label as under a wrong one, so that evidence pooled over all
classes accuses it. What is known is how many wrong labels the learnt classes have: where mistakes can go anywhere,
about as many go into a rare class, and beside its few right labels they weigh more. No more of its labels are held for
wrong than that, in the measure that the class is not learnt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)
FloatC = NDArray[np.float64]  # (C,)
IntN = NDArray[np.int64]  # (N,)

_ABOUT = 0.8  # as often
_READ_ON_CLEAN = 0.05  # share of wrong labels that learnt classes of right labels, but of few samples, read as


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
