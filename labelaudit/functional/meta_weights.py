"""IEG's arithmetic: what every sample's weight and label would do to the loss on trusted samples.

A step on weighted samples moves the parameters from theta to theta'. How the trusted loss at theta' changes with the
weight of sample i needs only v, the gradient of the trusted loss at theta', and the derivative of the sample's logits
along v: one forward-mode pass for the whole batch, and no graph of second order.

Source:
    Zhang et al. 2020, "Distilling Effective Supervision from Severe Label Noise", arXiv:1910.00701 (S1), in the form of
    its published code. The identity behind one forward-mode pass is the chain rule, applied once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def normalised_logits(logits: Tensor) -> Tensor:
    """Return (B, C) logits divided by the root mean square of all of them.

    Source:
        S1, published code; the paper leaves it out.
    """
    values = logits.float()
    return values / (values.square().mean().sqrt() + 1e-8)


def sharpened_pseudo_labels(logits: Tensor, other_view: Tensor, *, temperature: float) -> Tensor:
    """Return (B, C) labels by the network: the mean prediction on two views, raised to 1 / temperature.

    Args:
        logits: (B, C).
        other_view: (B, C) of the same samples under another augmentation.
        temperature: tau, above 0; below 1 makes the labels more certain.

    Returns:
        Rows that sum to 1; no gradient flows through them.

    Source:
        S1, the pseudo-label of its step 2; tau = 0.5.
    """
    first, second = (torch.softmax(normalised_logits(each.detach()), dim=1) for each in (logits, other_view))
    sharp = ((first + second) / 2) ** (1.0 / temperature)
    return sharp / sharp.sum(dim=1, keepdim=True)


def log_prob_tangents(logits: Tensor, tangents: Tensor) -> Tensor:
    """Return (B, C) derivatives of log softmax(z) where z moves by `tangents`.

    Args:
        logits: (B, C) z.
        tangents: (B, C) the derivative of z along a direction of the parameters.
    """
    probs = torch.softmax(logits, dim=1)
    return tangents - (probs * tangents).sum(dim=1, keepdim=True)


def weight_gradients(targets: Tensor, tangents: Tensor, *, lr: float) -> Tensor:
    """Return (B,) derivatives of the trusted loss after the look-ahead by the weight of each sample.

    Args:
        targets: (B, C) soft labels that the look-ahead learns from.
        tangents: (B, C) `log_prob_tangents` along the gradient of the trusted loss.
        lr: rate of the look-ahead.
    """
    return lr * (targets * tangents).sum(dim=1)


def label_gradients(given: Tensor, pseudo: Tensor, tangents: Tensor, *, lr: float, weight: float) -> Tensor:
    """Return (B,) derivatives of the trusted loss after the look-ahead by the share of the given label.

    Args:
        given: (B, C) one-hot given labels.
        pseudo: (B, C) labels by the network.
        tangents: (B, C) `log_prob_tangents` along the gradient of the trusted loss.
        lr: rate of the look-ahead.
        weight: of each sample in it.
    """
    return lr * weight * ((given - pseudo) * tangents).sum(dim=1)


def helpful_weights(gradients: Tensor, *, summed: Callable[[Tensor], Tensor] = lambda total: total) -> Tensor:
    """Return (B,) weights, at least 0 and with a sum just below 1; all 0 where no sample would help.

    Args:
        gradients: (B,) derivatives of the trusted loss by the weight of each sample.
        summed: from the sum over these samples to that over the whole batch, where this is a part of it.

    Source:
        S1, published code: its "w0 - gradient - w0", clipped and divided by the sum + 1e-5.
    """
    helpful = (-gradients).clamp_min(0.0)
    return helpful / (summed(helpful.sum()) + 1e-5)


def keeps_given_label(gradients: Tensor) -> Tensor:
    """Return (B,) 1.0 where more of the given label would lower the trusted loss, else 0.0.

    Source:
        S1, the sign rule of its re-labelling.
    """
    return (gradients < 0).to(gradients.dtype)


def linear_gradient(features: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of a mean cross-entropy by the weight (C, D) and the bias (C,) of a linear last layer.

    Args:
        features: (B, D) what the layer is given.
        errors: (B, C) softmax outputs minus targets.
    """
    return errors.T @ features / len(features), errors.mean(dim=0)
