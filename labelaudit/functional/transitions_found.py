"""Who is taken for whom: directed confusions in a network's predictions, and what they say of a label.

A network that is taught cats as dogs often enough says so of every cat: its probabilities are those of the noisy
labels, and a wrong label looks as likely to it as a hard right one. But mistakes have a direction. Where images look
alike the network takes each for the other; where labels are wrong one class flows into the other and little comes back.
What flows more than it comes back is noise; undoing it gives the probabilities of the true labels.

Source:
    Counts of confident predictions: Northcutt et al. 2021, "Confident Learning", arXiv:1911.00068, section 3.1.
    Undoing: Richardson 1972 and Lucy 1974, multiplicative steps that keep probabilities probabilities.
    The comparison of both directions is ours; measured in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]  # (C, C), true class by given one
Probs = NDArray[np.floating]  # (N, C)
IntN = NDArray[np.int64]  # (N,)

_CERTAIN = 5.0  # standard deviations by which one direction must exceed the other
_SMALLEST_SHARE = 0.01  # of all labels that must flow in a certain direction, or there is no structure worth undoing
_ALIKE = 0.7  # share of what flows both ways that is put down to likeness
_ANYWHERE = 0.02  # share of labels that may be wrong in any way, so that nothing is impossible
_STEPS = 3  # of undoing; more sharpen noise
_BLOCK = 65_536  # samples at a time
_TINY = 1e-12


def confident_counts(
    probs: Probs, labels: IntN, n_classes: int, *, summed: Callable[[Table], Table] = lambda part: part
) -> Table:
    """Return (C, C) how many samples of each given label are confidently of each class, given counts kept.

    A sample is confidently of the class that is most probable among those whose probability is at least its mean over
    the samples that have that label.

    Args:
        probs: (N, C) predictions.
        labels: (N,) given labels.
        n_classes: C.
        summed: adds up a table over those who have the other samples.
    """
    own = np.zeros((2, n_classes))
    own[0] = np.bincount(labels, minlength=n_classes)
    own[1] = np.bincount(labels, probs[np.arange(len(labels)), labels].astype(np.float64), minlength=n_classes)
    total = summed(own)
    threshold = np.where(total[0] > 0, total[1] / np.maximum(total[0], 1), 2.0)
    counts = np.zeros(n_classes**2)
    for start in range(0, len(labels), _BLOCK):
        part, given = probs[start : start + _BLOCK], labels[start : start + _BLOCK]
        confident = np.where(part >= threshold, part, -1.0)
        best = confident.argmax(axis=1)
        sure = confident[np.arange(len(best)), best] >= 0
        counts += np.bincount(best[sure] * n_classes + given[sure], minlength=n_classes**2)
    found = summed(counts.reshape(n_classes, n_classes))
    return np.asarray(found / np.maximum(found.sum(axis=0), 1) * total[0])


def directed_transitions(counts: Table) -> Table | None:
    """Return (C, C) p(given label | true class), None where no class certainly flows into another.

    Args:
        counts: of confident predictions, see `confident_counts`.
    """
    n_classes, n = len(counts), float(counts.sum())
    apart = 1.0 - np.eye(n_classes)
    flow = counts * apart
    excess = flow - np.minimum(flow, flow.T)
    certain = excess > _CERTAIN * np.sqrt(flow + flow.T + 1.0)
    if float((excess * certain).sum()) <= _SMALLEST_SHARE * n:
        return None
    wrong = flow - _ALIKE * np.minimum(flow, flow.T) + _ANYWHERE * n * apart / max(n_classes * (n_classes - 1), 1)
    joint = wrong + np.diag(np.maximum(counts.sum(axis=0) - wrong.sum(axis=0), 1.0))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def undone(probs: Probs, transitions: Table) -> Table:
    """Return (N, C) probabilities of the true class, from those of the given label."""
    found = probs.astype(np.float64)
    for start in range(0, len(found), _BLOCK):
        seen, part = probs[start : start + _BLOCK].astype(np.float64), found[start : start + _BLOCK]
        for _ in range(_STEPS):
            part *= (seen / np.maximum(part @ transitions, _TINY)) @ transitions.T
            part /= np.maximum(part.sum(axis=1, keepdims=True), _TINY)
    return found


def log_odds_of_wrong(probs: Table, labels: IntN, transitions: Table) -> NDArray[np.float64]:
    """Return (N,) log p(wrong | sample, label) - log p(right | sample, label).

    Args:
        probs: (N, C) probabilities of the true class.
        labels: (N,) labels in question.
        transitions: (C, C) p(given label | true class).
    """
    to_label = transitions[:, labels].T  # (N, C) p(this label | each true class)
    each = probs * to_label
    right = each[np.arange(len(labels)), labels]
    return np.asarray(np.log(np.maximum(each.sum(axis=1) - right, _TINY)) - np.log(np.maximum(right, _TINY)))
