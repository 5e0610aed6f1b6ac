"""Targets between label and prediction, and inputs mixed by their noise."""

import pytest
import torch

from labelaudit.functional.bootstrapping import bootstrapped_targets, clean_shares, sharpened
from labelaudit.functional.mixup import mix_each

GIVEN = torch.eye(3)[[0, 1]]
BELIEVED = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])


def test_targets_go_from_the_given_label_to_the_prediction():
    targets = bootstrapped_targets(GIVEN, BELIEVED, torch.tensor([0.25, 1.0]))
    assert torch.allclose(targets, torch.tensor([[0.8, 0.125, 0.075], [0.0, 0.0, 1.0]]))
    assert torch.equal(bootstrapped_targets(GIVEN, BELIEVED, torch.zeros(2)), GIVEN)


def test_the_bootstrapping_loss_is_the_sum_of_its_two_cross_entropies():
    noisy = torch.tensor([0.3, 0.7])
    log_probs = torch.log_softmax(torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]]), dim=1)
    whole = -(bootstrapped_targets(GIVEN, BELIEVED, noisy) * log_probs).sum(dim=1)
    parts = -(1 - noisy) * (GIVEN * log_probs).sum(dim=1) - noisy * (BELIEVED * log_probs).sum(dim=1)
    assert whole.tolist() == pytest.approx(parts.tolist())


def test_a_clean_sample_outweighs_a_noisy_partner_and_shares_of_a_pair_sum_to_one():
    noisy = torch.tensor([0.1, 0.9, 0.5])
    partner = torch.tensor([1, 0, 2])
    shares = clean_shares(noisy, noisy[partner])
    assert shares.tolist() == pytest.approx([0.9, 0.1, 0.5])
    assert (shares + shares[partner])[:2].tolist() == pytest.approx([1.0, 1.0])
    inputs = torch.tensor([[10.0], [20.0], [30.0]])
    assert mix_each(inputs, partner, shares).flatten().tolist() == pytest.approx([11.0, 11.0, 30.0])


def test_the_temperature_makes_targets_hard():
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    assert torch.allclose(sharpened(logits, 1.0), torch.softmax(logits, dim=1))
    assert sharpened(logits, 0.001).tolist() == [[0.0, 1.0, 0.0]]
