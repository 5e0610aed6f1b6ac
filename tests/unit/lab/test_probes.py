"""Linear probes read the true classes off a network's levels."""

from __future__ import annotations

import pytest
import torch

from labelaudit.lab.probes import level_modules, probed_levels
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.models import build_image_network


def pictures(n, seed):
    """Return n images whose class is their colour, among noise."""
    labels = torch.arange(n) % 3
    pixels = torch.randint(0, 160, (n, 16, 16, 3), generator=torch.Generator().manual_seed(seed))
    pixels[torch.arange(n), :, :, labels] += 90
    inputs = Pixels(pixels.to(torch.uint8), 16, torch.full((3,), 1 / 64), torch.full((3,), -2.0), 0, flip=False)
    return Samples(inputs, labels, 64, torch.float32, 0)


def test_every_level_of_a_fresh_network_still_shows_the_colour_and_none_shows_labels_at_random():
    network = build_image_network("small", 3, 16, seed=0, stream="a")
    train, test = pictures(240, 0), pictures(90, 1)
    levels = probed_levels(network, train, test, seed=0)
    assert [name for name, _ in levels] == list(level_modules(network))
    assert len(levels) == 3
    assert all(share > 0.9 for _, share in levels)
    assert probed_levels(network, train, test, seed=0) == levels
    shuffled = Samples(
        train.inputs,
        train.labels[torch.randperm(240, generator=torch.Generator().manual_seed(2))],
        64,
        torch.float32,
        0,
    )
    assert all(share < 0.7 for _, share in probed_levels(network, shuffled, test, seed=0))


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("preact-resnet18", [64, 128, 256, 512]),
        ("cifar-resnet34", [64, 128, 256, 512]),
        ("wrn-28-10", [160, 320, 640]),
        ("resnet29-v2", [64, 128, 256]),
        ("inception-resnet-v2", [320, 1088, 2080]),
    ],
)
def test_levels_are_the_last_blocks_of_each_width(name, widths):
    network = build_image_network(name, 10, 75, seed=0, stream="a")
    found = level_modules(network)
    last = [[each for each in block.modules() if isinstance(each, torch.nn.Conv2d)][-1] for block in found.values()]
    assert [convolution.out_channels for convolution in last] == widths
