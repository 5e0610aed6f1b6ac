"""Known right labels against scans that are calibrated by construction, and against scans that are not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from labelaudit.judging.trusted import check_on_trusted, noise_rate_by_trusted, wilson_interval


def made_up(*, n: int = 4000, rate: float = 0.3, per_cent_trusted: int = 5, seed: int = 0):
    """Return losses, the true probability of being right by them, and which right labels are trusted."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < rate
    losses = np.where(wrong, rng.normal(3.0, 1.0, n), rng.normal(1.0, 1.0, n))
    right = (1 - rate) * stats.norm.pdf(losses, 1.0, 1.0)
    clean_prob = right / (right + rate * stats.norm.pdf(losses, 3.0, 1.0))
    trusted = ~wrong & (rng.random(n) < per_cent_trusted / 100)
    return losses, clean_prob, trusted


def test_true_probabilities_are_found_calibrated_about_nine_times_in_ten():
    checks = [check_on_trusted(*made_up(seed=seed)) for seed in range(100)]
    assert all(check is not None for check in checks)
    calibrated = sum(check.is_calibrated for check in checks if check is not None)
    assert 80 <= calibrated <= 99


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_probabilities_that_are_too_high_or_too_low_are_found_out(power):
    losses, clean_prob, trusted = made_up()
    check = check_on_trusted(losses, clean_prob**power, trusted)
    assert check is not None
    assert not check.is_calibrated
    assert (check.clean_prob < check.expected_clean_prob) == (power > 1)


def test_false_alarms_are_the_trusted_samples_that_would_be_suspects():
    clean_prob = np.array([0.9, 0.4, 0.8, 0.1, 0.2])
    trusted = np.array([True, True, True, False, False])
    check = check_on_trusted(-np.log(clean_prob), clean_prob, trusted)
    assert check is not None
    assert (check.trusted, check.false_alarms) == (3, 1)
    assert check.false_alarm_share.rate == pytest.approx(1 / 3)
    assert check.clean_prob == pytest.approx(0.7)
    assert check.expected_clean_prob == pytest.approx((0.01 + 0.04) / (0.1 + 0.2))
    assert check.noise_rate is None  # three are too few
    strict = check_on_trusted(-np.log(clean_prob), clean_prob, trusted, suspect_below=0.85)
    assert strict is not None
    assert strict.false_alarms == 2


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.6])
def test_the_noise_rate_by_trusted_samples_is_near_the_true_one_and_rather_too_low(rate):
    found = []
    for seed in range(20):
        losses, _, trusted = made_up(rate=rate, seed=seed)
        found.append(noise_rate_by_trusted(losses, trusted))
    rates = [each.rate for each in found if each is not None]
    assert len(rates) == 20
    assert rate - 0.15 < np.mean(rates) < rate + 0.03
    assert all(each.low <= each.rate <= each.high for each in found if each is not None)


@pytest.mark.parametrize(("rate", "n_trusted"), [(0.05, 20), (0.2, 40), (0.5, 100)])
def test_the_interval_by_trusted_samples_holds_the_rate_nine_times_in_ten(rate, n_trusted):
    held, widths, errors = [], [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        wrong = rng.random(1000) < rate
        trusted = np.zeros(1000, dtype=bool)
        trusted[rng.choice(np.flatnonzero(~wrong), n_trusted, replace=False)] = True
        found = noise_rate_by_trusted(rng.normal(0.0, 1.0, 1000) + 5.0 * wrong, trusted)
        assert found is not None
        true = wrong[~trusted].mean()
        held.append(found.low <= true <= found.high)
        widths.append(found.high - found.low)
        errors.append(found.rate - true)
    assert 0.8 <= np.mean(held) <= 0.99
    assert abs(np.mean(errors)) < 0.045
    assert np.mean(widths) < 0.3


def test_equal_losses_are_counted_together():
    losses = np.repeat([0.0, 5.0], [90, 10])
    trusted = np.arange(100) < 30
    found = noise_rate_by_trusted(losses, trusted)
    assert found is not None
    assert found.rate == pytest.approx(1 - (60 / 70) / (30 / 31))
    assert found.low < 10 / 70 < found.high


def test_where_nothing_or_everything_is_trusted_there_is_nothing_to_check():
    losses, clean_prob, trusted = made_up(n=50)
    assert check_on_trusted(losses, clean_prob, np.zeros_like(trusted)) is None
    assert check_on_trusted(losses, clean_prob, np.ones_like(trusted)) is None


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 40)])
def test_the_interval_of_a_share_is_wilsons(hits, n):
    share = wilson_interval(hits, n)
    expected = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-3)
    assert replace(share, rate=0.0).low <= hits / n <= share.high
