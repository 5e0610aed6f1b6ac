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


def clamped_softmax(logits: Tensor) -> Tensor:
    """Return (B, C) probabilities held in [1e-4, 1 - 1e-4], so that no logarithm of ELR meets 0.

    Source:
        Published code of ELR, Liu et al. 2020, arXiv:2007.00151 (S0).
    """
    return torch.softmax(logits.float(), dim=1).clamp(_CLAMP, 1.0 - _CLAMP)


def moved_averages(averages: Tensor, probs: Tensor, *, momentum: float) -> Tensor:
    """Return ELR's targets t after another look: momentum t + (1 - momentum) p, p scaled to sum to 1.

    Args:
        averages: (B, C) targets so far; 0 before the first visit, and not corrected for it.
        probs: (B, C) `clamped_softmax` outputs; treated as constants.
        momentum: beta, in [0, 1).

    Source:
        S0, arXiv:2007.00151, published code: targets move before the loss reads them.
    """
    seen = probs.detach()
    return momentum * averages + (1.0 - momentum) * seen / seen.sum(dim=1, keepdim=True)


def elr_term(probs: Tensor, averages: Tensor) -> Tensor:
    """Return the early-learning penalty log(1 - <p, t>) of each sample.

    Args:
        probs: (B, C) `clamped_softmax` outputs. Gradients flow through this one.
        averages: (B, C) targets t; treated as constants.

    Returns:
        (B,) nats, always <= 0. Minimising it pulls `probs` towards `averages`.

    Source:
        S0, arXiv:2007.00151, the regulariser of its loss, in the form of the published code.
    """
    return torch.log(1.0 - (averages.detach() * probs).sum(dim=1))


def elr_weight(n_classes: int) -> float:
    """Return the published weight lambda of ELR's penalty for so many classes.

    Source:
        S0, arXiv:2007.00151: 3 on CIFAR-10 with symmetric noise, Clothing1M and WebVision, 7 on CIFAR-100.
    """
    return 3.0 if n_classes < _MANY_CLASSES else 7.0


_CLAMP = 1e-4
_MANY_CLASSES = 100


def kl_term(logits: Tensor, averages: Tensor) -> Tensor:
    """Return the divergence KL(t || p) of each prediction from its running average: what S0 compares its term with.

    Args:
        logits: (B, C). Gradients flow through these.
        averages: (B, C) running averages of past predictions; constants, scaled to sum to 1.

    Returns:
        (B,) nats, at least 0.

    Source:
        S0, arXiv:2007.00151, the ablation that replaces its term: it adds to the memorising gradient where p = t.
    """
    target = averages / averages.sum(dim=1, keepdim=True).clamp_min(1e-12)
    log_probs = torch.log_softmax(logits.float(), dim=1)
    return (target * (target.clamp_min(1e-12).log() - log_probs)).sum(dim=1)
