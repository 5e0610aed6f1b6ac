"""Losses that noise moves less than cross-entropy; all in float32."""

from __future__ import annotations

import torch
from torch import Tensor

# Wang et al. 2019, arXiv:1908.06112: the logarithm of 0 in the reverse cross-entropy.
LOG_OF_ZERO = -4.0


def generalised_cross_entropy(logits: Tensor, labels: Tensor, *, q: float) -> Tensor:
    """Return (1 - p_y^q) / q of each sample.

    Args:
        logits: (B, C).
        labels: (B,) given labels y.
        q: above 0, at most 1; towards 0 this is the cross-entropy, at 1 it is 1 - p_y.

    Returns:
        (B,) between 0 and 1 / q.

    Source:
        L_q of Zhang and Sabuncu 2018, arXiv:1805.07836.
    """
    log_given = torch.log_softmax(logits.float(), dim=1).gather(1, labels[:, None]).squeeze(1)
    return -torch.expm1(q * log_given) / q


def symmetric_cross_entropy(logits: Tensor, labels: Tensor, *, alpha: float, beta: float) -> Tensor:
    """Return alpha times the cross-entropy plus beta times the reverse cross-entropy of each sample.

    The reverse one is -sum_c p_c log y_c, with log 0 = -4 and log 1 = 0: 4 (1 - p_y).

    Args:
        logits: (B, C).
        labels: (B,) given labels y.
        alpha: weight of the cross-entropy.
        beta: weight of the reverse cross-entropy.

    Source:
        Wang et al. 2019, arXiv:1908.06112.
    """
    log_given = torch.log_softmax(logits.float(), dim=1).gather(1, labels[:, None]).squeeze(1)
    return -alpha * log_given + beta * LOG_OF_ZERO * torch.expm1(log_given)


def forward_cross_entropy(logits: Tensor, labels: Tensor, transition: Tensor) -> Tensor:
    """Return -log (T^T p)_y: the cross-entropy of what the given labels look like once p went through the noise.

    Args:
        logits: (B, C) of the true class.
        labels: (B,) given labels y.
        transition: (C, C) T[i, j] = p(given = j | true = i); rows sum to 1.

    Returns:
        (B,) nats.

    Source:
        Forward correction of Patrini et al. 2017, arXiv:1609.03683.
    """
    given_probs = torch.softmax(logits.float(), dim=1) @ transition
    return -torch.log(given_probs.gather(1, labels[:, None]).squeeze(1).clamp_min(_TINY))


_TINY = 1e-12  # a transition of 0 must not become an infinite loss
