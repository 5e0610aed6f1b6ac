"""Losses against closed forms, and how they pull at a sample that does not fit."""

import math

import pytest
import torch
from torch.nn import functional as F

from labelaudit.functional.robust_losses import (
    forward_cross_entropy,
    generalised_cross_entropy,
    symmetric_cross_entropy,
)

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(6, 4, generator=GENERATOR, dtype=torch.float32) * 3
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
GIVEN = torch.softmax(LOGITS, dim=1)[torch.arange(6), LABELS]
CE = F.cross_entropy(LOGITS, LABELS, reduction="none")


def gradient(loss_fn, logits):
    logits = logits.clone().requires_grad_(True)
    loss_fn(logits).sum().backward()
    return logits.grad


def test_the_generalised_cross_entropy_is_its_formula():
    assert torch.allclose(generalised_cross_entropy(LOGITS, LABELS, q=0.7), (1 - GIVEN**0.7) / 0.7, atol=1e-6)


def test_the_generalised_cross_entropy_lies_between_cross_entropy_and_the_absolute_error():
    assert torch.allclose(generalised_cross_entropy(LOGITS, LABELS, q=1e-4), CE, rtol=1e-3)
    assert torch.allclose(generalised_cross_entropy(LOGITS, LABELS, q=1.0), 1 - GIVEN, atol=1e-6)


def test_its_gradient_is_that_of_cross_entropy_times_the_given_probability_to_the_q():
    found = gradient(lambda logits: generalised_cross_entropy(logits, LABELS, q=0.7), LOGITS)
    plain = gradient(lambda logits: F.cross_entropy(logits, LABELS, reduction="none"), LOGITS)
    assert torch.allclose(found, plain * GIVEN[:, None] ** 0.7, atol=1e-6)


def test_a_sample_without_any_chance_gives_a_finite_loss_and_no_pull():
    logits = torch.tensor([[-200.0, 200.0]])
    labels = torch.tensor([0])
    assert generalised_cross_entropy(logits, labels, q=0.7).item() == pytest.approx(1 / 0.7)
    assert gradient(lambda z: generalised_cross_entropy(z, labels, q=0.7), logits).abs().max() == 0
    assert symmetric_cross_entropy(logits, labels, alpha=0.0, beta=1.0).item() == pytest.approx(4.0)


def test_the_symmetric_cross_entropy_is_the_sum_of_its_two_parts():
    probs = torch.softmax(LOGITS, dim=1)
    log_labels = torch.where(F.one_hot(LABELS, 4).bool(), 0.0, -4.0)
    reverse = -(probs * log_labels).sum(dim=1)
    expected = 0.1 * CE + 2.0 * reverse
    assert torch.allclose(symmetric_cross_entropy(LOGITS, LABELS, alpha=0.1, beta=2.0), expected, atol=1e-5)


def test_forward_correction_without_noise_is_cross_entropy():
    assert torch.allclose(forward_cross_entropy(LOGITS, LABELS, torch.eye(4)), CE, atol=1e-5)


def test_forward_correction_is_the_cross_entropy_of_the_noisy_probability():
    draws = torch.rand(4, 4, generator=GENERATOR)
    transition = draws / draws.sum(dim=1, keepdim=True)
    probs = torch.softmax(LOGITS, dim=1)
    noisy = [[float(probs[i, k] * transition[k, LABELS[i]]) for k in range(4)] for i in range(6)]
    expected = [-math.log(sum(row)) for row in noisy]
    assert forward_cross_entropy(LOGITS, LABELS, transition).tolist() == pytest.approx(expected, rel=1e-5)


def test_forward_correction_asks_for_the_true_class_where_labels_turn():
    """Class 0 is called 1 in 30 % of the cases: the best answer to a given 1 is then not 1 alone."""
    transition = torch.tensor([[0.7, 0.3], [0.0, 1.0]])
    share_of_ones = 0.3  # all samples are of class 0
    logit = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([logit], max_iter=100)

    def closure():
        optimizer.zero_grad()
        logits = torch.stack([logit, -logit], dim=1)
        losses = [forward_cross_entropy(logits, torch.tensor([label]), transition) for label in (0, 1)]
        mean = ((1 - share_of_ones) * losses[0] + share_of_ones * losses[1]).sum()
        mean.backward()
        return mean

    optimizer.step(closure)
    assert torch.sigmoid(2 * logit).item() > 0.98
