"""What trained networks say of samples: the mean of their softmax outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from labelaudit.training.batches import Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.epoch import outputs, predict
from labelaudit.training.model_file import FrozenFeatures

_BATCH = 256  # samples


def class_probs(
    networks: Sequence[nn.Module],
    inputs: Inputs,
    n: int,
    *,
    precision: torch.dtype = torch.float32,
    on_samples: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Return (N, C) probabilities, the mean over the networks and over the views of each sample.

    Args:
        networks: set to eval mode.
        inputs: N samples on the networks' device.
        n: how many those are.
        precision: bfloat16 or float32.
        on_samples: told how many passes over a sample are done, of N times networks times views.
    """
    samples, views = _samples(inputs, n, precision), inputs.views()
    total = None
    for network in networks:
        probs = predict(network, samples.in_order(*views), n, precision=precision, on_samples=on_samples)
        total = probs if total is None else total + probs
    if total is None:
        raise ValueError("class_probs needs at least one network")
    return total / (len(networks) * len(views))


def frozen_features(
    backbone: nn.Module,
    frozen: FrozenFeatures,
    inputs: Pixels,
    n: int,
    *,
    precision: torch.dtype,
    on_samples: Callable[[int], None] = lambda _: None,
) -> VectorInputs:
    """Return the features of N images as networks on a frozen backbone see them."""
    batches = _samples(inputs, n, precision).in_order(*inputs.views())
    features = outputs(backbone, batches, n, precision=precision, on_samples=on_samples)
    return VectorInputs((features - frozen.mean.to(features.device)) / frozen.deviation.to(features.device))


def _samples(inputs: Inputs, n: int, precision: torch.dtype) -> Samples:
    device = inputs.values.device if isinstance(inputs, VectorInputs) else inputs.scale.device
    no_labels = torch.zeros(n, dtype=torch.int64, device=device)  # predicting needs none
    return Samples(inputs, no_labels, _BATCH, precision, seed=0)
