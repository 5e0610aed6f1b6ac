"""Two Gaussians on losses, against scikit-learn's and against known components."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from labelaudit.judging.loss_mixture import (
    fit_gaussian_losses,
    gaussian_posterior,
    gaussian_share_below,
    log_odds,
)


def losses_of(n: int, share: float, seed: int = 0):
    """Return losses whose log odds are those of two groups."""
    rng = np.random.default_rng(seed)
    odds = np.where(rng.random(n) < share, rng.normal(2.5, 1.5, n), rng.normal(-4.0, 0.6, n))
    return np.logaddexp(0.0, odds)


def test_log_odds_are_those_of_the_label_being_wrong():
    p = np.array([0.9, 0.5, 0.01, 1e-9])
    assert log_odds(-np.log(p)) == pytest.approx(np.log((1 - p) / p))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_the_fit_is_that_of_scikit_learn(share):
    losses = losses_of(4000, share)
    found = fit_gaussian_losses(losses)
    x = log_odds(losses)[:, None]
    reference = GaussianMixture(2, tol=1e-7, max_iter=500, n_init=3, random_state=0).fit(x)
    order = reference.means_.ravel().argsort()
    assert found is not None
    assert found.mean == pytest.approx(reference.means_.ravel()[order], abs=0.02)
    assert found.deviation == pytest.approx(np.sqrt(reference.covariances_.ravel()[order]), abs=0.02)
    assert found.weight == pytest.approx(reference.weights_[order], abs=0.005)


def test_the_posterior_never_falls_and_the_share_below_is_a_distribution():
    found = fit_gaussian_losses(losses_of(1000, 0.2))
    assert found is not None
    grid = np.logspace(-8, 1.4, 500)
    assert (np.diff(gaussian_posterior(found, grid)) >= 0).all()
    below = gaussian_share_below(found, grid)
    assert (np.diff(below) >= 0).all()
    assert 0 <= below[0] <= below[-1] <= 1


@pytest.mark.parametrize("losses", [np.full(50, 0.7), np.arange(9.0)])
def test_losses_that_are_alike_or_few_hold_no_evidence(losses):
    assert fit_gaussian_losses(losses) is None
