"""The two-component beta mixture, against scipy.stats and its own invariances."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import beta as beta_distribution

from labelaudit.judging.beta_mixture import (
    EDGE,
    START,
    BetaMixture,
    LogSample,
    beta_from_moments,
    bin_by_logit,
    fit_beta_mixture,
    maximise_likelihood,
    noisy_posterior,
    published_posterior,
)

shape = st.floats(0.05, 50.0)


def broad_noise(rate, seed, n=20_000):
    """Clean |N(1, .25)|, noisy U(0, 4): the noisy component is the broader one on both sides."""
    rng = np.random.default_rng(seed)
    noisy = rng.random(n) < rate
    return np.where(noisy, rng.uniform(0, 4, n), np.abs(rng.normal(1, 0.25, n))), noisy


def fit(losses, method="robust"):
    return fit_beta_mixture(losses, method=method)


def separated(rate, seed, n=20_000):
    rng = np.random.default_rng(seed)
    noisy = rng.random(n) < rate
    return np.where(noisy, np.abs(rng.normal(6, 1.5, n)), rng.gamma(1.0, 0.35, n)), noisy


def beta_draws(n=40_000, seed=0):
    """x from 0.7 Beta(2, 8) + 0.3 Beta(6, 2)."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.3, rng.beta(6, 2, n), rng.beta(2, 8, n))


def balanced_accuracy(posterior, noisy):
    return ((posterior > 0.5)[noisy].mean() + (posterior <= 0.5)[~noisy].mean()) / 2


def log_sample(x):
    return LogSample(np.log(x), np.log1p(-x), np.ones_like(x))


@given(a=st.floats(0.2, 50.0), b=st.floats(0.2, 50.0))
def test_beta_from_moments_inverts_the_closed_form(a, b):
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1.0))
    assert beta_from_moments(mean, variance) == pytest.approx((a, b), rel=1e-6)


def test_beta_from_moments_floors_caps_and_clamps():
    assert beta_from_moments(0.5, 0.0) == (1e3, 1e3)
    assert beta_from_moments(0.5, 0.25) == (0.05, 0.05)
    with pytest.raises(ValueError, match=r"lies in \(0, 1\), not at 1\.0"):
        beta_from_moments(1.0, 0.1)


def test_maximum_likelihood_recovers_the_parameters_of_a_synthetic_mixture():
    found, _, _ = maximise_likelihood(bin_by_logit(np.clip(beta_draws(), EDGE, 1 - EDGE)))
    assert found.weight == pytest.approx([0.7, 0.3], abs=0.02)
    assert found.alpha == pytest.approx([2, 6], rel=0.1)
    assert found.beta == pytest.approx([8, 2], rel=0.1)


def test_binned_and_unbinned_fits_agree_to_a_thousandth():
    x = np.clip(beta_draws(n=20_000), EDGE, 1 - EDGE)
    binned, binned_likelihood, _ = maximise_likelihood(bin_by_logit(x))
    slow, slow_likelihood, _ = maximise_likelihood(log_sample(x))
    assert binned_likelihood == pytest.approx(slow_likelihood, abs=1e-4)
    for fast_values, slow_values in zip(binned, slow, strict=True):
        assert fast_values == pytest.approx(slow_values, rel=1e-3)


def test_em_reaches_the_likelihood_that_a_general_optimiser_finds():
    x = np.clip(beta_draws(n=4_000), EDGE, 1 - EDGE)

    def cost(free):
        a0, b0, a1, b1 = np.exp(free[:4])
        weight = 1 / (1 + np.exp(-free[4]))
        density = (1 - weight) * beta_distribution.pdf(x, a0, b0) + weight * beta_distribution.pdf(x, a1, b1)
        return -np.log(density).mean()

    best = minimize(cost, np.log([2.0, 8.0, 6.0, 2.0, 0.5]), method="BFGS")
    _, log_likelihood, _ = maximise_likelihood(log_sample(x))
    assert log_likelihood == pytest.approx(-best.fun, abs=1e-5)


@pytest.mark.parametrize(("make", "rate"), [(separated, 0.2), (separated, 0.0), (broad_noise, 0.5), (broad_noise, 0.0)])
def test_no_step_of_the_robust_fit_lowers_the_likelihood(make, rate):
    losses, _ = make(rate, seed=1, n=5_000)
    sample = bin_by_logit(np.clip(losses / losses.max(), EDGE, 1 - EDGE))
    path = [maximise_likelihood(sample, max_iterations=k)[1] for k in range(30)]
    assert np.diff(path).min() >= -1e-12
    assert path[-1] > path[0] + 0.1


