"""What one training step on a batch would do to the loss on trusted samples, and which samples would be to thank.

Both functions return (B, C) derivatives of the batch's log-probabilities along the gradient of the trusted loss after a
look-ahead; `functional.meta_weights` turns them into weights and labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn import functional as F

from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.meta_weights import linear_gradient, log_prob_tangents
from labelaudit.training.epoch import computing_in
from labelaudit.training.ranks import ALONE, Ranks


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The step that is tried out: theta' = theta - lr (momentum m + gradient + weight_decay theta)."""

    lr: float
    momentum: float  # of the velocities m, which stay as they are
    weight_decay: float
    shares: tuple[float, float] = (1.0, 1.0)  # this rank's, of the batch and of the trusted samples
    ranks: Ranks = ALONE


def exact_tangents(
    model: nn.Module,
    inputs: Tensor,
    logits: Tensor,
    targets: Tensor,
    trusted_inputs: Tensor,
    trusted_labels: Tensor,
    *,
    step: LookAhead,
    velocities: Mapping[str, Tensor],
) -> Tensor:
    """Return the derivatives along the gradient of all parameters: one backward pass more and one forward-mode pass.

    Several ranks take a central difference instead: batch norm that talks to others has no forward mode.

    Args:
        model: in train mode; its running statistics stay as they are.
        inputs: (B, ...) of the batch.
        logits: (B, C) of the batch, with their graph, which is kept; the model must draw the same dropout again.
        targets: (B, C) soft labels that the look-ahead learns from.
        trusted_inputs: (T, ...).
        trusted_labels: (T,).
        step: the look-ahead.
        velocities: by the name of the parameter; a missing one is zero.
    """
    named = dict(model.named_parameters())
    own = torch.autograd.grad(soft_cross_entropy(logits, targets).mean(), list(named.values()), retain_graph=True)
    gradients = _over_ranks(own, step.shares[0], step.ranks)
    params = {name: parameter.detach() for name, parameter in named.items()}
    ahead = {
        name: (old - step.lr * (step.momentum * velocities.get(name, 0.0) + gradient + step.weight_decay * old))
        for (name, old), gradient in zip(params.items(), gradients, strict=True)
    }
    direction = _trusted_gradient(model, ahead, trusted_inputs, trusted_labels, step=step)
    if step.ranks.size > 1:
        return log_prob_tangents(*_central_difference(model, params, direction, inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own use of torch.jit, when jvp first runs
        logits_again, tangents = jvp(
            lambda at: functional_call(model, at | _copied_buffers(model), (inputs,)), (params,), (direction,)
        )[:2]
    return log_prob_tangents(logits_again, tangents)


def last_layer_tangents(
    layer: nn.Linear,
    features: Tensor,
    targets: Tensor,
    trusted_features: Tensor,
    trusted_labels: Tensor,
    *,
    step: LookAhead,
    velocities: tuple[Tensor, Tensor],
) -> Tensor:
    """Return the derivatives along the gradient of the last layer alone: a few matrix products.

    Args:
        layer: the last layer of the network.
        features: (B, D) what it is given for the batch.
        targets: (B, C) soft labels that the look-ahead learns from.
        trusted_features: (T, D).
        trusted_labels: (T,).
        step: the look-ahead.
        velocities: of the weight and the bias.
    """
    weight, bias = layer.weight.detach(), layer.bias.detach()
    logits = F.linear(features, weight, bias)
    gradients = _over_ranks(
        linear_gradient(features, torch.softmax(logits, dim=1) - targets), step.shares[0], step.ranks
    )
    ahead = [
        old - step.lr * (step.momentum * velocity + gradient + step.weight_decay * old)
        for old, velocity, gradient in zip((weight, bias), velocities, gradients, strict=True)
    ]
    trusted_probs = torch.softmax(F.linear(trusted_features, *ahead), dim=1)
    errors = trusted_probs - F.one_hot(trusted_labels, len(bias)).to(trusted_probs.dtype)
    for_weight, for_bias = _over_ranks(linear_gradient(trusted_features, errors), step.shares[1], step.ranks)
    tangents = F.linear(features, for_weight + step.weight_decay * ahead[0], for_bias + step.weight_decay * ahead[1])
    return log_prob_tangents(logits, tangents)


def last_layer(model: nn.Module) -> nn.Linear:
    """Return the last linear layer of a network."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


@contextmanager
def features_seen(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the last layer is given in every forward pass inside: (B, D) each, in float32 and detached."""
    seen: list[Tensor] = []
    handle = last_layer(model).register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().float()))
    try:
        yield seen
    finally:
        handle.remove()


@torch.no_grad()
def still_features(model: nn.Module, inputs: Tensor, *, precision: torch.dtype) -> Tensor:
    """Return (B, D) what the last layer is given, by batch statistics and without moving the running ones."""
    with features_seen(model) as seen, computing_in(precision, inputs.device):
        functional_call(model, _copied_buffers(model), (inputs,))
    return seen[0]


def _trusted_gradient(
    model: nn.Module, params: Mapping[str, Tensor], inputs: Tensor, labels: Tensor, *, step: LookAhead
) -> dict[str, Tensor]:
    """Return the gradient of the trusted loss, with its share of the weight decay, at other parameters."""
    leaves = {name: value.requires_grad_() for name, value in params.items()}
    with torch.enable_grad():
        logits = functional_call(model, leaves | _copied_buffers(model), (inputs,))
        gradients = torch.autograd.grad(F.cross_entropy(logits, labels), list(leaves.values()))
    decayed = zip(leaves.items(), _over_ranks(gradients, step.shares[1], step.ranks), strict=True)
    return {name: gradient + step.weight_decay * value.detach() for (name, value), gradient in decayed}


def _over_ranks(gradients: Sequence[Tensor], share: float, ranks: Ranks) -> list[Tensor]:
    """Return the gradients of the mean over the whole batch, of which this rank has a share."""
    if ranks.size == 1:
        return list(gradients)
    flat = ranks.sum_(torch.cat([gradient.reshape(-1) * share for gradient in gradients]))
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    return [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]


@torch.no_grad()
def _central_difference(
    model: nn.Module, params: Mapping[str, Tensor], direction: Mapping[str, Tensor], inputs: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (B, C) logits, and their derivatives along a direction of the parameters, good to three digits or so."""
    length = torch.sqrt(sum(value.square().sum() for value in direction.values()))  # type: ignore[arg-type]
    size = float(_DIFFERENCE / length.clamp_min(1e-12))
    either = []
    for sign in (1, -1):
        at = {name: value + sign * size * direction[name] for name, value in params.items()}
        with torch.random.fork_rng(devices=[inputs.device] if inputs.device.type == "cuda" else []):  # same dropout
            either.append(functional_call(model, at | _copied_buffers(model), (inputs,)))
    return (either[0] + either[1]) / 2, (either[0] - either[1]) / (2 * size)


_DIFFERENCE = 1e-2  # length of the step to either side, in float32; shorter ones drown in rounding


def _copied_buffers(model: nn.Module) -> dict[str, Tensor]:
    """Return copies for a pass that must not move the running statistics."""
    return {name: value.clone() for name, value in model.named_buffers()}
