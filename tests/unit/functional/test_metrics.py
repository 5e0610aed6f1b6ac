"""Detection and calibration numbers, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from labelaudit.functional.metrics import (
    auroc,
    average_precision,
    brier,
    expected_calibration_error,
    f1,
    precision_at_k,
    relabel_accuracy,
    true_false_positive_rates,
)

rows = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.booleans()), min_size=2, max_size=60)


@given(rows=rows)
@settings(deadline=None, max_examples=200)
def test_ranking_and_flag_metrics_equal_scikit_learn_with_ties(rows):
    scores, positive, flags = (np.array(column) for column in zip(*rows, strict=True))
    assume(0 < positive.sum() < positive.size)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert average_precision(scores, positive) == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    assert f1(flags, positive) == pytest.approx(f1_score(positive, flags, zero_division=0), abs=1e-12)
    assert brier(scores / 6, positive) == pytest.approx(brier_score_loss(positive, scores / 6), abs=1e-12)


def test_perfect_and_reversed_rankings_have_the_extreme_areas():
    positive = np.array([False, False, True, True])
    assert auroc([1, 2, 3, 4], positive) == 1.0
    assert auroc([4, 3, 2, 1], positive) == 0.0
    assert auroc([1, 1, 1, 1], positive) == 0.5
    assert average_precision([1, 2, 3, np.inf], positive) == 1.0
    assert average_precision([1, 1, 1, 1], positive) == 0.5


def test_precision_at_k_takes_the_highest_scores():
    positive = np.array([True, False, True, False, True])
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert precision_at_k(scores, positive, 1) == 1.0
    assert precision_at_k(scores, positive, 2) == 0.5
    assert precision_at_k(scores, positive) == pytest.approx(2 / 3)


def test_precision_at_k_is_the_expected_value_over_ties():
    positive = np.array([True, True, False, False, False])
    scores = np.array([9.0, 1.0, 1.0, 1.0, 0.0])
    # The first is sure; the second place goes to one of three, of which one is positive.
    assert precision_at_k(scores, positive, 2) == pytest.approx((1 + 1 / 3) / 2)
    rng = np.random.default_rng(0)
    draws = [precision_at_k(scores + 1e-6 * rng.random(5), positive, 2) for _ in range(3_000)]
    assert np.mean(draws) == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize("k", [0, -1, 4])
def test_precision_at_an_impossible_k_is_refused(k):
    with pytest.raises(ValueError, match=rf"k must lie in 1\.\.3, not at {k}"):
        precision_at_k([1, 2, 3], [True, False, True], k)


def test_true_and_false_positive_rates_are_shares_of_their_own_class():
    flags = np.array([True, True, False, True, False, False, False])
    positive = np.array([True, True, True, False, False, False, False])
    assert true_false_positive_rates(flags, positive) == pytest.approx((2 / 3, 1 / 4))


def test_undefined_values_are_nan():
    none, every = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
    scores = np.array([1.0, 2.0, 3.0])
    for value in (auroc(scores, none), auroc(scores, every), average_precision(scores, none)):
        assert np.isnan(value)
    assert np.isnan(precision_at_k(scores, none))
    assert precision_at_k(scores, none, 2) == 0.0
    assert np.isnan(f1(every, none))
    assert f1(none, every) == 0.0
    assert true_false_positive_rates(every, every)[0] == 1.0
    assert np.isnan(true_false_positive_rates(every, every)[1])
    assert np.isnan(true_false_positive_rates(every, none)[0])
    assert np.isnan(brier([], []))
    assert np.isnan(expected_calibration_error([], []))


def test_calibration_error_of_hand_counted_bins():
    prob = np.array([0.1, 0.2, 0.5, 0.9, 1.0])
    outcome = np.array([False, True, False, True, True])
    # Two bins, (0, .5] and (.5, 1]: |.8/3 - 1/3| * 3/5 + |1.9/2 - 1| * 2/5
    assert expected_calibration_error(prob, outcome, bins=2) == pytest.approx(0.04 + 0.02)


def test_calibration_error_equals_a_loop_over_bins():
    rng = np.random.default_rng(1)
    prob = rng.random(2_000)
    outcome = rng.random(2_000) < prob**2
    total = 0.0
    for b in range(15):
        inside = (prob > b / 15) & (prob <= (b + 1) / 15)
        total += inside.mean() * abs(prob[inside].mean() - outcome[inside].mean())
    assert expected_calibration_error(prob, outcome) == pytest.approx(total)


def test_calibrated_probabilities_have_almost_no_calibration_error():
    rng = np.random.default_rng(2)
    prob = rng.random(100_000)
    assert expected_calibration_error(prob, rng.random(100_000) < prob) < 0.01
    assert expected_calibration_error([0.0, 0.0, 1.0], [False, False, True]) == 0.0


def test_relabel_accuracy_counts_wrong_labels_that_have_a_true_one():
    suggested, true, wrong = [1, 2, 0, 0, 1], [1, 0, 0, -1, 1], [True, True, False, True, False]
    assert relabel_accuracy(suggested, true, wrong) == 0.5
    assert np.isnan(relabel_accuracy(suggested, true, [False] * 5))
    with pytest.raises(ValueError, match=r"got \(1,\), \(1,\) and \(2,\)"):
        relabel_accuracy([1], [1], [True, False])


def test_permuting_the_samples_changes_nothing():
    rng = np.random.default_rng(3)
    scores, positive, order = rng.integers(0, 9, 200) / 8, rng.random(200) < 0.3, rng.permutation(200)
    for metric in (auroc, average_precision, precision_at_k, brier, expected_calibration_error):
        assert metric(scores[order], positive[order]) == pytest.approx(metric(scores, positive), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auroc([1.0, np.nan], [True, False]), "no NaN"),
        (lambda: auroc([1.0, 2.0], [True]), "got 2 and 1"),
        (lambda: f1([0, 2], [True, False]), "flags must have"),
        (lambda: brier([1.5], [True]), r"lie in \[0, 1\]"),
        (lambda: brier([np.nan], [True]), r"lie in \[0, 1\]"),
        (lambda: expected_calibration_error([0.5], [True], bins=0), "at least 1, not 0"),
    ],
)
def test_a_caller_s_mistake_is_a_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
