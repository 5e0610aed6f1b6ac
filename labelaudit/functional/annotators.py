"""Several people's answers to one sample: which label they add up to, and how good each person is.

Every person has a table of how often a sample of a class is called each class; the label that all answers add up to
is a probability over the classes. Each follows from the other: expectation maximisation, from the majority vote on.
A model's probabilities can take part, as one more voice that is believed as far as it agrees with people where
several of them do.

Source:
    Dawid and Skene 1979, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", equations 2.3
    to 2.5. Deviations: tables have a prior (a person is right more often than not), as people answer few samples of a
    class; a person with few answers so is like the others.
    The weight of a model: Goh, Tkachenko and Mueller 2022, "CROWDLAB", arXiv:2210.06812, where a model counts by how
    well it predicts the majority, compared with one person. Deviation: its logarithm enters the EM as a voice, rather
    than a weighed mean of probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)
IntN = NDArray[np.int64]  # (N,)
Table = NDArray[np.float64]

_ROUNDS, _STOP = 200, 1e-6  # of the EM, and the change of the probabilities at which it ends
_PRIOR = 2.0  # answers' worth of the overall accuracy, that every row of a person's table is mixed with
_TAILS = (0.05, 0.95)  # of a 90 % interval
_LOOK_AGAIN = 0.9  # P(consensus) below which a sample needs another look
_LEAST_WEIGHT, _MOST_WEIGHT = 0.0, 3.0  # of a model, in persons
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Votes:
    """A answers of P people to N samples."""

    sample: IntN  # (A,) position of the sample
    person: IntN  # (A,) position of the person
    label: IntN  # (A,) position of the class
    n_samples: int
    n_persons: int
    n_classes: int


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers add up to."""

    probs: Table  # (N, C) of each class; the classes' shares where nobody answered
    label: IntN  # (N,) the most probable class
    quality: FloatN  # (N,) its probability
    persons: tuple[Person, ...]  # (P,)
    agreement: float  # share of pairs of answers to one sample that are the same; NaN where no sample has two
    model_weight: float  # that the model had, in persons; 0 = there was none

    @property
    def look_again(self) -> NDArray[np.bool_]:
        """(N,) which samples need another answer."""
        return np.asarray(self.quality < _LOOK_AGAIN)


@dataclass(frozen=True, slots=True)
class Person:
    """How good one person's answers are."""

    answers: int
    accuracy: float  # share of the answers that are right, by the consensus
    low: float  # ends of its 90 % interval
    high: float
    table: Table  # (C, C) P(answer | class), rows add up to 1


def find_consensus(votes: Votes, *, model: Table | None = None) -> Consensus:
    """Return the label that the answers to each sample add up to, and how good each person is.

    Args:
        votes: the answers; a person may answer a sample more than once.
        model: (N, C) out-of-sample probabilities, taught or not by these answers; None = there is no model.
    """
    counts = majority(votes)
    voted = counts.sum(axis=1) > 0
    probs = counts / np.maximum(counts.sum(axis=1, keepdims=True), _TINY)
    probs[~voted] = 1 / votes.n_classes
    weight = 0.0 if model is None else _model_weight(votes, counts, model)
    voice = 0.0 if model is None else weight * np.log(np.clip(model, 1e-4, 1.0))
    for _ in range(_ROUNDS):
        tables, shares = _tables(votes, probs), _shares(probs[voted] if voted.any() else probs)
        new = _posterior(votes, tables, shares, voice)
        change = float(np.abs(new - probs).max(initial=0.0))
        probs = new
        if change < _STOP:
            break
    label = _most_probable(probs, counts)
    persons = tuple(_persons(votes, probs, _tables(votes, probs)))
    quality = probs[np.arange(votes.n_samples), label]
    return Consensus(probs, label, quality, persons, _agreement(counts), weight)


def majority(votes: Votes) -> Table:
    """Return (N, C) how many answers each class has."""
    size = votes.n_samples * votes.n_classes
    found = np.bincount(votes.sample * votes.n_classes + votes.label, minlength=size).astype(np.float64)
    return found.reshape(votes.n_samples, votes.n_classes)


