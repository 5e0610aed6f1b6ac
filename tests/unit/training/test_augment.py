"""Crops and mirror images against one image at a time in numpy."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labelaudit.training.augment import centre_crop, mirror, random_crop


def images(n: int, side: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(1, 256, (n, side, side, 3), generator=draw).to(torch.uint8)


def slow_crop(image: Any, row: int, column: int, *, padding: int, size: int) -> Any:
    black = np.zeros((size, size, 3), dtype=np.uint8)
    for y in range(size):
        for x in range(size):
            source_y, source_x = row + y - padding, column + x - padding
            if 0 <= source_y < len(image) and 0 <= source_x < len(image):
                black[y, x] = image[source_y, source_x]
    return black


@pytest.mark.parametrize(
    ("side", "padding", "size"),
    [
        (8, 2, 8),  # the usual padded crop
        (11, 0, 8),  # from a larger image
        (10, 3, 8),  # both
        (8, 0, 8),  # no choice
        (8, 4, 5),  # smaller than the image
    ],
)
def test_random_crops_equal_cropping_each_padded_image_by_itself(side, padding, size):
    room = side + 2 * padding - size
    places = [(row, column) for row in range(room + 1) for column in range(room + 1)]
    batch = images(len(places), side)
    cut = random_crop(batch, torch.tensor(places), padding=padding, size=size)
    assert cut.shape == (len(places), size, size, 3)
    assert cut.dtype == torch.uint8
    for image, result, (row, column) in zip(batch.numpy(), cut.numpy(), places, strict=True):
        assert np.array_equal(result, slow_crop(image, row, column, padding=padding, size=size))


def test_crops_of_a_view_that_is_not_contiguous_are_the_same():
    batch = images(6, 9)
    offsets = torch.tensor([[0, 1], [2, 3], [4, 4]])
    view = batch[::2].transpose(1, 2)
    assert not view.is_contiguous()
    assert torch.equal(
        random_crop(view, offsets, padding=2, size=9), random_crop(view.contiguous(), offsets, padding=2, size=9)
    )


def test_cropping_leaves_the_images_as_they_were():
    batch = images(2, 8)
    before = batch.clone()
    random_crop(batch, torch.zeros(2, 2, dtype=torch.long), padding=0, size=8).zero_()
    assert torch.equal(batch, before)


@pytest.mark.parametrize(("side", "size", "start"), [(8, 8, 0), (10, 8, 1), (11, 8, 1), (12, 8, 2)])
def test_the_centre_crop_leaves_equal_margins_or_one_pixel_more_below(side, size, start):
    batch = images(3, side)
    cut = centre_crop(batch, size)
    assert cut.shape == (3, size, size, 3)
    assert torch.equal(cut, batch[:, start : start + size, start : start + size])


def test_mirroring_turns_left_and_right_of_the_chosen_images_only():
    batch = images(4, 5)
    chosen = torch.tensor([True, False, False, True])
    result = mirror(batch, chosen).numpy()
    for i, image in enumerate(batch.numpy()):
        assert np.array_equal(result[i], np.fliplr(image) if chosen[i] else image)


def test_mirroring_twice_gives_the_images_back():
    batch, chosen = images(4, 5), torch.tensor([True, False, True, True])
    assert torch.equal(mirror(mirror(batch, chosen), chosen), batch)
