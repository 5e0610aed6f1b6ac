"""Scores of right and wrong labels from known distributions, and what is made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_data
from hypothesis import settings as few
from hypothesis import strategies as st
from scipy.stats import norm

from labelaudit.functional.metrics import expected_calibration_error
from labelaudit.judging.calibration import (
    FEWEST_PLANTED,
    Contrast,
    Scores,
    break_ties,
    contrast,
    noise_rate,
    wrong_posterior,
)


@dataclass(frozen=True)
class Made:
    """Right labels score N(0, 1), wrong ones N(shift, 1); so do planted ones, but for those that are right."""

    wrong: Scores
    others: Scores
    is_wrong: Any  # of `others`
    shift: float
    rate: float
    luck: float

    def sides(self) -> Contrast:
        found = contrast(self.wrong, self.others, luck=self.luck)
        assert found is not None
        return found

    def true_posterior(self) -> Any:
        of_wrong = norm.pdf(self.others.values - self.shift) * self.rate
        return of_wrong / (of_wrong + norm.pdf(self.others.values) * (1 - self.rate))


def scores(values, weights=None) -> Scores:
    size = len(values)
    return Scores(np.asarray(values, dtype=float), np.arange(size), np.ones(size) if weights is None else weights)


def made(n, rate, *, n_planted=300, shift=2.5, classes=None, seed=0) -> Made:
    """Plant labels uniformly among so many classes; None = so many that none is right by accident."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.random(n) < rate
    luck = 0.0 if classes is None else 1 / (classes - 1)
    is_right = rng.random(n_planted) < rate * luck  # the label that was replaced was wrong, and this one is the truth
    wrong = rng.normal(size=n_planted) + shift * ~is_right
    return Made(scores(wrong), scores(rng.normal(size=n) + shift * is_wrong), is_wrong, shift, rate, luck)


# The noise rate


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.2, 0.4, 0.6])
def test_the_noise_rate_is_estimated(rate):
    found = [noise_rate(made(10_000, rate, seed=seed, shift=3.5).sides()) for seed in range(20)]
    assert all(0 <= each.low <= each.rate <= each.high <= 1 for each in found)
    # of 300 planted labels a share is 6 % off
    assert np.median([abs(each.rate - rate) for each in found]) < 0.01 + rate / 20


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.45])
def test_planted_labels_that_are_right_by_accident_do_not_raise_the_rate(classes, rate):
    found = [
        noise_rate(made(20_000, rate, n_planted=2000, shift=3.5, classes=classes, seed=seed).sides()).rate
        for seed in range(10)
    ]
    assert np.median(found) == pytest.approx(rate, abs=0.01 + rate / 20)


def test_with_two_classes_the_rate_would_be_far_too_high_without_the_correction():
    case = made(20_000, 0.3, n_planted=2000, shift=3.5, classes=2)
    uncorrected = contrast(case.wrong, case.others, luck=0.0)
    assert uncorrected is not None
    assert noise_rate(uncorrected).rate == pytest.approx(0.3 / 0.7, abs=0.03)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_the_interval_covers_the_rate_nine_times_in_ten_or_so(rate):
    found = [noise_rate(made(3000, rate, seed=seed, shift=3.5).sides()) for seed in range(40)]
    assert sum(each.low <= rate <= each.high for each in found) >= 33
    assert np.median([each.high - each.low for each in found]) < 0.02 + rate / 3


def test_right_labels_that_score_high_make_the_rate_too_high_never_too_low():
    assert all(noise_rate(made(10_000, 0.1, seed=seed, shift=1.5).sides()).high > 0.1 for seed in range(10))


def test_the_rate_is_the_same_after_any_increasing_change_of_the_scores():
    case = made(5000, 0.2)
    changed = contrast(scores(np.exp(case.wrong.values)), scores(np.exp(case.others.values)), luck=0.0)
    assert changed is not None
    assert noise_rate(changed) == noise_rate(case.sides())


def test_a_sample_with_two_scores_is_one_sample():
    once = made(4000, 0.2)
    values, sample = np.tile(once.others.values, 2), np.tile(once.others.sample, 2)
    twice = contrast(once.wrong, Scores(values, sample, np.ones(len(values))), luck=0.0)
    assert twice is not None
    assert twice.n_others == 4000
    assert noise_rate(twice).rate == pytest.approx(noise_rate(once.sides()).rate)
    assert noise_rate(twice).high == pytest.approx(noise_rate(once.sides()).high, abs=0.003)


# The posterior


@pytest.mark.parametrize("classes", [None, 10, 2])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_the_posterior_is_that_of_the_two_known_distributions(rate, classes):
    case = made(40_000, rate, n_planted=4000, classes=classes)
    found = wrong_posterior(case.sides(), rate, at=case.others.values)
    doubled = 2 if classes == 2 else 1  # up to two thirds of the planted labels are right: what is left is less sure
    assert abs(found - case.true_posterior()).mean() < 0.03 * doubled
    assert expected_calibration_error(1 - found, ~case.is_wrong) < 0.03 * doubled


def test_the_posterior_never_falls_as_the_score_rises_and_is_equal_for_equal_scores():
    case = made(2000, 0.2)
    rounded = Made(
        scores(case.wrong.values.round(1)), scores(case.others.values.round(1)), case.is_wrong, 2.5, 0.2, 0.0
    )
    values = rounded.others.values
    found = wrong_posterior(rounded.sides(), 0.2, at=values)
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    for value in np.unique(values):
        assert len(np.unique(found[values == value])) == 1
    assert found.min() < 0.05
    assert found.max() > 0.7


