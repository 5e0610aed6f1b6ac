"""Targets between a given label and a prediction, by how probable it is that the label is wrong."""

from __future__ import annotations

import torch
from torch import Tensor


def bootstrapped_targets(given: Tensor, believed: Tensor, noisy: Tensor) -> Tensor:
    """Return (1 - w) y + w t of each sample.

    Args:
        given: (B, C) one-hot given labels y.
        believed: (B, C) predictions t, soft or one-hot; rows sum to 1.
        noisy: (B,) p(label is wrong) w.

    Source:
        Arazo et al. 2019, arXiv:1904.11238, dynamic bootstrapping; with one w for all that of Reed et al. 2015.
    """
    return given + noisy[:, None] * (believed - given)


def clean_shares(noisy: Tensor, noisy_partner: Tensor) -> Tensor:
    """Return (B,) the weight of each sample against its partner's: (1 - w) / ((1 - w) + (1 - w')).

    Args:
        noisy: (B,) p(label is wrong), below 1.
        noisy_partner: (B,) the same of the partners.

    Source:
        Dynamic mixup of Arazo et al. 2019, arXiv:1904.11238.
    """
    return (1.0 - noisy) / ((1.0 - noisy) + (1.0 - noisy_partner))


def sharpened(logits: Tensor, temperature: float) -> Tensor:
    """Return (B, C) softmax(logits / temperature): 1 leaves the prediction, towards 0 it becomes the arg max.

    Source:
        Arazo et al. 2019, arXiv:1904.11238, the soft-to-hard variant.
    """
    return torch.softmax(logits.float() / temperature, dim=1)
