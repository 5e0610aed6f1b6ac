"""Random crops and mirror images of a whole batch at once, on the device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def random_crop(images: Tensor, offsets: Tensor, *, padding: int, size: int) -> Tensor:
    """Return a square cut from each zero-padded image at its own offset.

    Args:
        images: (B, S, S, 3) uint8.
        offsets: (B, 2) whole numbers in [0, S + 2 * padding - size]: first row and column of the cut.
        padding: pixels of black on every side.
        size: pixels of a side of the cut.

    Returns:
        (B, size, size, 3) uint8.
    """
    B, S, _, channels = images.shape
    side = S + 2 * padding
    padded = F.pad(images, (0, 0, padding, padding, padding, padding)).contiguous()  # (B, side, side, 3)
    corner = torch.arange(B, device=images.device) * side + offsets[:, 0]  # (B,) first row of the cut
    rows = corner[:, None] + torch.arange(size, device=images.device)  # (B, size)
    starts = rows * side + offsets[:, 1:]  # first pixel of each row of the cut
    # Every run of `size` pixels, overlapping: a row of the cut is one of them, copied as a piece.
    runs = padded.as_strided((B * side * side - size + 1, size * channels), (channels, 1))
    return runs.index_select(0, starts.flatten()).view(B, size, size, channels)


def centre_crop(images: Tensor, size: int) -> Tensor:
    """Return the middle (B, size, size, 3) of (B, S, S, 3) images."""
    start = (images.shape[1] - size) // 2
    return images[:, start : start + size, start : start + size]


def mirror(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with the chosen ones mirrored left to right.

    Args:
        images: (B, S, S, 3).
        chosen: (B,) bool, on the host: a GPU need not be waited for to know how many there are.
    """
    rows = chosen.nonzero()[:, 0].to(images.device, non_blocking=True)
    return images.index_copy(0, rows, images.index_select(0, rows).flip(2))