def test_without_noise_nothing_is_suspected():
    case = made(10_000, 0.0, shift=4.0)
    rate = noise_rate(case.sides()).rate
    assert (wrong_posterior(case.sides(), rate, at=case.others.values) > 0.5).mean() < 0.01


def test_a_rate_of_zero_accuses_nobody():
    case = made(2000, 0.2)
    assert wrong_posterior(case.sides(), 0.0, at=case.others.values).max() == 0.0


# The two sides


def test_too_few_planted_labels_say_nothing():
    enough, few = (made(1000, 0.2, n_planted=size) for size in (FEWEST_PLANTED, FEWEST_PLANTED - 1))
    assert contrast(enough.wrong, enough.others, luck=0.0) is not None
    assert contrast(few.wrong, few.others, luck=0.0) is None


def test_labels_that_hardly_count_are_too_few_however_many_there_are():
    case = made(1000, 0.2, n_planted=300)
    weights = np.where(np.arange(300) < 5, 1.0, 1e-6)
    assert contrast(scores(case.wrong.values, weights), case.others, luck=0.0) is None


def test_nothing_in_question_says_nothing():
    assert contrast(made(10, 0.2).wrong, scores([]), luck=0.0) is None


def test_weights_count_as_copies_would():
    case = made(500, 0.2, n_planted=60)
    sample = case.wrong.sample
    weighted = contrast(Scores(case.wrong.values, sample, np.where(sample < 20, 3.0, 1.0)), case.others, luck=0.0)
    often = np.repeat(sample, np.where(sample < 20, 3, 1))
    copied = contrast(Scores(case.wrong.values[often], often, np.ones(100)), case.others, luck=0.0)
    assert weighted is not None
    assert copied is not None
    assert weighted.n_wrong == pytest.approx(100**2 / (20 * 9 + 40))  # copies are not more samples
    assert noise_rate(weighted).rate in slow_ratios(case.wrong.values[often], case.others.values)
    at = case.others.values
    assert wrong_posterior(weighted, 0.2, at=at) == pytest.approx(wrong_posterior(copied, 0.2, at=at), abs=0.05)


def slow_ratios(wrong, others) -> "Near":
    """Every rate that a threshold could give, by counting."""
    found = []
    for threshold in [*wrong, *others]:
        above = np.mean([score >= threshold for score in others])
        share = np.mean([score >= threshold for score in wrong])
        if share > 0:
            found.append(above / share)
    return Near(found)


class Near(list[float]):
    """A list that contains what is close to one of its values."""

    def __contains__(self, value: object) -> bool:
        return any(value == pytest.approx(each) for each in self)


def test_a_slow_count_gives_the_same_ratio():
    case = made(500, 0.3, n_planted=60)
    assert noise_rate(case.sides()).rate in slow_ratios(case.wrong.values, case.others.values)


@pytest.mark.parametrize("luck", [0.0, 1.0, 1 / 9])
def test_a_slow_regression_gives_the_same_posterior(luck):
    """Few and rounded scores: every one of them has a bin of its own."""
    case = made(120, 0.3, n_planted=40)
    wrong, others = scores(case.wrong.values.round(1)), scores(case.others.values.round(1))
    sides = contrast(wrong, others, luck=luck)
    assert sides is not None
    values = sorted({*wrong.values.tolist(), *others.values.tolist()})
    of_wrong = [sum(wrong.values == value) for value in values]
    sizes = [sum(wrong.values == value) + sum(others.values == value) for value in values]
    rate, rho = 0.3, min(0.3 * luck, 0.5)
    lucky = rho / (1 - rate)
    expected = []
    for i in range(len(values)):  # the max-min formula of isotonic regression
        share = max(
            min(sum(of_wrong[a : b + 1]) / sum(sizes[a : b + 1]) for b in range(i, len(values))) for a in range(i + 1)
        )
        ratio = share / max(1 - share, 1e-12) * len(others.values) / len(wrong.values)
        expected.append(min(max(rate * (ratio - lucky) / (1 - lucky), 0), 1))
    assert wrong_posterior(sides, rate, at=np.array(values)) == pytest.approx(expected)


@few(max_examples=50, deadline=None)
@given_data(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(0, 1_000))
def test_breaking_ties_ranks_by_loss_and_moves_by_at_most_a_thousandth(places, seed):
    losses = np.array(places) / 4.0
    falling = np.sort(np.random.default_rng(seed).choice([0.0, 0.4, 1.0], size=13))[::-1]  # flat stretches
    clean = falling[np.array(places)]
    broken = break_ties(clean, losses)
    assert np.abs(broken - clean).max() <= 1e-3
    assert broken.min() >= 0
    assert broken.max() <= 1
    for i in range(len(places)):
        for j in range(len(places)):
            if losses[i] < losses[j]:
                assert broken[i] > broken[j]
            elif losses[i] == losses[j]:
                assert broken[i] == broken[j]


def test_breaking_ties_takes_the_share_of_samples_with_a_lower_loss():
    broken = break_ties(np.full(4, 0.5), np.array([2.0, 1.0, 2.0, 3.0]))
    below = np.array([0.25, 0.0, 0.25, 0.75])
    assert broken == pytest.approx(0.5 * 0.999 + 0.001 * (1 - below))


def test_breaking_ties_of_nothing_is_nothing():
    assert break_ties(np.array([]), np.array([])).tolist() == []
