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
    padded = F.pad(images, (0, 0, padding, padding, padding, padding)).contiguous()  # (B, S+2p, S+2p, 3)
    across, down, right = padded.stride(0), padded.stride(1), padded.stride(2)
    room = S + 2 * padding - size + 1
    windows = padded.as_strided((B, room, room, size, size, channels), (across, down, right, down, right, 1))
    return windows[torch.arange(B, device=images.device), offsets[:, 0], offsets[:, 1]]


def centre_crop(images: Tensor, size: int) -> Tensor:
    """Return the middle (B, size, size, 3) of (B, S, S, 3) images."""
    start = (images.shape[1] - size) // 2
    return images[:, start : start + size, start : start + size]


def mirror(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with the chosen ones mirrored left to right.

    Args:
        images: (B, S, S, 3).
        chosen: (B,) bool.
    """
    return torch.where(chosen[:, None, None, None], images.flip(2), images)
