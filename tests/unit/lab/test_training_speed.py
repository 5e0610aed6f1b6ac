"""What bounds training, on networks whose arithmetic is known."""

import numpy as np
import torch
from torch import nn

from labelaudit.lab.training_speed import convolution_share, matrix_rate, operations_per_sample, pipeline_rate

CPU = torch.device("cpu")
PIXELS = np.zeros((600, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(600) % 2


class Flat(nn.Module):
    """A layer that gives four channels, and a classifier."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(x).mean(dim=(2, 3)))


def elementwise():
    return Flat(Repeat())


def convolutional():
    return Flat(nn.Conv2d(3, 4, 3, padding=1))


class Repeat(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.cat([x, x[:, :1]], dim=1).sin().cos().tanh() * self.scale


def test_the_operations_of_a_convolution_are_counted_forward_and_for_its_weights():
    # 8 x 8 places, 3 x 3 x 3 inputs, 4 channels, a multiplication and an addition each; no gradient of the images
    convolution = 2 * 64 * 27 * 4
    head = 2 * 4 * 2
    assert operations_per_sample(convolutional, 8) == 2 * convolution + 3 * head


def test_the_share_of_convolutions_is_larger_where_there_are_some():
    with_them = convolution_share(convolutional, PIXELS, LABELS, CPU)
    without = convolution_share(elementwise, PIXELS, LABELS, CPU)
    assert 0 <= without < with_them <= 1


def test_rates_are_of_samples_and_of_operations():
    rate = pipeline_rate(convolutional, PIXELS, LABELS, CPU, seconds=0.05)
    assert rate > 0
    assert matrix_rate(CPU) > 1e8  # any processor since the 1990s
