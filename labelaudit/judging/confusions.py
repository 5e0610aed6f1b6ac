"""Who is taken for whom: directed confusions in a network's predictions, and what they say of a label.

A network that is taught cats as dogs often enough says so of every cat: its probabilities are those of the noisy
labels, and a wrong label looks as likely to it as a hard right one. But mistakes have a direction. Where images look
alike the network takes each for the other; where labels are wrong one class flows into the other and little comes back.
What flows more than it comes back is noise; undoing it gives the probabilities of the true labels.

Source:
    Counts of confident predictions: Northcutt et al. 2021, "Confident Learning", arXiv:1911.00068, section 3.1.
    Undoing: Richardson 1972 and Lucy 1974, multiplicative steps that keep probabilities probabilities.
    Symmetry of a square table: Bowker 1948, "A Test for Symmetry in Contingency Tables", JASA 43.
    The comparison of both directions is ours; measured in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from labelaudit.core.arrays import FloatN, IntN, Probs, Table
from labelaudit.core.evidence import Witness, witness_from_probs

_NEARLY = 0.5  # of the most probable class
_CERTAIN = 5.0  # standard deviations by which one direction must exceed the other
_SMALLEST_SHARE = 0.01  # of all labels that must flow in a certain direction, or there is no structure worth undoing
_ALIKE = 0.7  # share of what flows both ways that is put down to likeness
_ANYWHERE = 0.02  # share of labels that may be wrong in any way, so that nothing is impossible
_STEPS = 3  # of undoing; more sharpen noise
_CHANCE = 1e-4  # of so much direction in a table that has none
_FEWEST_MET = 10  # samples that two classes share, below which they say nothing of a direction
_RARE = 0.002  # as `_ANYWHERE`, for predictions that never saw the label
_LIKELY = 2.0  # as `_CERTAIN`, of one direction where the table as a whole has some
_LARGE, _MOSTLY = 0.15, 0.35  # part of a class that flows on; share of all that flows on which is in such large parts
_REMAINS = 0.1  # of what comes back against a direction that is found
_ROUNDS = 10  # of finding the part of a class that is labelled otherwise
_BLOCK = 65_536  # samples at a time
_TINY = 1e-12


def confident_counts(
    probs: Probs, labels: IntN, n_classes: int, *, summed: Callable[[Table], Table] = lambda part: part
) -> Table:
    """Return (C, C) how many samples of each given label are confidently of each class, given counts kept.

    A sample is confidently of the class that is most probable among those whose probability is at least its mean over
    the samples that have that label, and at least half of the highest: the mean of a rare class is reached by chance.

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
        is_high = (part >= threshold) & (part >= _NEARLY * part.max(axis=1, keepdims=True, initial=0.0))
        confident = np.where(is_high, part, -1.0)
        best = confident.argmax(axis=1)
        sure = confident[np.arange(len(best)), best] >= 0
        counts += np.bincount(best[sure] * n_classes + given[sure], minlength=n_classes**2)
    table = summed(counts.reshape(n_classes, n_classes))
    return np.asarray(table / np.maximum(table.sum(axis=0), 1) * total[0])


