"""From decoded images to what a network is fed: channel statistics, and pixels that are not copied twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from labelaudit.core.model_facts import ImageFacts
from labelaudit.core.recipe import TrainSettings
from labelaudit.scanning import load as inputs
from labelaudit.training.decode import DecodedImages


def noise(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (n, side, side, 3), dtype=np.uint8) + np.array(
        [0, 20, 50], dtype=np.uint8
    )


def on_cpu(pixels: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    decoded = DecodedImages(pixels, rows, (), (), np.zeros(0, np.uint64), (), (), 0)
    facts = ImageFacts(pixels.shape[1], 0, *inputs.NORMALISATIONS["cifar10"], flip=True)
    moved = inputs.pixels_on_device(decoded, facts, torch.device("cpu"))
    assert moved.is_resident
    return moved.pixels


@pytest.mark.parametrize(("side", "step"), [(16, 1), (32, 1), (63, 1), (64, 2), (100, 3)])
def test_channel_statistics_are_those_of_evenly_spaced_pixels(side, step):
    pixels, rows = noise(300, side), np.arange(299, 10, -1)
    means, deviations = inputs.channel_statistics(pixels, rows, TrainSettings(normalise="dataset"))
    slow = pixels[rows][:, ::step, ::step].reshape(-1, 3) / 255.0
    assert means == pytest.approx(slow.mean(axis=0).tolist(), rel=1e-9)
    assert deviations == pytest.approx(slow.std(axis=0).tolist(), rel=1e-9)


def test_a_constant_channel_has_a_deviation_to_divide_by():
    pixels = np.full((4, 8, 8, 3), 51, dtype=np.uint8)
    means, deviations = inputs.channel_statistics(pixels, np.arange(4), TrainSettings(normalise="dataset"))
    assert means == pytest.approx((0.2, 0.2, 0.2))
    assert deviations == pytest.approx((0.01, 0.01, 0.01))


def test_images_that_follow_one_another_are_used_where_they_are_mapped():
    mapped = noise(20, 8)
    moved = on_cpu(mapped, np.arange(5, 15))
    assert np.array_equal(moved.numpy(), mapped[5:15])
    assert np.shares_memory(moved.numpy(), mapped)


def test_images_in_another_order_are_copied():
    mapped = noise(20, 8)
    for rows in (np.array([3, 4, 6]), np.array([4, 3, 2]), np.array([3, 3, 4])):
        moved = on_cpu(mapped, rows)
        assert np.array_equal(moved.numpy(), mapped[rows])
        assert not np.shares_memory(moved.numpy(), mapped)