def _tables(votes: Votes, probs: Table) -> NDArray[np.float64]:
    """Return (P, C, C) P(answer | class) of each person, by what the labels are believed to be."""
    n_persons, n_classes = votes.n_persons, votes.n_classes
    places = votes.person * n_classes + votes.label
    counted = np.empty((n_persons * n_classes, n_classes))
    for true in range(n_classes):
        counted[:, true] = np.bincount(places, probs[votes.sample, true], minlength=n_persons * n_classes)
    tables = counted.reshape(n_persons, n_classes, n_classes).transpose(0, 2, 1)  # (P, true, answer)
    right = float(np.trace(tables.sum(axis=0))) + 1.0
    accuracy = right / (float(tables.sum()) + 2.0)
    prior = np.full((n_classes, n_classes), (1 - accuracy) / max(n_classes - 1, 1))
    np.fill_diagonal(prior, accuracy)
    tables = tables + _PRIOR * prior
    return np.asarray(tables / tables.sum(axis=2, keepdims=True))


def _shares(probs: Table) -> FloatN:
    return np.asarray((probs.sum(axis=0) + 1.0) / (len(probs) + probs.shape[1]))


def _posterior(votes: Votes, tables: NDArray[np.float64], shares: FloatN, voice: Table | float) -> Table:
    """Return (N, C) P(class | answers)."""
    spoken = np.log(np.maximum(tables, _TINY))[votes.person, :, votes.label]  # (A, C) of each answer, by true class
    logs = np.log(shares) + np.zeros((votes.n_samples, votes.n_classes)) + voice
    for true in range(votes.n_classes):
        logs[:, true] += np.bincount(votes.sample, spoken[:, true], minlength=votes.n_samples)
    logs -= logs.max(axis=1, keepdims=True)
    found = np.exp(logs)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _most_probable(probs: Table, counts: Table) -> IntN:
    """Return (N,) the most probable class; of equals the one with more answers, then the first."""
    best = probs >= probs.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(np.where(best, counts, -1.0).argmax(axis=1), dtype=np.int64)


def _persons(votes: Votes, probs: Table, tables: NDArray[np.float64]) -> list[Person]:
    from scipy.special import betaincinv

    answers = np.bincount(votes.person, minlength=votes.n_persons)
    right = np.bincount(votes.person, probs[votes.sample, votes.label], minlength=votes.n_persons)
    found = []
    for person in range(votes.n_persons):
        n, hits = int(answers[person]), float(right[person])
        low, high = betaincinv(hits + 0.5, n - hits + 0.5, np.array(_TAILS))  # Jeffreys
        rate = hits / n if n else float("nan")
        low, high = (min(float(low), rate), max(float(high), rate)) if n else (0.0, 1.0)
        found.append(Person(n, rate, low, high, tables[person]))
    return found


def _agreement(counts: Table) -> float:
    """Return the share of pairs of answers to one sample that are the same."""
    n = counts.sum(axis=1)
    pairs = float((n * (n - 1)).sum())
    return float((counts * (counts - 1)).sum()) / pairs if pairs else float("nan")


def _model_weight(votes: Votes, counts: Table, model: Table) -> float:
    """Return how much a model counts beside one person: by how often each misses what several people agree on.

    A miss of 1 - 1 / C is what guessing does; a person's miss is measured against the others' majority.
    """
    n = counts.sum(axis=1)
    shared = n >= 2
    if not shared.any():
        return 1.0
    chance = 1 - 1 / votes.n_classes
    model_miss = float((model[shared].argmax(axis=1) != counts[shared].argmax(axis=1)).mean())
    others = counts[votes.sample].copy()  # (A, C) what the others say
    others[np.arange(len(votes.label)), votes.label] -= 1
    counted = shared[votes.sample]
    person_miss = float((others[counted].argmax(axis=1) != votes.label[counted]).mean())
    skill, compared = (1 - miss / chance for miss in (model_miss, person_miss))
    return float(np.clip(skill / max(compared, 0.05), _LEAST_WEIGHT, _MOST_WEIGHT))