def directed_transitions(counts: Table) -> Table | None:
    """Return (C, C) p(given label | true class), None where no class certainly flows into another.

    Args:
        counts: of confident predictions, see `confident_counts`.
    """
    n_classes, n = len(counts), float(counts.sum())
    apart = 1.0 - np.eye(n_classes)
    flow = counts * apart
    excess = flow - np.minimum(flow, flow.T)
    certain = _deviations(counts) > _CERTAIN
    if float((excess * certain).sum()) <= _SMALLEST_SHARE * n:
        return None
    wrong = flow - _ALIKE * np.minimum(flow, flow.T) + _ANYWHERE * n * apart / max(n_classes * (n_classes - 1), 1)
    joint = wrong + np.diag(np.maximum(counts.sum(axis=0) - wrong.sum(axis=0), 1.0))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def unseen_transitions(counts: Table) -> Table | None:
    """Return (C, C) p(given label | true class), from predictions that never saw the label they stand beside.

    None where mistakes have no direction. Where they have, a network has learnt to make them: it repeats a share a of
    them. With t the part of class i that is labelled j, and o the part that is labelled anything else, n_i t (1 - a o)
    are predicted i and given j, but n_i a t (1 - o) are predicted j and given i, though no label of j is wrong. The
    difference, and the smaller one divided by 1 - o, add up to n_i t.

    Args:
        counts: of confident predictions, see `confident_counts`.
    """
    n_classes, n = len(counts), float(counts.sum())
    apart = 1.0 - np.eye(n_classes)
    flow = counts * apart
    sizes, returned = np.maximum(counts.sum(axis=1), 1.0), np.minimum(flow, flow.T)
    beyond, met = _deviations(counts), flow + flow.T >= _FEWEST_MET
    strength = float((beyond.clip(min=0.0) ** 2 * met).sum())
    if not met.any() or scipy.stats.chi2.sf(strength, np.count_nonzero(np.triu(met))) > _CHANCE:
        return None
    onward = (flow - flow.T) / np.sqrt(flow + flow.T + 1.0) > 1.0
    wrong, left = flow, np.zeros(n_classes)  # o
    for _ in range(_ROUNDS):
        made = flow - returned + returned / np.maximum(1.0 - left, 0.5)[:, None]
        wrong = np.where(onward, made, np.where(onward.T, _REMAINS * returned, flow))
        left = wrong.sum(axis=1) / sizes
    excess = (flow - returned) * onward
    large = (beyond > _LIKELY) & (wrong >= _LARGE * sizes[:, None])
    if float((excess * large).sum()) <= max(_SMALLEST_SHARE * n, _MOSTLY * float(excess.sum())):
        return None
    joint = wrong + np.diag(np.maximum(counts.sum(axis=0) - wrong.sum(axis=0), 1.0))
    joint += _RARE * n * apart / max(n_classes * (n_classes - 1), 1)
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def _deviations(counts: Table) -> Table:
    """Return (C, C) how many standard deviations more flows from one class to the other than chance would have it.

    Chance is both that as many flow back, and that each class loses the same share, as it does under wrong labels of
    any kind: then more leave the larger class.
    """
    flow, sizes = counts * (1.0 - np.eye(len(counts))), np.maximum(counts.sum(axis=1), 1.0)
    both = flow + flow.T

    def beyond(share: Table) -> Table:
        return np.asarray((flow - both * share) / np.sqrt(both * share * (1.0 - share) + 0.25))

    return np.minimum(beyond(np.full_like(flow, 0.5)), beyond(sizes[:, None] / (sizes[:, None] + sizes)))


def undone(probs: Probs, transitions: Table, *, steps: int = _STEPS) -> Table:
    """Return (N, C) probabilities of the true class, from those of the given label."""
    true = probs.astype(np.float64)
    for start in range(0, len(true), _BLOCK):
        seen, part = probs[start : start + _BLOCK].astype(np.float64), true[start : start + _BLOCK]
        for _ in range(steps):
            part *= (seen / np.maximum(part @ transitions, _TINY)) @ transitions.T
            part /= np.maximum(part.sum(axis=1, keepdims=True), _TINY)
    return true


def log_odds_of_wrong(probs: Table, labels: IntN, transitions: Table) -> FloatN:
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


def taught_witness(
    probs: Probs, given: IntN, n_classes: int, *, summed: Callable[[Table], Table] = lambda part: part
) -> Witness:
    """Return what a network that was taught the labels says of them, less the confusions that flow in one direction.

    Args:
        probs: (N, C) its predictions.
        given: (N,) labels.
        n_classes: C.
        summed: as in `confident_counts`.
    """
    plain = witness_from_probs(probs, given, is_taught=True)
    transitions = directed_transitions(confident_counts(probs, given, n_classes, summed=summed))
    if transitions is None:
        return plain
    against = log_odds_of_wrong(undone(probs, transitions), given, transitions)
    return Witness(against.astype(np.float32), plain.predicted, is_taught=True, is_directed=True)
