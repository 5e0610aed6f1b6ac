"""The label that several people's answers add up to."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.functional.annotators import Votes, find_consensus, majority


def drawn(accuracies, *, n=400, n_classes=3, each=3, seed=0):
    """Return true labels, and votes of people with these accuracies; each sample is answered by `each` of them."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n)
    person = np.array([rng.permutation(len(accuracies))[:each] for _ in range(n)])
    right = rng.random((n, each)) < np.asarray(accuracies)[person]
    wrong = (true[:, None] + rng.integers(1, n_classes, (n, each))) % n_classes
    label = np.where(right, true[:, None], wrong)
    sample = np.repeat(np.arange(n), each)
    return true, Votes(sample, person.ravel(), label.ravel(), n, len(accuracies), n_classes)


def slow_consensus(votes, rounds=200):
    """Dawid and Skene's two steps, answer by answer."""
    counts = majority(votes)
    probs = counts / counts.sum(axis=1, keepdims=True)
    size = votes.n_classes
    for _ in range(rounds):
        tables = np.zeros((votes.n_persons, size, size))
        for sample, person, label in zip(votes.sample, votes.person, votes.label, strict=True):
            tables[person, :, label] += probs[sample]
        right = sum(tables[:, k, k].sum() for k in range(size)) + 1
        accuracy = right / (tables.sum() + 2)
        for true in range(size):
            for answer in range(size):
                tables[:, true, answer] += 2 * (accuracy if true == answer else (1 - accuracy) / (size - 1))
        tables /= tables.sum(axis=2, keepdims=True)
        shares = (probs.sum(axis=0) + 1) / (len(probs) + size)
        probs = np.tile(shares, (votes.n_samples, 1))
        for sample, person, label in zip(votes.sample, votes.person, votes.label, strict=True):
            probs[sample] *= tables[person, :, label]
        probs /= probs.sum(axis=1, keepdims=True)
    return probs


def test_the_vectorised_steps_equal_the_slow_ones():
    _, votes = drawn([0.9, 0.8, 0.6, 0.5], n=60)
    assert np.allclose(find_consensus(votes).probs, slow_consensus(votes), atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_good_people_outvote_guessing_ones(seed):
    true, votes = drawn([0.95, 0.95, 0.36, 0.36, 0.36], each=5, n=600, seed=seed)
    by_majority = (majority(votes).argmax(axis=1) == true).mean()
    found = find_consensus(votes)
    assert (found.label == true).mean() > max(0.92, by_majority + 0.03)
    assert [person.accuracy for person in found.persons] == pytest.approx([0.95, 0.95, 0.36, 0.36, 0.36], abs=0.06)


def test_intervals_hold_the_accuracies_of_people():
    held = 0
    for seed in range(20):
        true, votes = drawn([0.95, 0.9, 0.8, 0.7], each=4, n=150, seed=seed)
        for place, person in enumerate(find_consensus(votes).persons):
            own = votes.person == place
            held += person.low <= (votes.label[own] == true[votes.sample[own]]).mean() <= person.high
    assert held >= 72  # of 80


def test_another_order_of_the_answers_changes_nothing():
    _, votes = drawn([0.9, 0.8, 0.6], n=50)
    order = np.random.default_rng(1).permutation(len(votes.label))
    other = Votes(votes.sample[order], votes.person[order], votes.label[order], 50, 3, 3)
    assert np.allclose(find_consensus(votes).probs, find_consensus(other).probs, atol=1e-9)


def test_one_answer_a_sample_is_the_label():
    votes = Votes(np.arange(4), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 4, 2, 2)
    found = find_consensus(votes)
    assert found.label.tolist() == [0, 1, 1, 0]
    assert np.isnan(found.agreement)


def test_samples_that_nobody_answered_need_another_look():
    votes = Votes(np.array([0, 0, 2, 2]), np.array([0, 1, 0, 1]), np.array([1, 1, 0, 0]), 3, 2, 2)
    found = find_consensus(votes)
    assert found.look_again.tolist() == [False, True, False]
    assert found.agreement == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_model_decides_where_people_disagree(seed):
    true, votes = drawn([0.75, 0.75, 0.75, 0.75], each=2, n=400, seed=seed)
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(400, 3))
    logits[np.arange(400), true] += 4
    model = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    alone, helped = find_consensus(votes), find_consensus(votes, model=model)
    assert (helped.label == true).mean() > (alone.label == true).mean() + 0.05
    guesses = rng.dirichlet(np.ones(3), 400)
    useless = find_consensus(votes, model=guesses)
    assert useless.model_weight < 0.2
    assert (useless.label == true).mean() > (alone.label == true).mean() - 0.02
