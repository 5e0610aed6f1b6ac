"""Predictions of networks that were taught labels which flow from one class into another."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from labelaudit.judging.confusions import (
    confident_counts,
    directed_transitions,
    log_odds_of_wrong,
    undone,
    unseen_transitions,
)
from tests.mistakes import drawn


def predictions(n=6000, n_classes=4, *, sharpness=4.0, seed=0):
    """Return true classes and calibrated probabilities of them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)) * sharpness
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return drawn(rng, probs), probs


def zero_into_one(share, n_classes=4):
    """Return p(given | true) where a share of class 0 is called 1."""
    transitions = np.eye(n_classes)
    transitions[0, 0], transitions[0, 1] = 1 - share, share
    return transitions


def slow_counts(probs, labels, n_classes):
    """One sample after the other."""
    mean = []
    for label in range(n_classes):
        own = [probs[i, label] for i in range(len(labels)) if labels[i] == label]
        mean.append(sum(own) / len(own) if own else 2.0)
    counts = np.zeros((n_classes, n_classes))
    for i, label in enumerate(labels):
        sure = [k for k in range(n_classes) if probs[i, k] >= mean[k] and probs[i, k] >= 0.5 * max(probs[i])]
        if sure:
            counts[max(sure, key=lambda k: probs[i, k]), label] += 1
    for label in range(n_classes):
        total = counts[:, label].sum()
        if total:
            counts[:, label] *= sum(labels == label) / total
    return counts


@pytest.mark.parametrize("seed", range(3))
def test_confident_counts_equal_a_loop_over_the_samples(seed):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(5, 0.4), size=200)
    labels = rng.integers(0, 4, size=200)  # nobody has the last one
    found = confident_counts(probs, labels, 5)
    assert found == pytest.approx(slow_counts(probs, labels, 5))
    assert found.sum(axis=0) == pytest.approx(np.bincount(labels, minlength=5))


def test_a_few_samples_at_a_time_have_the_same_counts_and_the_same_undoing(monkeypatch):
    labels, probs = predictions(500)
    counts, without = confident_counts(probs, labels, 4), undone(probs, zero_into_one(0.3))
    monkeypatch.setattr("labelaudit.judging.confusions._BLOCK", 7)
    assert confident_counts(probs, labels, 4) == pytest.approx(counts)
    assert undone(probs, zero_into_one(0.3)) == pytest.approx(without)


def test_those_who_hold_parts_of_the_samples_find_what_one_who_has_them_all_finds():
    """Two threads, each with its samples, add their tables up when both have come to the same place."""
    labels, probs = predictions(1000)
    parts = [np.arange(1000) < 300, np.arange(1000) >= 300]
    met = threading.Barrier(2, timeout=10)
    tables: dict[int, Any] = {}

    def found_by(me: int) -> Any:
        def summed(table: Any) -> Any:
            tables[me] = table
            met.wait()
            total = tables[0] + tables[1]
            met.wait()
            return total

        return confident_counts(probs[parts[me]], labels[parts[me]], 4, summed=summed)

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(found_by, range(2))
    assert np.array_equal(first, second)
    assert first == pytest.approx(confident_counts(probs, labels, 4))


@pytest.mark.parametrize("share", [0.2, 0.3, 0.4])
def test_a_class_that_flows_into_another_is_found(share):
    true, probs = predictions(20_000)
    noisy = drawn(np.random.default_rng(1), zero_into_one(share)[true])
    found = directed_transitions(confident_counts(probs @ zero_into_one(share), noisy, 4))
    assert found is not None
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[0, 1] == pytest.approx(share, abs=0.1)
    rest = found - np.diag(np.diag(found))
    rest[0, 1] = 0
    assert rest.max() < 0.06


def test_right_labels_flow_nowhere():
    for seed in range(5):
        true, probs = predictions(5000, seed=seed)
        assert directed_transitions(confident_counts(probs, true, 4)) is None


def test_classes_that_look_alike_flow_nowhere():
    """A fifth of each of two classes is confidently taken for the other, and both labels are right."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, size=20_000)
    seen = np.where((true < 2) & (rng.random(20_000) < 0.2), 1 - true, true)
    probs = np.full((20_000, 4), 0.02)
    probs[np.arange(20_000), seen] = 0.94
    counts = confident_counts(probs, true, 4)
    assert counts[0, 1] > 500
    assert directed_transitions(counts) is None


def test_labels_that_are_wrong_in_any_way_flow_nowhere():
    true, probs = predictions(20_000)
    even = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    noisy = drawn(np.random.default_rng(1), even[true])
    assert directed_transitions(confident_counts(probs @ even, noisy, 4)) is None


def test_the_mean_probability_of_a_rare_class_is_reached_by_chance_and_counts_for_nothing():
    """The threshold of class 1 is 0.03, and that of class 0 is higher than half of its samples reach."""
    probs = np.array([[0.95, 0.05]] * 50 + [[0.7, 0.3]] * 50 + [[0.97, 0.03]] * 2)
    labels = np.array([0] * 100 + [1] * 2)
    assert confident_counts(probs, labels, 2)[1].tolist() == [0, 0]


def test_uniform_mistakes_in_classes_of_different_sizes_flow_nowhere():
    """More labels leave the large class than come back, as they must."""
    counts = np.array([[8000.0, 500.0, 500.0], [50.0, 800.0, 50.0], [50.0, 50.0, 800.0]])
    assert directed_transitions(counts) is None
    assert unseen_transitions(counts) is None


def test_small_parts_that_flow_on_are_no_direction_that_predictions_have_learnt():
    """Every class certainly loses 4 % to the next and 2 % to the one after it."""
    counts = 5000 * (np.eye(6) * 0.94 + np.roll(np.eye(6), 1, axis=1) * 0.04 + np.roll(np.eye(6), 2, axis=1) * 0.02)
    assert directed_transitions(counts) is not None
    assert unseen_transitions(counts) is None


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_undoing_brings_noisy_probabilities_back_to_the_true_ones(share):
    _, probs = predictions()
    transitions = zero_into_one(share)
    noisy = probs @ transitions
    found = undone(noisy, transitions)
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found >= 0).all()
    before, after = abs(noisy - probs).mean(), abs(found - probs).mean()
    assert after < 0.6 * before
    assert (found.argmax(axis=1) == probs.argmax(axis=1)).mean() > (noisy.argmax(axis=1) == probs.argmax(axis=1)).mean()


def test_undoing_ends_at_the_true_probabilities():
    _, probs = predictions(50, sharpness=1.0)
    transitions = zero_into_one(0.3)
    assert undone(probs @ transitions, transitions, steps=3000) == pytest.approx(probs, abs=0.01)


def test_undoing_nothing_leaves_the_probabilities_as_they_are():
    _, probs = predictions(100)
    assert undone(probs, np.eye(4)) == pytest.approx(probs)


def test_log_odds_are_those_of_bayes_by_hand():
    transitions = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.05, 0.05, 0.9]])
    probs = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    found = log_odds_of_wrong(probs, np.array([1, 0]), transitions)
    assert found[0] == pytest.approx(math.log((0.5 * 0.2 + 0.2 * 0.05) / (0.3 * 1.0)))
    assert found[1] == pytest.approx(math.log((0.1 * 0.0 + 0.8 * 0.05) / (0.1 * 0.7)))


def test_log_odds_without_any_doubt_are_large_and_finite():
    found = log_odds_of_wrong(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), zero_into_one(0.3, 2))
    assert found[0] < -20
    assert found[1] > 20
    assert np.isfinite(found).all()
