"""Per-sample losses and regularisers on logits; all in float32, all in nats."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each sample against a soft target.

    Args:
        logits: (B, C).
        targets: (B, C), rows sum to 1; treated as constants.

    Returns:
        (B,) nats.

    Source:
        L_c of Tanaka et al. 2018, arXiv:1803.11364; the published code minimises the cross-entropy where the paper
        writes the Kullback-Leibler divergence: the gradient is the same.
    """
    return -(targets * torch.log_softmax(logits.float(), dim=1)).sum(dim=1)


def prior_term(logits: Tensor) -> Tensor:
    """Return the cross-entropy of the uniform class prior against the batch's mean prediction.

    Args:
        logits: (B, C).

    Returns:
        A scalar in nats, at least log C; it is log C when the mean prediction is uniform.

    Source:
        R_A of Tanaka et al. 2018, arXiv:1803.11364, plus the constant log C.
    """
    mean_probs = torch.softmax(logits.float(), dim=1).mean(dim=0)  # (C,)
    return -torch.log(mean_probs.clamp_min(1e-12)).mean()


def entropy_term(logits: Tensor) -> Tensor:
    """Return the mean entropy of the predictions, which minimising makes peaked.

    Args:
        logits: (B, C).

    Returns:
        A scalar in nats between 0 and log C.

    Source:
        R_H of Tanaka et al. 2018, arXiv:1803.11364.
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    return -(log_probs.exp() * log_probs).sum(dim=1).mean()
