"""How often networks are right about samples whose labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from labelaudit.training.batches import Samples
from labelaudit.training.compiled import without_compiling
from labelaudit.training.epoch import predict


def share_right(networks: Sequence[nn.Module], samples: Samples, *, compiled: bool = False) -> float:
    """Return the share of samples whose label is the most probable class by the mean of the networks' softmax.

    Args:
        networks: left in the mode that they are in, train or eval.
        samples: looked at once each, without augmentation, as papers test.
        compiled: whether torch.compile has the networks; here they run as they are written.
    """
    return shares_right(networks, samples, compiled=compiled)[0]


def shares_right(networks: Sequence[nn.Module], samples: Samples, *, compiled: bool = False) -> tuple[float, float]:
    """Return the share of samples whose label is the most probable class, and one of the five most probable.

    Args:
        networks: left in the mode that they are in, train or eval; the mean of their softmax outputs answers.
        samples: looked at once each, without augmentation, as papers test.
        compiled: whether torch.compile has the networks; here they run as they are written.
    """
    with without_compiling() if compiled else nullcontext():
        total = torch.stack([_probs(network, samples) for network in networks]).sum(dim=0)  # (N, C)
    best = total.topk(min(5, total.shape[1]), dim=1).indices == samples.labels[:, None]
    first = total.argmax(dim=1) == samples.labels
    return float(first.double().mean()), float(best.any(dim=1).double().mean())


def _probs(network: nn.Module, samples: Samples) -> Tensor:
    was_training = network.training
    views = samples.in_order("plain")
    probs = predict(network, views, len(samples), precision=samples.dtype, on_samples=lambda _: None)
    network.train(was_training)
    return probs
