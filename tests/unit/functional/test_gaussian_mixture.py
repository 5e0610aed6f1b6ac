"""The mixture of two Gaussians against scikit-learn's."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from labelaudit.functional.gaussian_mixture import fit_two_gaussians, high_loss_posterior, low_loss_posterior


def losses_of(n: int, share: float, seed: int = 0):
    """Return the losses of n samples, of which a share is large."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < share, rng.normal(3.0, 0.6, n), np.abs(rng.normal(0.2, 0.2, n)))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_the_posterior_is_that_of_scikit_learn(share):
    losses = losses_of(3000, share)
    scaled = ((losses - losses.min()) / np.ptp(losses))[:, None]
    reference = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(scaled)
    expected = reference.predict_proba(scaled)[:, reference.means_.ravel().argmin()]
    assert low_loss_posterior(losses) == pytest.approx(expected, abs=0.02)


def test_scale_and_order_of_the_losses_do_not_matter():
    losses = losses_of(500, 0.3)
    found = low_loss_posterior(losses)
    assert low_loss_posterior(7.0 * losses + 2.0) == pytest.approx(found, abs=1e-9)
    assert low_loss_posterior(losses[::-1]) == pytest.approx(found[::-1], abs=1e-9)


def test_the_two_sides_of_well_parted_losses_are_certain():
    found = low_loss_posterior(np.r_[np.linspace(0.0, 0.1, 80), np.linspace(4.9, 5.0, 20)])
    assert found[:80].min() > 0.999
    assert found[80:].max() < 0.001


@pytest.mark.parametrize("losses", [[0.7], [0.7, 0.7, 0.7]])
def test_losses_that_are_all_alike_say_that_nothing_is_noisy(losses):
    assert low_loss_posterior(np.array(losses)).tolist() == [1.0] * len(losses)


def test_two_different_losses_are_parted():
    assert low_loss_posterior(np.array([0.1, 2.0])) == pytest.approx([1.0, 0.0], abs=1e-6)


def test_the_high_side_of_a_fitted_mixture_is_the_rest_of_the_low_one_and_applies_to_other_losses():
    losses = losses_of(2000, 0.3)
    mixture = fit_two_gaussians(losses)
    assert mixture is not None
    assert mixture.means[0] < mixture.means[1]
    assert high_loss_posterior(mixture, losses) == pytest.approx(1.0 - low_loss_posterior(losses), abs=1e-6)
    assert high_loss_posterior(mixture, np.array([0.1, 3.2])).round(2).tolist() == [0.0, 1.0]
    assert fit_two_gaussians(np.ones(5)) is None
