"""Out-of-sample probabilities that are calibrated by construction, or that repeat the mistakes of the labels."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from labelaudit.core.evidence import Evidence, Judges
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.metrics import expected_calibration_error
from labelaudit.judging.calibration import Calibrated, Scores, contrast, noise_rate, wrong_posterior
from labelaudit.judging.confusions import confident_counts, undone, unseen_transitions
from labelaudit.judging.known_wrong import calibrate
from labelaudit.judging.out_of_sample import evidence_on_unseen
from tests.mistakes import cycle, drawn, even


def clouds(transitions: Any, *, n: int, separation: float, seed: int = 0) -> tuple[Any, Any, Any]:
    """Return p(given label | sample) by Bayes, given labels and true ones, of normal clouds in two dimensions."""
    rng = np.random.default_rng(seed)
    n_classes = len(transitions)
    angle = 2 * np.pi * np.arange(n_classes) / n_classes
    centre = separation * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    true = rng.integers(0, n_classes, size=n)
    points = centre[true] + rng.normal(size=(n, 2))
    logits = -((points[:, None] - centre) ** 2).sum(axis=2) / 2
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return probs / probs.sum(axis=1, keepdims=True) @ transitions, drawn(rng, transitions[true]), true


def calibrated(evidence: Evidence, given: Any, n_classes: int) -> Calibrated:
    found = calibrate(evidence, given, n_classes, counted=np.ones(len(given), dtype=bool))
    assert found is not None
    return found


def unseen(probs: Any, given: Any, n_classes: int, seed: int = 0) -> Evidence:
    return evidence_on_unseen(probs, given, n_classes, draw=numpy_generator(seed))


def judges_of(evidence: Evidence) -> Judges:
    assert evidence.judges is not None
    return evidence.judges


@pytest.mark.parametrize("separation", [3.0, 6.0])
@pytest.mark.parametrize(
    "transitions",
    [even(0.0, 4), even(0.1, 4), even(0.4, 4), even(0.2, 2), even(0.2, 12), cycle(0.3, 4), cycle(0.2, 12)],
    ids=["right", "10 %", "40 %", "two classes", "twelve classes", "the next class", "the next of twelve"],
)
def test_calibrated_probabilities_give_a_calibrated_p_wrong(transitions, separation):
    probs, given, true = clouds(transitions, n=10_000, separation=separation)
    found = calibrated(unseen(probs, given, len(transitions)), given, len(transitions))
    assert expected_calibration_error(1 - found.wrong, given == true) < 0.08


@pytest.mark.parametrize("transitions", [even(0.0, 4), even(0.1, 4), even(0.3, 4), cycle(0.3, 4)])
def test_probabilities_of_clouds_far_apart_give_the_rate(transitions):
    probs, given, true = clouds(transitions, n=10_000, separation=6.0)
    found = calibrated(unseen(probs, given, 4), given, 4)
    actual = (given != true).mean()
    assert found.noise.rate == pytest.approx(actual, abs=0.01)
    assert found.noise.low <= actual <= found.noise.high


@pytest.mark.parametrize("repeated", [0.0, 0.4, 0.7])
def test_a_classifier_that_repeats_the_mistakes_of_the_labels_is_seen_through(repeated):
    """Predictions that are wrong by the same confusions as the labels, each independently."""
    rng = np.random.default_rng(0)
    transitions, n = cycle(0.25, 5), 6000
    true = rng.integers(0, 5, size=n)
    given = drawn(rng, transitions[true])
    predicted = np.where(rng.random(n) < repeated, drawn(rng, transitions[true]), true)
    probs = np.full((n, 5), 0.02)
    probs[np.arange(n), predicted] = 0.92
    found = unseen_transitions(confident_counts(probs, given, 5))
    assert found == pytest.approx(transitions, abs=0.04)


@pytest.mark.parametrize("separation", [3.0, 6.0])
def test_classes_that_look_alike_have_no_direction(separation):
    probs, given, _ = clouds(even(0.0, 12), n=10_000, separation=separation)
    assert unseen_transitions(confident_counts(probs, given, 12)) is None
    found = calibrated(unseen(probs, given, 12), given, 12)
    assert found.noise.high < 0.01


def test_mistakes_of_classes_of_different_sizes_have_no_direction():
    """Under uniform noise the larger class loses more labels to the smaller one than come back."""
    rng = np.random.default_rng(0)
    transitions, n = even(0.2, 3), 9000
    true = drawn(rng, np.tile([0.7, 0.2, 0.1], (n, 1)))
    given = drawn(rng, transitions[true])
    probs = np.full((n, 3), 0.05)
    probs[np.arange(n), true] = 0.9
    assert unseen_transitions(confident_counts(probs, given, 3)) is None


def slow(probs: Any, given: Any, transitions: Any) -> Any:
    """Return (N, C) log odds that each label would be wrong and how often each mistake is made, one by one."""
    n_classes = len(transitions)
    true = undone(probs, transitions, steps=10)
    scores, weights = np.zeros(true.shape), np.zeros(true.shape)
    for i in range(len(given)):
        by_given = [true[i, t] * transitions[t, given[i]] for t in range(n_classes)]
        for label in range(n_classes):
            right = true[i, label] * transitions[label, label]
            wrong = sum(true[i, t] * transitions[t, label] for t in range(n_classes) if t != label)
            scores[i, label] = math.log(max(wrong, 1e-12)) - math.log(max(right, 1e-12))
            if label != given[i]:
                made = [by_given[t] / sum(by_given) * transitions[t, label] for t in range(n_classes) if t != label]
                weights[i, label] = sum(made)
    return scores, weights


def test_a_slow_loop_asks_about_the_same_labels():
    probs, given, _ = clouds(cycle(0.3, 4), n=200, separation=4.0)
    transitions = unseen_transitions(confident_counts(probs, given, 4))
    assert transitions is not None
    scores, weights = slow(probs, given, transitions)
    evidence = unseen(probs, given, 4)
    judges = judges_of(evidence)
    rows = np.arange(200)
    assert judges.weights is not None
    assert sorted(judges.labels[:, 0]) == [0, 1, 2, 3]
    assert np.array_equal(judges.labels[0], given)
    assert judges.scores == pytest.approx(scores[rows, judges.labels], abs=1e-4)
    assert judges.weights[1:] == pytest.approx(weights[rows, judges.labels[1:]], abs=1e-5)
    assert evidence.scores["evidence"] == pytest.approx(scores[rows, given])


def test_a_few_samples_at_a_time_are_judged_alike(monkeypatch):
    probs, given, _ = clouds(cycle(0.3, 4), n=200, separation=4.0)
    whole = unseen(probs, given, 4)
    monkeypatch.setattr("labelaudit.judging.out_of_sample._BLOCK", 4 * 30)
    parts = unseen(probs, given, 4)
    assert {name: values.tolist() for name, values in parts.arrays().items()} == {
        name: values.tolist() for name, values in whole.arrays().items()
    }


def test_labels_by_lot_stand_for_all(monkeypatch):
    probs, given, true = clouds(cycle(0.2, 12), n=4000, separation=9.0)
    every = calibrated(unseen(probs, given, 12), given, 12)
    monkeypatch.setattr("labelaudit.judging.out_of_sample._MOST_ASKED", 3 * 4000)
    evidence = unseen(probs, given, 12)
    judges = judges_of(evidence)
    assert judges.labels.shape == (4, 4000)
    assert (judges.labels[1:] != given).all()
    likely = (true + 1) % 12 == judges.labels[1:]
    assert likely[:, given == true].mean() > 0.9
    few = calibrated(evidence, given, 12)
    assert few.noise.rate == pytest.approx(every.noise.rate, abs=0.01)
    again = judges_of(unseen(probs, given, 12))
    assert np.array_equal(again.labels, judges.labels)
    assert not np.array_equal(judges_of(unseen(probs, given, 12, seed=1)).labels, judges.labels)


def test_too_many_classes_are_judged_without_undoing(monkeypatch):
    probs, given, _ = clouds(cycle(0.3, 4), n=200, separation=6.0)
    undoing = unseen(probs, given, 4).given_probs
    monkeypatch.setattr("labelaudit.judging.out_of_sample._MOST_WORK", 1)
    assert unseen(probs, given, 4).given_probs == pytest.approx(probs[np.arange(200), given])
    assert np.abs(undoing - probs[np.arange(200), given]).max() > 0.1


def test_one_label_that_stands_for_the_improbable_ones_counts_as_all_of_them():
    """Twelve classes, seven of which are never among the five most probable."""
    probs, given, _ = clouds(even(0.2, 12), n=4000, separation=9.0)
    found = calibrated(unseen(probs, given, 12), given, 12)
    assert found.noise.rate == pytest.approx(0.2, abs=0.03)
    assert found.noise.low <= 0.2 <= found.noise.high


def slow_counts(probs: Any, given: Any, n_classes: int) -> Any:
    """Return p(wrong) and the rate by one round over all labels of all samples."""
    asked = []
    for i, label in itertools.product(range(len(given)), range(n_classes)):
        best_other = max(probs[i, k] for k in range(n_classes) if k != label)
        asked.append((math.log(best_other) - math.log(probs[i, label]), i, bool(label == given[i])))
    others, own = (
        Scores(
            np.array([score for score, _, is_given in asked if is_given == side]),
            np.array([sample for _, sample, is_given in asked if is_given == side]),
            np.ones(sum(is_given == side for *_, is_given in asked)),
        )
        for side in (False, True)
    )
    sides = contrast(others, own, luck=1 / (n_classes - 1))
    assert sides is not None
    rate = noise_rate(sides)
    return wrong_posterior(sides, rate.rate, at=own.values), rate


def test_a_slow_loop_over_all_labels_finds_the_same(monkeypatch):
    monkeypatch.setattr("labelaudit.judging.known_wrong._ROUNDS", 1)
    probs, given, _ = clouds(even(0.2, 4), n=300, separation=2.0)
    found = calibrated(unseen(probs, given, 4), given, 4)
    wrong, rate = slow_counts(probs, given, 4)
    assert found.wrong == pytest.approx(wrong)
    assert found.noise.rate == pytest.approx(rate.rate)
    assert found.noise.low == pytest.approx(rate.low, abs=1e-3)  # weights of 1 / (C - 1) are another number of labels
    assert found.noise.high == pytest.approx(rate.high, abs=1e-3)


def test_no_samples_are_no_evidence():
    evidence = evidence_on_unseen(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), 3, draw=numpy_generator(0))
    assert evidence.top_labels.shape == (0, 3)
    assert calibrate(evidence, np.zeros(0, dtype=np.int64), 3, counted=np.zeros(0, dtype=bool)) is None