@given(x=st.lists(st.floats(EDGE, 1 - EDGE), min_size=2, max_size=12))
@settings(deadline=None, max_examples=150)
def test_no_step_lowers_the_likelihood_of_any_few_points(x):
    sample = log_sample(np.array(x))
    path = [maximise_likelihood(sample, max_iterations=k)[1] for k in range(8)]
    assert np.diff(path).min() >= -1e-9


def test_the_likelihood_has_zero_slope_in_every_shape_parameter_of_the_fit():
    x = np.clip(beta_draws(n=4_000), EDGE, 1 - EDGE)
    found, _, _ = maximise_likelihood(log_sample(x))

    def mean_log_density(alpha, beta):
        parts = [found.weight[k] * beta_distribution.pdf(x, alpha[k], beta[k]) for k in range(2)]
        return np.log(parts[0] + parts[1]).mean()

    for step in np.eye(2) * 1e-4:
        rise_in_alpha = mean_log_density(found.alpha + step, found.beta) - mean_log_density(
            found.alpha - step, found.beta
        )
        rise_in_beta = mean_log_density(found.alpha, found.beta + step) - mean_log_density(
            found.alpha, found.beta - step
        )
        assert [rise_in_alpha / 2e-4, rise_in_beta / 2e-4] == pytest.approx([0, 0], abs=2e-4)


def test_a_component_without_weight_keeps_the_previous_iterate():
    x = np.full(100, EDGE)  # the noisy component of the start has a responsibility of 1e-4
    found, _, iterations = maximise_likelihood(log_sample(x))
    assert iterations == 0
    assert [values.tolist() for values in found] == [values.tolist() for values in START]


@pytest.mark.parametrize("method", ["robust", "published"])
def test_the_posterior_is_that_of_scipy_where_it_is_monotone(method):
    losses, _ = separated(0.3, seed=3)
    mixture = BetaMixture((2.0, 6.0), (8.0, 2.0), (0.7, 0.3), 0.0, 1.0, 0.0, 1)
    x = np.linspace(0.01, 0.99, 99)
    density = [mixture.weight[k] * beta_distribution.pdf(x, mixture.alpha[k], mixture.beta[k]) for k in range(2)]
    assert noisy_posterior(mixture, x) == pytest.approx(density[1] / (density[0] + density[1]), abs=1e-12)
    fitted = fit(losses, method=method)
    assert noisy_posterior(fitted, np.array([fitted.low, fitted.high])) == pytest.approx([0, 1], abs=0.05)


@given(a0=shape, b0=shape, a1=shape, b1=shape, weight=st.floats(0.0, 1.0))
@settings(max_examples=300, deadline=None)
def test_the_posterior_never_decreases_with_the_loss(a0, b0, a1, b1, weight):
    (_, alpha0, beta0), (_, alpha1, beta1) = sorted([(a0 / (a0 + b0), a0, b0), (a1 / (a1 + b1), a1, b1)])
    mixture = BetaMixture((alpha0, alpha1), (beta0, beta1), (1 - weight, weight), -1.0, 3.0, 0.0, 1)
    posterior = noisy_posterior(mixture, np.concatenate([[-np.inf], np.linspace(-2, 4, 400), [np.inf]]))
    assert np.diff(posterior).min() >= -1e-10
    assert posterior.min() >= 0
    assert posterior.max() <= 1


def test_each_side_beyond_the_turning_point_is_flat_at_its_value_there():
    rises_then_falls = BetaMixture((1.0, 4.0), (1.0, 2.0), (0.5, 0.5), 0.0, 1.0, 0.0, 1)  # x* = 3 / 4
    falls_then_rises = BetaMixture((3.0, 1.0), (6.0, 1.0), (0.5, 0.5), 0.0, 1.0, 0.0, 1)  # x* = 2 / 7
    high, low = (
        noisy_posterior(rises_then_falls, np.array([0.75, 0.9])),
        noisy_posterior(falls_then_rises, np.array([2 / 7, 0.01])),
    )
    assert high[0] == pytest.approx(high[1])
    assert low[0] == pytest.approx(low[1])
    at_turn = beta_distribution.pdf(0.75, 4, 2)
    assert high[0] == pytest.approx(at_turn / (1 + at_turn))


