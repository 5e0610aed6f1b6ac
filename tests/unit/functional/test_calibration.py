"""Scores of right and wrong labels from known distributions, and what is made of them."""

import numpy as np
import pytest
from scipy.stats import norm

from labelaudit.functional.calibration import FEWEST_PLANTED, estimate_noise_rate, wrong_posterior
from labelaudit.functional.metrics import expected_calibration_error


def sample(n, rate, *, n_planted=300, shift=2.5, seed=0):
    """Return scores, what was planted, and what is wrong; right labels score N(0, 1), wrong ones N(shift, 1)."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < rate
    planted = np.zeros(n, dtype=bool)
    planted[rng.choice(n, n_planted, replace=False)] = True
    scores = rng.normal(size=n) + shift * (wrong | planted)
    return scores, planted, wrong


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.2, 0.4, 0.6])
def test_the_noise_rate_is_estimated(rate):
    rates = []
    for seed in range(20):
        found = estimate_noise_rate(*sample(10_000, rate, seed=seed, shift=3.5)[:2])
        assert found is not None
        assert 0 <= found.low <= found.rate <= found.high <= 1
        rates.append(found.rate)
    assert np.median(abs(np.array(rates) - rate)) < 0.01 + rate / 20  # of 300 planted labels, a share is 6 % off


def test_right_labels_that_score_high_make_the_rate_too_high_never_too_low():
    rates = [estimate_noise_rate(*sample(10_000, 0.1, seed=seed, shift=1.5)[:2]) for seed in range(10)]
    assert all(each is not None and each.high > 0.1 for each in rates)


def test_more_noise_is_estimated_the_same_after_any_increasing_change_of_the_scores():
    scores, planted, _ = sample(5000, 0.2)
    assert estimate_noise_rate(scores, planted) == estimate_noise_rate(np.exp(scores), planted)


def test_too_few_planted_labels_give_no_estimate():
    scores, planted, _ = sample(1000, 0.2, n_planted=FEWEST_PLANTED - 1)
    assert estimate_noise_rate(scores, planted) is None


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_the_posterior_is_that_of_the_two_known_distributions(rate):
    scores, planted, wrong = sample(40_000, rate, n_planted=4000)
    found = wrong_posterior(scores, planted, rate, at=scores)
    of_wrong, of_right = norm.pdf(scores - 2.5) * rate, norm.pdf(scores) * (1 - rate)
    assert abs(found - of_wrong / (of_wrong + of_right))[~planted].mean() < 0.03
    assert expected_calibration_error(1 - found[~planted], ~wrong[~planted]) < 0.03


def test_the_posterior_never_falls_as_the_score_rises_and_is_equal_for_equal_scores():
    scores, planted, _ = sample(2000, 0.2)
    scores = np.round(scores, 1)
    found = wrong_posterior(scores, planted, 0.2, at=scores)
    order = np.argsort(scores)
    assert (np.diff(found[order]) >= 0).all()
    for value in np.unique(scores):
        assert len(np.unique(found[scores == value])) == 1


def test_without_noise_nothing_is_suspected():
    scores, planted, _ = sample(10_000, 0.0, n_planted=300, shift=4.0)
    rate = estimate_noise_rate(scores, planted)
    assert rate is not None
    assert (wrong_posterior(scores, planted, rate.rate, at=scores)[~planted] > 0.5).mean() < 0.01


def test_a_slow_count_gives_the_same_ratio():
    scores, planted, _ = sample(500, 0.3, n_planted=60)
    found = estimate_noise_rate(scores, planted)
    assert found is not None
    ratios = []
    for threshold in scores[planted]:
        above = np.mean([score >= threshold for score in scores[~planted]])
        share = np.mean([score >= threshold for score in scores[planted]])
        ratios.append(above / share)
    assert any(found.rate == pytest.approx(ratio) for ratio in ratios)
