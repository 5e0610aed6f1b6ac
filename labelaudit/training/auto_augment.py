"""Strong augmentation of uint8 images: AutoAugment by torchvision, then a grey square.

torchvision is imported when it is needed: it costs as long as torch itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SAME_POLICY = 4  # images; one by one takes four times as long (66 ms for 128 images of 32x32 on one core, against 16)
_GREY = 128  # what a cut-out square is filled with: the middle of the range, as in the published code of IEG


def auto_augmented(images: Tensor, draw: torch.Generator) -> Tensor:
    """Return the images under the CIFAR policies of AutoAugment; of every four in a row, all get the same one.

    Args:
        images: (B, S, S, 3) uint8.
        draw: seeds torch's global generator, from which torchvision draws; it is put back afterwards.

    Source:
        Cubuk et al. 2019, AutoAugment, arXiv:1805.09501; torchvision's table of its CIFAR-10 policies.
    """
    from torchvision.transforms import v2

    policy = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(2**62, (1,), generator=draw)))
        groups = [policy(group) for group in torch.split(images.permute(0, 3, 1, 2), _SAME_POLICY)]
    return torch.cat(groups).permute(0, 2, 3, 1).contiguous()


def cut_out(images: Tensor, centres: Tensor, *, side: int) -> Tensor:
    """Return the images with a grey square in each; where it leaves the image, less of it is seen.

    Args:
        images: (B, S, S, 3) uint8.
        centres: (B, 2) row and column of the middle of each square, on the device of the images.
        side: pixels of the square.

    Source:
        DeVries and Taylor 2017, Cutout, arXiv:1708.04552.
    """
    places = torch.arange(images.shape[1], device=images.device)
    rows, columns = (
        (places >= centres[:, [axis]] - side // 2) & (places < centres[:, [axis]] + side - side // 2) for axis in (0, 1)
    )  # (B, S) each
    covered = rows[:, :, None] & columns[:, None, :]  # (B, S, S)
    return images.masked_fill(covered[..., None], _GREY)