def test_published_lookup_calls_everything_noisy_where_the_noisy_component_is_broad():
    losses, noisy = broad_noise(0.3, seed=0)
    published = fit(losses, method="published")
    assert balanced_accuracy(published_posterior(published, losses), noisy) < 0.6
    assert published_posterior(published, losses).min() > 0.9
    assert balanced_accuracy(noisy_posterior(published, losses), noisy) > 0.75


@pytest.mark.parametrize("rate", [0.3, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_robust_fit_finds_broad_noise(rate, seed):
    losses, noisy = broad_noise(rate, seed)
    assert balanced_accuracy(noisy_posterior(fit(losses), losses), noisy) > 0.75


def test_published_lookup_is_the_posterior_at_the_grid_point_of_its_cell():
    mixture = BetaMixture((2.0, 6.0), (8.0, 2.0), (0.7, 0.3), 0.0, 2.0, 0.0, 10)
    grid = np.linspace(1e-12, 1 - 1e-12, 100)
    density = [mixture.weight[k] * beta_distribution.pdf(grid, mixture.alpha[k], mixture.beta[k]) for k in range(2)]
    table = density[1] / (density[0] + density[1] + 1e-12)
    table[table.argmax() :] = table.max()
    expected = [table[0], table[25], table[99], table[99]]
    assert published_posterior(mixture, np.array([-1.0, 0.51, 1.999, 9.0])) == pytest.approx(expected, abs=1e-12)


def test_published_fit_is_ten_weighted_moment_steps_on_the_middle_90_percent():
    losses, _ = separated(0.4, seed=5, n=3_000)
    lo, hi = np.percentile(losses, [5, 95])
    x = (losses[(losses >= lo) & (losses <= hi)] - (lo + 1e-5)) / (hi - (lo + 1e-5) + 1e-6)
    x[x >= 1] = 1 - 1e-3
    x[x <= 0] = 1e-3
    x = np.clip(x, 1e-4, 1 - 1e-4)
    alpha, beta, weight = [1.0, 2.0], [2.0, 1.0], [0.5, 0.5]
    for _ in range(10):
        joint = np.array([np.maximum(weight[k] * beta_distribution.pdf(x, alpha[k], beta[k]), 1e-12) for k in range(2)])
        share = joint / joint.sum(axis=0)
        for k in range(2):
            mean = (share[k] * x).sum() / share[k].sum()
            variance = (share[k] * (x - mean) ** 2).sum() / share[k].sum()
            alpha[k] = mean * (mean * (1 - mean) / variance - 1)
            beta[k] = alpha[k] * (1 - mean) / mean
            weight[k] = share[k].mean()
    found = fit(losses, method="published")
    assert found.iterations == 10
    assert (*found.alpha, *found.beta, *found.weight) == pytest.approx((*alpha, *beta, *weight), rel=1e-6)


@pytest.mark.parametrize("method", ["robust", "published"])
@pytest.mark.parametrize("rate", [0.0, 0.003, 0.9, 1.0])
@pytest.mark.parametrize("make", [separated, broad_noise])
def test_extreme_noise_rates_give_finite_posteriors(method, rate, make):
    losses, _ = make(rate, seed=2, n=5_000)
    posterior = noisy_posterior(fit(losses, method=method), losses)
    assert np.isfinite(posterior).all()
    assert 0 <= posterior.min() <= posterior.max() <= 1


@pytest.mark.parametrize(("rate", "low"), [(0.01, 0.98), (0.2, 0.98), (0.5, 0.98), (0.8, 0.97)])
def test_robust_fit_tells_separated_losses_apart(rate, low):
    losses, noisy = separated(rate, seed=4)
    posterior = noisy_posterior(fit(losses), losses)
    assert balanced_accuracy(posterior, noisy) > low
    assert posterior.mean() == pytest.approx(noisy.mean(), abs=0.05)


@pytest.mark.parametrize("method", ["robust", "published"])
@pytest.mark.parametrize(
    "losses",
    [np.full(1000, 2.3), np.linspace(0, 9e-5, 1000), np.arange(9.0), np.full(50, np.nan), np.empty(0)],
    ids=["constant", "all fitted alike", "nine samples", "no finite value", "empty"],
)
def test_losses_without_evidence_give_no_mixture(method, losses):
    assert fit(losses, method=method) is None


@pytest.mark.parametrize("method", ["robust", "published"])
def test_the_order_of_the_samples_does_not_matter(method):
    losses, _ = separated(0.3, seed=6, n=3_000)
    mixture = fit(losses, method=method)
    shuffled = fit(np.random.default_rng(0).permutation(losses), method=method)
    assert shuffled.alpha == pytest.approx(mixture.alpha, rel=1e-9)
    assert shuffled.weight == pytest.approx(mixture.weight, rel=1e-9)


@pytest.mark.parametrize(("scale", "shift"), [(10.0, 0.0), (0.1, 3.0), (1.0, -2.0)])
def test_scaling_and_shifting_the_losses_leaves_the_posterior(scale, shift):
    losses, _ = separated(0.3, seed=7, n=3_000)
    moved = scale * losses + shift
    before = noisy_posterior(fit(losses), losses)
    assert noisy_posterior(fit(moved), moved) == pytest.approx(before, abs=1e-3)


def test_losses_that_are_not_finite_are_left_out_of_the_fit():
    losses, _ = separated(0.3, seed=8, n=2_000)
    with_gaps = np.concatenate([[np.nan, np.inf], losses])
    assert fit(with_gaps) == fit(losses)
    posterior = noisy_posterior(fit(losses), with_gaps)
    assert np.isnan(posterior[0])
    assert posterior[1] == posterior[2:].max()


def test_one_far_loss_does_not_move_the_robust_fit():
    losses, noisy = separated(0.3, seed=9)
    mixture = fit(np.append(losses, 1e4))
    assert mixture.high < 15
    assert balanced_accuracy(noisy_posterior(mixture, losses), noisy) > 0.98


def test_components_without_weight_give_a_posterior_of_zero_or_one():
    x = np.array([0.1, 0.9])
    all_clean = BetaMixture((2.0, 6.0), (8.0, 2.0), (1.0, 0.0), 0.0, 1.0, 0.0, 1)
    all_noisy = BetaMixture((2.0, 6.0), (8.0, 2.0), (0.0, 1.0), 0.0, 1.0, 0.0, 1)
    assert noisy_posterior(all_clean, x).tolist() == [0, 0]
    assert noisy_posterior(all_noisy, x).tolist() == [1, 1]
    assert published_posterior(all_clean, x).tolist() == [0, 0]


def test_to_dict_names_every_field():
    mixture = BetaMixture((2.0, 6.0), (8.0, 2.0), (0.7, 0.3), 0.0, 1.0, -0.5, 3)
    assert mixture.to_dict() == {
        "alpha": (2.0, 6.0),
        "beta": (8.0, 2.0),
        "weight": (0.7, 0.3),
        "low": 0.0,
        "high": 1.0,
        "log_likelihood": -0.5,
        "iterations": 3,
    }
    assert BetaMixture(**mixture.to_dict()) == mixture


def test_a_caller_s_mistake_is_a_value_error():
    with pytest.raises(ValueError, match="component 1 must have the larger mean"):
        BetaMixture((6.0, 2.0), (2.0, 8.0), (0.5, 0.5), 0.0, 1.0, 0.0, 1)
    with pytest.raises(ValueError, match="not a mixture of two betas"):
        BetaMixture((2.0, 6.0), (8.0, 2.0), (0.5, 0.5), 1.0, 1.0, 0.0, 1)
    with pytest.raises(ValueError, match=r"need losses \(N,\) .* not \(3, 4\)"):
        fit(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"not \(20,\) and 'median'"):
        fit(np.arange(20.0), method="median")


def test_a_million_losses_fit_in_about_a_second():
    losses = np.tile(separated(0.3, seed=10)[0], 50)
    start = time.perf_counter()
    mixture = fit(losses)
    assert time.perf_counter() - start < 3.0  # measured 0.1 s; room for a loaded machine
    assert mixture.weight[1] == pytest.approx(0.3, abs=0.05)


def test_a_few_losses_at_a_time_are_fitted_alike(monkeypatch):
    rng = np.random.default_rng(0)
    losses = np.concatenate([rng.gamma(1.0, 0.3, 800), rng.normal(4.0, 1.0, 200).clip(0)])
    whole = fit_beta_mixture(losses)
    monkeypatch.setattr("labelaudit.judging.beta_mixture._BLOCK", 99)
    assert fit_beta_mixture(losses) == whole
