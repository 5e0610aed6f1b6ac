"""IEG's arithmetic against what can be worked out by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from labelaudit.functional.meta_weights import (
    helpful_weights,
    keeps_given_label,
    label_gradients,
    linear_gradient,
    log_prob_tangents,
    normalised_logits,
    sharpened_pseudo_labels,
    weight_gradients,
)


def test_normalised_logits_have_a_root_mean_square_of_one_over_the_whole_batch():
    logits = torch.tensor([[3.0, -1.0], [0.0, 2.0]])  # mean square 14 / 4
    assert torch.allclose(normalised_logits(logits), logits / math.sqrt(3.5))


def test_pseudo_labels_are_the_sharpened_mean_of_two_views():
    logits = torch.tensor([[1.0, -1.0]])  # root mean square 1: normalising changes nothing
    flat = torch.tensor([[-1.0, 1.0]])
    assert torch.allclose(sharpened_pseudo_labels(logits, flat, temperature=0.5), torch.full((1, 2), 0.5))
    p = 1 / (1 + math.exp(-2))
    expected = p**2 / (p**2 + (1 - p) ** 2)  # 1 / 0.5 = 2
    assert sharpened_pseudo_labels(logits, logits, temperature=0.5)[0, 0].item() == pytest.approx(expected)


def test_log_prob_tangents_are_the_derivative_of_log_softmax():
    torch.manual_seed(0)
    logits, tangents = torch.randn(4, 3).double(), torch.randn(4, 3).double()
    eps = 1e-6
    moved = torch.log_softmax(logits + eps * tangents, dim=1) - torch.log_softmax(logits - eps * tangents, dim=1)
    assert torch.allclose(log_prob_tangents(logits, tangents), moved / (2 * eps), atol=1e-8)


def test_a_label_whose_probability_rises_along_the_trusted_gradient_does_harm():
    tangents = torch.tensor([[0.5, -0.5], [-0.5, 0.5]])  # going up the trusted loss makes class 0 likelier in row 0
    given, pseudo = F.one_hot(torch.tensor([0, 0]), 2).float(), F.one_hot(torch.tensor([1, 1]), 2).float()
    for_weights = weight_gradients(given, tangents, lr=0.1)
    assert for_weights.tolist() == pytest.approx([0.05, -0.05])
    assert helpful_weights(for_weights).tolist() == pytest.approx([0.0, 0.05 / 0.05001])
    for_labels = label_gradients(given, pseudo, tangents, lr=0.1, weight=0.5)
    assert for_labels.tolist() == pytest.approx([0.05, -0.05])
    assert keeps_given_label(for_labels).tolist() == [0.0, 1.0]


def test_weights_are_all_zero_where_no_sample_helps():
    assert helpful_weights(torch.tensor([0.1, 0.0])).tolist() == [0.0, 0.0]


def test_the_gradient_of_a_linear_layer_is_autograds():
    torch.manual_seed(0)
    layer, features, labels = torch.nn.Linear(5, 3).double(), torch.randn(8, 5).double(), torch.arange(8) % 3
    logits = layer(features)
    slow = torch.autograd.grad(F.cross_entropy(logits, labels), [layer.weight, layer.bias])
    fast = linear_gradient(features, torch.softmax(logits.detach(), dim=1) - F.one_hot(labels, 3))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(fast, slow, strict=True))
