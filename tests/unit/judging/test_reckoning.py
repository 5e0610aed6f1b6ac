"""What verdicts add up to, against hand-made counts and closed forms."""

from typing import Any

import numpy as np
import pytest

from labelaudit.core.shares import Share
from labelaudit.judging.reckoning import class_rates, confused_pairs, review_effort

OVERALL = Share(0.1, low=0.08, high=0.13)


def rates_of(*args: Any, overall: Share) -> list[Share]:
    """The rates of classes that have samples."""
    return [rate for rate in class_rates(*args, overall=overall) if rate is not None]


def test_class_rates_add_up_to_the_overall_rate_and_are_mixed_with_fifty_samples_of_it():
    given = np.repeat([0, 1], [100, 300])
    wrong = np.where(given == 0, 0.25, 0.05)  # 40 of 400 in all
    assert class_rates(wrong, given, 3, overall=OVERALL)[2] is None
    first, second = rates_of(wrong, given, 3, overall=OVERALL)
    assert first.rate == pytest.approx((25 + 50 * 0.1) / 150)
    assert second.rate == pytest.approx((15 + 50 * 0.1) / 350)


def test_a_small_class_has_the_overall_rate_and_a_wide_interval():
    given = np.repeat([0, 1], [2, 2_000])
    small, large = rates_of(np.full(2_002, 0.1), given, 2, overall=OVERALL)
    assert small.rate == pytest.approx(large.rate)
    assert small.high - small.low > 2 * (large.high - large.low)
    assert large.low <= 0.082
    assert large.high >= 0.128


def test_no_noise_leaves_every_class_with_an_upper_end_alone():
    (only,) = rates_of(np.zeros(200), np.zeros(200, dtype=np.int64), 1, overall=Share(0.0, 0.0, 0.02))
    assert (only.rate, only.low) == (0.0, 0.0)
    assert only.high > 0.02


def test_confused_pairs_are_shares_of_the_true_class_and_stop_below_one_label():
    confusions = np.array([[0.0, 0.2, 0.004], [0.01, 0.0, 0.0], [0.0, 0.0, 0.0]])
    given = np.repeat([0, 1, 2], [30, 50, 20])  # of 100
    first, second = confused_pairs(confusions, given, overall=Share(0.214, 0.2, 0.23))
    assert (first.true, first.given) == (0, 1)
    assert first.expected == pytest.approx(20.0)
    assert first.rate.rate == pytest.approx(20 / (29 + 20 + 0.4))  # 29 rightly labelled 0, 20.4 labelled otherwise
    assert first.rate.low < first.rate.rate < first.rate.high
    assert (second.true, second.given) == (1, 0)
    assert second.expected == pytest.approx(1.0)


def test_a_review_finds_what_the_most_suspicious_samples_hold():
    clean = np.concatenate([np.full(40, 0.0), np.full(20, 0.5), np.full(140, 1.0)])
    found = review_effort(np.random.default_rng(0).permutation(clean))
    assert found.errors == pytest.approx(50.0)
    assert found.found == {50: pytest.approx(45.0), 100: pytest.approx(50.0)}  # never more looks than samples
    assert found.looks == {0.5: 25, 0.8: 40, 0.9: 50, 0.95: 55}


def test_a_review_of_right_labels_is_not_planned():
    found = review_effort(np.full(100, 0.9995), wrong=np.zeros(100))
    assert (found.errors, found.looks) == (0.0, {})
    assert review_effort(np.array([])).found == {}
