"""Judges from known distributions, and probabilities that are calibrated by construction."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from labelaudit.core.evidence import Evidence, Judges, evidence_from_probs
from labelaudit.functional.metrics import expected_calibration_error
from labelaudit.judging.calibration import Calibrated, Scores, contrast, noise_rate, wrong_posterior
from labelaudit.judging.known_wrong import calibrate
from tests.mistakes import cycle, drawn, even

SHIFT = 3.0


def judged(
    transitions: Any, *, shift: float = SHIFT, n: int = 20_000, n_planted: int = 800, n_judges: int = 2, seed: int = 0
) -> tuple[Evidence, Any, Any]:
    """Return evidence, given labels and true ones. Judges score right labels N(0, 1) and wrong ones N(shift, 1)."""
    rng = np.random.default_rng(seed)
    n_classes = len(transitions)
    true = rng.integers(0, n_classes, size=n)
    given = drawn(rng, transitions[true])
    order = rng.permutation(n)
    labels = np.tile(given, (n_judges, 1))
    for judge in range(n_judges):
        chosen = order[judge * n_planted : (judge + 1) * n_planted]
        labels[judge, chosen] = (given[chosen] + rng.integers(1, n_classes, size=n_planted)) % n_classes
    scores = rng.normal(size=labels.shape) + shift * (labels != true)
    probs = np.full((n, n_classes), 0.1 / (n_classes - 1))
    probs[np.arange(n), true] = 0.9
    judges = Judges(scores.astype(np.float32), labels.astype(np.int32))
    return evidence_from_probs(probs, given, judges=judges), given, true


def judges_of(evidence: Evidence) -> Judges:
    assert evidence.judges is not None
    return evidence.judges


def confusions_of(found: Calibrated) -> Any:
    assert found.confusions is not None
    return found.confusions


def everyone(given: Any) -> Any:
    return np.ones(len(given), dtype=bool)


def calibrated(evidence: Evidence, given: Any, n_classes: int) -> Calibrated:
    found = calibrate(evidence, given, n_classes, counted=everyone(given))
    assert found is not None
    return found


# Judges that were taught the labels


@pytest.mark.parametrize("kind", [even, cycle])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_two_judges_give_the_rate_the_posterior_and_the_confusions(kind, rate):
    evidence, given, true = judged(kind(rate, 5))
    judges = judges_of(evidence)
    actual = (given != true).mean()
    found = calibrated(evidence, given, 5)
    assert found.noise.rate == pytest.approx(actual, abs=0.01 + rate / 20)
    assert found.noise.low <= found.noise.rate <= found.noise.high
    scores, asked = judges.scores, judges.labels == given
    of_wrong = norm.pdf(scores - SHIFT) * rate
    expected = np.average(of_wrong / (of_wrong + norm.pdf(scores) * (1 - rate)), axis=0, weights=asked)
    assert abs(found.wrong - expected).mean() < 0.03
    true_table = np.zeros((5, 5))
    np.add.at(true_table, (true, given), (true != given) / len(given))
    assert abs(confusions_of(found) - true_table).sum() < 0.02 + rate / 3
    assert confusions_of(found).sum() == pytest.approx(found.wrong.mean())
    assert np.diag(confusions_of(found)).max() == 0


def test_two_classes_where_many_planted_labels_are_right():
    evidence, given, true = judged(even(0.3, 2), n_planted=2000)
    found = calibrated(evidence, given, 2)
    assert found.noise.rate == pytest.approx(0.3, abs=0.03)
    assert expected_calibration_error(1 - found.wrong, given == true) < 0.08


def test_clean_labels_are_left_alone():
    evidence, given, _ = judged(even(0.0, 5), shift=5.0)
    found = calibrated(evidence, given, 5)
    assert found.noise.low == 0
    assert found.noise.low < 0.005
    assert (found.wrong > 0.5).mean() < 0.005


def test_a_class_that_nobody_learnt_is_not_accused_in_clean_data():
    """Its 20 samples look to the judges like planted labels, and are predicted as another class."""
    evidence, given, _ = judged(even(0.0, 4), n=4000)
    rare = np.arange(4000) < 20
    labels = judges_of(evidence).labels.copy()
    labels[:, rare] = 4
    given = np.where(rare, 4, given)
    probs = np.full((4000, 5), 0.02)
    probs[np.arange(4000), np.where(rare, 0, given)] = 0.92
    scores = np.where(rare, judges_of(evidence).scores + SHIFT, judges_of(evidence).scores)
    found = calibrated(evidence_from_probs(probs, given, judges=Judges(scores, labels)), given, 5)
    assert (found.wrong[rare] < 0.5).all()
    assert found.noise.low < 0.005
    assert confusions_of(found)[:, 4].sum() < 1e-3


def test_samples_that_do_not_count_are_judged_and_not_learnt_from():
    evidence, given, true = judged(even(0.2, 5))
    counted = given == true  # as if every wrong label were left out
    found = calibrate(evidence, given, 5, counted=counted)
    assert found is not None
    assert found.noise.rate < 0.01
    assert len(found.wrong) == len(given)
    assert confusions_of(found).sum() < 0.01


def test_a_sample_that_no_judge_was_taught_is_judged_by_its_other_labels():
    evidence, given, true = judged(even(0.2, 5), n_judges=1, n_planted=4000)
    unseen = judges_of(evidence).labels[0] != given
    found = calibrated(evidence, given, 5)
    assert found.wrong[unseen & (given != true)].mean() > 0.9
    assert found.wrong[unseen & (given == true)].mean() < 0.05


def test_too_few_planted_labels_calibrate_nothing():
    evidence, given, _ = judged(even(0.2, 5), n_planted=9)
    assert calibrate(evidence, given, 5, counted=everyone(given)) is None


def test_evidence_without_judges_calibrates_nothing():
    probs = np.full((100, 2), 0.5)
    given = np.zeros(100, dtype=np.int64)
    assert calibrate(evidence_from_probs(probs, given), given, 2, counted=everyone(given)) is None


def test_permuting_the_samples_permutes_p_wrong():
    evidence, given, _ = judged(even(0.2, 5), n=4000)
    order = 40 * np.random.default_rng(1).permutation(100)[:, None] + np.arange(40)  # the jackknife's groups stay
    order = order.ravel()
    judges = Judges(judges_of(evidence).scores[:, order], judges_of(evidence).labels[:, order])
    table = np.full((4000, 5), 0.0)
    np.put_along_axis(table, evidence.top_labels, evidence.top_probs, axis=1)
    moved = calibrated(evidence_from_probs(table[order], given[order], judges=judges), given[order], 5)
    whole = calibrated(evidence, given, 5)
    assert moved.wrong == pytest.approx(whole.wrong[order])
    assert moved.noise.high == pytest.approx(whole.noise.high)


# The same, slowly


def slow(evidence: Evidence, given: Any, n_classes: int) -> Any:
    """One round, with a loop over the judges in place of the tables."""
    asked: list[tuple[float, int, bool]] = []  # score, sample, whether it is the given label
    judges = judges_of(evidence)
    for scores, labels in zip(judges.scores, judges.labels, strict=True):
        asked += [(float(scores[i]), i, bool(labels[i] == given[i])) for i in range(len(given))]
    wrong_scores, own_scores = (
        Scores(
            np.array([score for score, _, is_given in asked if is_given == side]),
            np.array([sample for _, sample, is_given in asked if is_given == side]),
            np.ones(sum(is_given == side for *_, is_given in asked)),
        )
        for side in (False, True)
    )
    sides = contrast(wrong_scores, own_scores, luck=1 / (n_classes - 1))
    assert sides is not None
    rate = noise_rate(sides)
    each_wrong = wrong_posterior(sides, rate.rate, at=own_scores.values)
    means = [each_wrong[own_scores.sample == i].mean() for i in range(len(given))]
    return rate, np.array(means)


def test_a_slow_loop_finds_the_same(monkeypatch):
    monkeypatch.setattr("labelaudit.judging.known_wrong._ROUNDS", 1)
    evidence, given, _ = judged(even(0.2, 4), n=300, n_planted=60)
    rate, wrong = slow(evidence, given, 4)
    found = calibrated(evidence, given, 4)
    assert found.wrong == pytest.approx(wrong)
    assert found.noise.rate == pytest.approx(rate.rate)
    assert found.noise.low == pytest.approx(rate.low)
    assert found.noise.high == pytest.approx(rate.high)
