"""Losses and regularisers against closed forms in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from labelaudit.functional.losses import (
    clamped_softmax,
    elr_term,
    entropy_term,
    moved_averages,
    prior_term,
    soft_cross_entropy,
)


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(scale=2.0, size=shape)


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def slow_prior_term(logits: Any) -> float:
    return float(-np.log(softmax(logits).mean(axis=0)).mean())


def slow_entropy_term(logits: Any) -> float:
    probs = softmax(logits)
    return float(-(probs * np.log(probs)).sum(axis=1).mean())


def finite_differences(function: Callable[[Any], float], point: Any, step: float = 1e-6) -> Any:
    slopes = np.empty_like(point)
    for place in np.ndindex(point.shape):
        ahead, behind = point.copy(), point.copy()
        ahead[place] += step
        behind[place] -= step
        slopes[place] = (function(ahead) - function(behind)) / (2 * step)
    return slopes


def gradient(function: Callable[[Tensor], Tensor], point: Any) -> Any:
    logits = tensor(point).requires_grad_()
    function(logits).backward()
    assert logits.grad is not None
    return logits.grad.numpy()


def test_soft_cross_entropy_of_one_hot_targets_is_the_usual_cross_entropy():
    logits, labels = tensor(normal(8, 5)), torch.arange(8) % 5
    expected = F.cross_entropy(logits, labels, reduction="none")
    assert torch.allclose(soft_cross_entropy(logits, F.one_hot(labels, 5).float()), expected, atol=1e-6)


def test_soft_cross_entropy_is_the_sum_over_the_classes():
    logits, targets = normal(6, 4), softmax(normal(6, 4, seed=1))
    probs = softmax(logits)
    by_hand = [-sum(targets[i, c] * math.log(probs[i, c]) for c in range(4)) for i in range(6)]
    assert soft_cross_entropy(tensor(logits), tensor(targets)).tolist() == pytest.approx(by_hand, rel=1e-5)


def test_soft_cross_entropy_is_least_where_the_prediction_is_the_target():
    targets = softmax(normal(6, 4))
    best = soft_cross_entropy(tensor(np.log(targets)), tensor(targets))
    assert best.numpy() == pytest.approx(-(targets * np.log(targets)).sum(axis=1), rel=1e-5)
    assert (soft_cross_entropy(tensor(normal(6, 4, seed=1)), tensor(targets)) > best).all()


def test_soft_cross_entropy_pulls_towards_the_target_by_the_difference_of_probabilities():
    logits, targets = normal(3, 4), softmax(normal(3, 4, seed=1))
    slopes = gradient(lambda x: soft_cross_entropy(x, tensor(targets)).sum(), logits)
    assert slopes == pytest.approx(softmax(logits) - targets, abs=1e-6)


def test_losses_of_half_precision_logits_are_computed_in_float32():
    logits = tensor(normal(4, 3)).bfloat16()
    targets = F.one_hot(torch.tensor([0, 1, 2, 0]), 3).float()
    assert torch.equal(soft_cross_entropy(logits, targets), soft_cross_entropy(logits.float(), targets))
    assert torch.equal(prior_term(logits), prior_term(logits.float()))
    assert torch.equal(entropy_term(logits), entropy_term(logits.float()))


@pytest.mark.parametrize("C", [2, 10])
def test_the_prior_term_is_log_c_where_the_mean_prediction_is_uniform(C):
    assert float(prior_term(torch.zeros(7, C))) == pytest.approx(math.log(C))
    sure_of_each_class_once = 8.0 * torch.eye(C)
    assert float(prior_term(sure_of_each_class_once)) == pytest.approx(math.log(C), rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_prior_term_equals_its_formula_and_is_at_least_log_c(seed):
    logits = normal(5, 4, seed=seed)
    value = float(prior_term(tensor(logits)))
    assert value == pytest.approx(slow_prior_term(logits), rel=1e-5)
    assert value > math.log(4) - 1e-6


def test_the_gradient_of_the_prior_term_equals_finite_differences():
    logits = normal(5, 4)
    assert gradient(prior_term, logits) == pytest.approx(finite_differences(slow_prior_term, logits), abs=1e-6)


def test_the_prior_term_stays_finite_where_a_class_is_never_predicted():
    value = prior_term(torch.tensor([[200.0, -200.0], [200.0, -200.0]]))
    assert float(value) == pytest.approx(-math.log(1e-12) / 2)


def test_the_entropy_term_is_log_c_where_nothing_is_known_and_zero_where_all_is_sure():
    assert float(entropy_term(torch.zeros(3, 6))) == pytest.approx(math.log(6))
    assert float(entropy_term(50.0 * torch.eye(6))) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_entropy_term_equals_its_formula_and_keeps_its_bounds(seed):
    logits = normal(5, 4, seed=seed)
    value = float(entropy_term(tensor(logits)))
    assert value == pytest.approx(slow_entropy_term(logits), rel=1e-4)
    assert 0 <= value <= math.log(4) + 1e-6


def test_the_entropy_of_two_classes_is_the_textbook_one():
    p = 0.2
    expected = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert float(entropy_term(torch.tensor([[math.log(p), math.log(1 - p)]]))) == pytest.approx(expected)


def test_the_gradient_of_the_entropy_term_equals_finite_differences():
    logits = normal(5, 4)
    assert gradient(entropy_term, logits) == pytest.approx(finite_differences(slow_entropy_term, logits), abs=1e-6)


def slow_elr_loss(logits: Any, averages: Any, labels: Any, weight: float) -> float:
    probs = softmax(logits)
    rows = np.arange(len(labels))
    cross_entropy = -np.log(probs[rows, labels])
    return float((cross_entropy + weight * np.log(1.0 - (averages * np.clip(probs, 1e-4, 1 - 1e-4)).sum(axis=1))).sum())


def test_the_gradient_of_the_elr_loss_agrees_with_finite_differences():
    logits, averages, labels = normal(3, 4), softmax(normal(3, 4, seed=1)), np.array([0, 3, 1])
    variable = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    losses = F.cross_entropy(variable, torch.from_numpy(labels), reduction="none")
    (losses + 3.0 * elr_term(clamped_softmax(variable), tensor(averages))).sum().backward()
    expected = finite_differences(lambda point: slow_elr_loss(point, averages, labels, 3.0), logits)
    assert variable.grad is not None
    assert variable.grad.numpy() == pytest.approx(expected, abs=2e-4)


def test_the_elr_term_has_the_gradient_that_is_published():
    logits, averages = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), tensor(softmax(normal(5, 3)))
    variable = logits.clone().requires_grad_()
    elr_term(clamped_softmax(variable), averages).sum().backward()
    p, t = torch.softmax(logits, dim=1), averages
    inner = (p * t).sum(dim=1, keepdim=True)
    expected = p / (1 - inner) * (inner - t)  # p_c / (1 - <p,t>) sum_k (t_k - t_c) p_k
    assert variable.grad is not None
    assert variable.grad.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_elr_term_stays_finite_where_prediction_and_target_agree_fully():
    probs = clamped_softmax(tensor([[50.0, 0.0, 0.0], [0.0, 50.0, 0.0]]))
    averages = moved_averages(torch.zeros(2, 3), probs, momentum=0.0)
    term = elr_term(probs, averages)
    assert torch.isfinite(term).all()
    assert float(term.max()) < -7.0  # about log 1e-4


def test_targets_move_a_share_of_the_way_and_keep_no_gradient():
    probs = clamped_softmax(tensor(normal(2, 3)).requires_grad_())
    first = moved_averages(torch.zeros(2, 3), probs, momentum=0.7)
    assert first.sum(dim=1).tolist() == pytest.approx([0.3, 0.3])  # not corrected for the start at 0
    second = moved_averages(first, probs, momentum=0.7)
    assert second.detach().numpy() == pytest.approx(1.7 * first.detach().numpy())
    assert not second.requires_grad
