"""Mixing of pairs."""

import torch

from labelaudit.functional.mixup import mix, mix_each

VALUES = torch.tensor([[0.0, 8.0], [4.0, 0.0], [2.0, 2.0]])
PARTNER = torch.tensor([1, 2, 0])


def test_a_sample_is_mixed_with_its_partner_by_the_weight():
    assert mix(VALUES, PARTNER, 0.75).tolist() == [[1.0, 6.0], [3.5, 0.5], [1.5, 3.5]]


def test_the_whole_weight_keeps_the_samples_and_none_gives_the_partners():
    assert torch.equal(mix(VALUES, PARTNER, 1.0), VALUES)
    assert torch.equal(mix(VALUES, PARTNER, 0.0), VALUES[PARTNER])


def test_a_sample_that_is_its_own_partner_stays():
    assert torch.allclose(mix(VALUES, torch.arange(3), 0.3), VALUES)


def test_mixed_distributions_are_distributions():
    targets = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    mixed = mix(targets, torch.arange(6).flip(0), 0.3)
    assert torch.allclose(mixed.sum(dim=1), torch.ones(6))
    assert (mixed >= 0).all()


def test_images_are_mixed_like_their_targets():
    images = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mixed = mix(images, PARTNER, 0.25)
    for i, partner in enumerate(PARTNER.tolist()):
        assert torch.allclose(mixed[i], 0.25 * images[i] + 0.75 * images[partner])


def test_mixing_leaves_its_inputs_as_they_were():
    before = VALUES.clone()
    mix(VALUES, PARTNER, 0.5)
    assert torch.equal(VALUES, before)


def test_every_sample_can_have_a_weight_of_its_own():
    mixed = mix_each(VALUES, PARTNER, torch.tensor([1.0, 0.5, 0.0]))
    assert mixed.tolist() == [[0.0, 8.0], [3.0, 1.0], [0.0, 8.0]]
    images = VALUES.view(3, 2, 1, 1).expand(3, 2, 4, 4)
    assert torch.equal(mix_each(images, PARTNER, torch.tensor([1.0, 0.5, 0.0]))[:, :, 2, 3], mixed)
