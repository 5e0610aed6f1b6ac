"""Which mixture is chosen, and how far it is believed, on losses with a known answer."""

import numpy as np
import pytest

from labelaudit.core.evidence import evidence_from_probs
from labelaudit.core.shares import point
from labelaudit.judging.mixtures import (
    KINDS,
    calibrate_by_mixture,
    choose_mixture,
    fit_mixture,
    held_out_likelihood,
    null_gate,
    posterior_of,
)

N, C = 2000, 5


def two_groups(share: float = 0.2, seed: int = 0):
    """Return losses whose log odds fall into two groups."""
    rng = np.random.default_rng(seed)
    odds = np.where(rng.random(N) < share, rng.normal(2.5, 1.2, N), rng.normal(-4.0, 0.7, N))
    return np.logaddexp(0.0, odds)


def made_up(wrong: float, *, sure: float = 4.0, spread: float = 0.7, labels_from_model: bool = False, seed: int = 0):
    """Return evidence of a model that mostly knows the class, on labels of which a share is wrong; and which are."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, C, N)
    logits = rng.normal(scale=0.5, size=(N, C))
    logits[np.arange(N), true] += rng.normal(sure, spread, N)
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    is_wrong = rng.random(N) < wrong
    given = np.where(is_wrong, (true + rng.integers(1, C, N)) % C, true)
    if labels_from_model:
        given = (rng.random((N, 1)) < probs.cumsum(axis=1)).argmax(axis=1)
    return evidence_from_probs(probs, given), is_wrong


EVERY = np.ones(N, dtype=bool)


def test_the_mixture_that_made_the_losses_wins_on_the_held_out_half():
    chosen = choose_mixture(two_groups())
    assert chosen is not None
    assert chosen.kind == "log-odds"
    assert set(chosen.held_out) == set(KINDS)
    assert max(chosen.held_out, key=lambda kind: chosen.held_out[kind]) == "log-odds"


def test_losses_of_bounded_groups_choose_the_robust_betas():
    rng = np.random.default_rng(0)
    losses = np.where(rng.random(N) < 0.3, rng.beta(6, 2, N), rng.beta(2, 9, N)) * 3
    chosen = choose_mixture(losses)
    assert chosen is not None
    assert chosen.kind == "robust"


@pytest.mark.parametrize("kind", KINDS)
def test_a_named_mixture_is_taken_and_its_posterior_never_falls(kind):
    losses = two_groups()
    chosen = choose_mixture(losses, kind=kind)
    assert chosen is not None
    assert chosen.kind == kind
    assert (np.diff(posterior_of(chosen.mixture, np.sort(losses))) >= -1e-12).all()


def test_the_choice_does_not_depend_on_the_order_of_the_samples():
    losses = two_groups()
    first, second = choose_mixture(losses), choose_mixture(losses[::-1])
    assert first is not None
    assert second is not None
    assert dict(first.held_out) == pytest.approx(dict(second.held_out))


def test_the_held_out_likelihood_is_that_of_cells_counted_by_simulation():
    losses = two_groups()
    mixture = fit_mixture(losses, "log-odds")
    assert mixture is not None
    entropy = -held_out_likelihood(mixture, two_groups(seed=1))
    assert entropy < np.log(512)  # an even spread over the cells
    assert entropy < -held_out_likelihood(mixture, np.sort(two_groups(share=0.8, seed=1)))


def test_wrong_labels_are_found_and_counted():
    evidence, wrong = made_up(0.2)
    found = calibrate_by_mixture(evidence, counted=EVERY)
    assert found.mixture is not None
    assert found.mixture["evidence"] == "wrong labels"
    assert found.mixture["noise_rate"] == pytest.approx(wrong.mean(), abs=0.02)
    assert ((found.wrong > 0.5) == wrong).mean() > 0.98


@pytest.mark.parametrize("sure", [2.0, 4.0, 6.0])
def test_right_labels_are_believed_to_be_right_however_sure_the_model_is(sure):
    evidence, _ = made_up(0.0, sure=sure)
    found = calibrate_by_mixture(evidence, counted=EVERY)
    assert (found.wrong > 0.5).mean() <= 0.01


def test_the_expected_surprises_are_those_of_labels_drawn_from_the_predictions():
    drawn = [null_gate(made_up(0.0, sure=1.5, labels_from_model=True, seed=seed)[0], counted=EVERY) for seed in (0, 1)]
    for gate in drawn:
        assert gate.observed == pytest.approx(gate.expected, abs=4 * np.sqrt(gate.expected))


def test_surprises_and_the_mixture_are_of_the_counted_samples_alone():
    evidence, wrong = made_up(0.2)
    found = calibrate_by_mixture(evidence, counted=~wrong)
    assert found.mixture is not None
    assert found.mixture["surprises"]["observed"] <= 0.01 * N
    assert found.wrong.shape == (N,)


def test_losses_that_are_all_alike_are_no_evidence():
    evidence = evidence_from_probs(np.full((N, C), 1 / C), np.zeros(N, dtype=np.int64))
    found = calibrate_by_mixture(evidence, counted=EVERY)
    assert found.mixture is None
    assert not found.wrong.any()
    assert found.noise == point(0.0)
