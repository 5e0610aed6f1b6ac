"""Linear heads on feature vectors, many of them trained side by side: one matrix product a step serves them all.

Head h never learns from the samples of its own fold, so that its opinion of them is out of fold. Its loss is the
generalised cross-entropy of its own q (0 = cross-entropy), its weights decay at its own rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_WARMUP = 0.3  # of all steps: the learning rate rises in a cosine, then falls to nothing
_START, _END = 1 / 25, 1 / 250_000  # of the peak: how the cycle begins and ends
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # of Adam


@dataclass(frozen=True, slots=True)
class Heads:
    """H linear heads.

    Args:
        fold: (H,) the fold whose samples each never learns from; -1 = learns from all.
        q: (H,) of the generalised cross-entropy, in [0, 1]; 0 = cross-entropy.
        l2: (H,) weight decay: l2 / 2 times the squared weights is added to the mean loss.
    """

    fold: Tensor
    q: Tensor
    l2: Tensor

    def __len__(self) -> int:
        return len(self.fold)


def fit_heads(
    features: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    folds: Tensor,
    heads: Heads,
    epochs: int,
    generator: torch.Generator,
    batch_size: int = 512,
    peak_lr: float = 0.01,
) -> Tensor:
    """Return (H, D + 1, C) weights of the heads; the last row is the bias, which does not decay.

    Adam with one cycle of the learning rate; the weights begin at 0, so only the order of the samples is drawn.

    Args:
        features: (N, D) standardised.
        labels: (N,) in 0..C-1.
        n_classes: C.
        folds: (N,) int.
        heads: what to train.
        epochs: passes over the samples.
        generator: of the CPU; draws the order of each epoch.
        batch_size: samples of a step.
        peak_lr: of the cycle.
    """
    n, d = features.shape
    weights = features.new_zeros(d + 1, len(heads), n_classes)
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    decay = heads.l2.to(weights)[None, :, None]
    steps = epochs * math.ceil(n / batch_size)
    step = 0
    for _ in range(epochs):
        order = torch.randperm(n, generator=generator).to(features.device)
        for rows in torch.split(order, batch_size):
            taught = (folds[rows, None] != heads.fold[None]).to(features)  # (B, H)
            inputs = features[rows]
            pull = _logit_gradient(logits_of(inputs, weights), labels[rows], heads.q, taught)  # (B, H, C)
            gradient = torch.cat([inputs.T @ pull.flatten(1), pull.flatten(1).sum(0, keepdim=True)])
            gradient = gradient.view_as(weights)
            gradient[:-1] += decay * weights[:-1]
            step += 1
            first.lerp_(gradient, 1 - _BETA1)
            second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
            scale = (second / (1 - _BETA2**step)).sqrt_().add_(_EPS)
            weights.addcdiv_(first, scale, value=-one_cycle(step - 1, steps, peak_lr) / (1 - _BETA1**step))
    return weights.permute(1, 0, 2)


def logits_of_fold(features: Tensor, folds: Tensor, weights: Tensor) -> Tensor:
    """Return (N, C) logits of each sample by the head of its own fold, which has not learnt from it.

    Args:
        features: (N, D).
        folds: (N,) in 0..K-1.
        weights: (K, D + 1, C) by `fit_heads`.
    """
    found = features.new_empty(len(features), weights.shape[2])
    for fold, head in enumerate(weights):
        mine = folds == fold
        found[mine] = torch.addmm(head[-1], features[mine], head[:-1])
    return found


def logits_of(inputs: Tensor, weights: Tensor) -> Tensor:
    """Return (B, H, C) of (B, D) inputs and (D + 1, H, C) weights."""
    flat = weights.flatten(1)
    return torch.addmm(flat[-1], inputs, flat[:-1]).view(len(inputs), *weights.shape[1:])


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step: a cosine up to the peak, another one down to nothing.

    Source:
        Smith & Topin 2018, arXiv:1708.07120v3; shapes and ends as torch's OneCycleLR.
    """
    rise = _WARMUP * steps - 1
    if step <= rise:
        return _between(_START * peak, peak, step / max(rise, 1e-9))
    return _between(peak, _END * peak, (step - rise) / max(steps - 1 - rise, 1e-9))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def _logit_gradient(logits: Tensor, labels: Tensor, q: Tensor, taught: Tensor) -> Tensor:
    """Return (B, H, C) gradient of the mean loss by the logits.

    Source:
        Zhang & Sabuncu 2018, arXiv:1805.07836v4, eq. 6: the loss is (1 - p^q) / q, its gradient that of cross-entropy
        times p^q.
    """
    probs = F.softmax(logits, dim=2)
    place = labels[:, None, None].expand(-1, logits.shape[1], 1)
    weight = taught * probs.gather(2, place).squeeze(2) ** q
    weight = weight / taught.sum(0).clamp_min(1e-12)
    probs.scatter_add_(2, place, probs.new_full(place.shape, -1.0))
    return probs * weight[:, :, None]
