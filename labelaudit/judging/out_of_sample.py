"""What predictions that never saw a label say of it, and of the labels that it might have been given in its place.

Nobody was taught the given label of a sample, nor any of its other labels: all of them are judged alike, and the other
ones are known to be wrong, wherever the given one is right. Where mistakes have a direction, some kinds are made often
and others never, and labels that nobody would confuse score far higher than any that are given: they would hide the
noise. So each counts as often as a mistake like it is expected, by the sample's probable true class and by who is taken
for whom (`unseen_transitions`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN, IntN, Probs, Table
from labelaudit.core.evidence import Evidence, Judges, Witness, evidence_from_probs, joined, no_judges
from labelaudit.judging.confusions import confident_counts, undone, unseen_transitions

_MOST_ASKED = 1_000_000  # other labels that are judged, of all samples together; of more they are drawn
_STEPS = 10  # of undoing confusions
_MOST_WORK = 2e11  # multiplications in all steps of undoing: seconds
_BLOCK = 4_000_000  # probabilities at a time
_TINY = 1e-12

# Of labels that come later, where an audit found fewer wrong ones or none: new data may be worse than old data.
LEAST_NOISE = 0.02


def evidence_on_unseen(
    probs: Probs, given: IntN, n_classes: int, *, draw: np.random.Generator, name: str = "probabilities"
) -> Evidence:
    """Return evidence from out-of-sample probabilities, and the other labels of each sample to calibrate by.

    Confusions with a direction are undone; where there are none the probabilities stay as they are.

    Args:
        probs: (N, C) class probabilities; rows sum to 1.
        given: (N,) labels.
        n_classes: C.
        draw: which other labels stand for all where there are many.
        name: of the one witness.
    """
    evidence = _undone_evidence(probs, given, n_classes, draw)
    against = evidence.scores.get("evidence", -evidence.scores["margin"]).astype(np.float32)
    predicted = probs.argmax(axis=1).astype(np.int32)
    is_directed = "evidence" in evidence.scores
    return replace(evidence, witnesses={name: Witness(against, predicted, is_taught=False, is_directed=is_directed)})


def _undone_evidence(probs: Probs, given: IntN, n_classes: int, draw: np.random.Generator) -> Evidence:
    transitions = unseen_transitions(confident_counts(probs, given, n_classes))
    if transitions is None:
        return evidence_from_probs(probs, given, judges=no_judges(len(given)))
    steps = int(min(_STEPS, _MOST_WORK // (2 * len(given) * n_classes**2)))
    n_others = int(np.clip(_MOST_ASKED // len(given), 1, n_classes - 1))
    block, parts = max(_BLOCK // n_classes, 1), []
    for start in range(0, len(given), block):
        part = slice(start, start + block)
        true = undone(probs[part], transitions, steps=steps)
        parts.append(_judged(true, given[part], transitions, n_others=n_others, draw=draw))
    return joined(parts)


def unseen_clean_prob(given_probs: FloatN, n_classes: int, *, noise_rate: float) -> FloatN:
    """Return (N,) p(label is right | sample, label) by Bayes' rule, from predictions that never saw the label.

    A wrong label is any of the others with the same probability: p(g | true class j) = noise_rate / (C - 1) for j != g.
    A network is not sure of samples that it has not learnt from, so that a fixed limit on their loss would accuse many
    right labels: measured on digits with 20 % wrong labels, docs/how-to/update.md.

    Args:
        given_probs: (N,) model probability of the given label.
        n_classes: C.
        noise_rate: share of wrong labels to expect; held to `LEAST_NOISE` to 0.5.
    """
    rate = float(np.clip(noise_rate, LEAST_NOISE, 0.5))
    right = given_probs * (1.0 - rate)
    wrong = (1.0 - given_probs) * rate / (n_classes - 1)
    return np.asarray(right / np.maximum(right + wrong, _TINY))


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
    by_lot = np.empty((n_others, N), dtype=np.int64)
    for lot in by_lot:
        lot[:] = (draw.random((N, 1)) * reached[:, -1:] < reached).argmax(axis=1)
    return by_lot, np.tile(reached[:, -1] / n_others, (n_others, 1))
