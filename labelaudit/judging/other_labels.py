"""What probabilities that never saw a label say of it, and of the labels that it might have been given in its place.

Nobody was taught the given label of a sample, nor any of its other labels: all of them are judged alike, and the other
ones are known to be wrong, wherever the given one is right. Where mistakes have a direction, some kinds are made often
and others never, and labels that nobody would confuse score far higher than any that are given: they would hide the
noise. So each counts as often as a mistake like it is expected, by the sample's probable true class and by who is taken
for whom (`unseen_transitions`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.evidence import Evidence, Judges, evidence_from_probs, joined, no_judges
from labelaudit.core.seeds import numpy_generator
from labelaudit.judging.confusions import Probs, Table, confident_counts, undone, unseen_transitions

IntN = NDArray[np.int64]  # (N,)

_MOST_ASKED = 1_000_000  # other labels that are judged, of all samples together; of more they are drawn
_STEPS = 10  # of undoing confusions
_MOST_WORK = 2e11  # multiplications in all steps of undoing: seconds
_BLOCK = 4_000_000  # probabilities at a time
_TINY = 1e-12


def evidence_on_unseen(probs: Probs, given: IntN, n_classes: int, *, seed: int) -> Evidence:
    """Return evidence from out-of-sample probabilities, and the other labels of each sample to calibrate by.

    Confusions with a direction are undone; where there are none the probabilities stay as they are.

    Args:
        probs: (N, C) class probabilities; rows sum to 1.
        given: (N,) labels.
        n_classes: C.
        seed: of which other labels stand for all where there are many.
    """
    transitions = unseen_transitions(confident_counts(probs, given, n_classes))
    if transitions is None:
        return evidence_from_probs(probs, given, judges=no_judges(len(given)))
    steps = int(min(_STEPS, _MOST_WORK // (2 * len(given) * n_classes**2)))
    draw = numpy_generator(seed, "other labels")
    n_others = int(np.clip(_MOST_ASKED // len(given), 1, n_classes - 1))
    block, parts = max(_BLOCK // n_classes, 1), []
    for start in range(0, len(given), block):
        part = slice(start, start + block)
        true = undone(probs[part], transitions, steps=steps)
        parts.append(_judged(true, given[part], transitions, n_others=n_others, draw=draw))
    return joined(parts)


def _judged(true: Table, given: IntN, transitions: Table, *, n_others: int, draw: np.random.Generator) -> Evidence:
    """Return the evidence of some samples, from their (N, C) probabilities of the true class."""
    N, C = true.shape
    right = np.maximum(true * np.diag(transitions), _TINY)
    wrong = np.maximum(true @ transitions - right, _TINY)
    scores = np.log(wrong) - np.log(right)  # (N, C) log odds that each label would be wrong
    rows = np.arange(N)
    by_given = true * transitions[:, given].T  # (N, C) of the true class, by its label too
    by_given /= np.maximum(by_given.sum(axis=1, keepdims=True), _TINY)
    expected = by_given @ (transitions * (1.0 - np.eye(C)))  # (N, C) how often each mistake is made
    expected[rows, given] = 0.0
    labels, weights = _others(expected, given, n_others, draw)
    asked = np.vstack([given, labels])
    return evidence_from_probs(
        true,
        given,
        scores={"evidence": scores[rows, given]},
        judges=Judges(
            scores=scores[rows, asked].astype(np.float32),
            labels=asked.astype(np.int32),
            weights=np.vstack([np.ones(N), weights]).astype(np.float32),
        ),
    )


def _others(
    expected: Table, given: IntN, n_others: int, draw: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (K, N) labels other than the given one and how much each counts: all of them, or K by lot.

    Args:
        expected: (N, C) how often each mistake is made; 0 for the given label.
        given: (N,) labels.
        n_others: K.
        draw: for the lots.
    """
    N, C = expected.shape
    if n_others == C - 1:
        every = (given + np.arange(1, C)[:, None]) % C
        return every, expected[np.arange(N), every]
    reached = expected.cumsum(axis=1)
    found = np.empty((n_others, N), dtype=np.int64)
    for lot in found:
        lot[:] = (draw.random((N, 1)) * reached[:, -1:] < reached).argmax(axis=1)
    return found, np.tile(reached[:, -1] / n_others, (n_others, 1))
