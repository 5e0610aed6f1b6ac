"""Linear probes: how well the true classes can be read off what a network makes of an image, level by level.

Source:
    The idea of Ortego et al. 2020, arXiv:1912.08741, Fig. 5: features of which depth noisy labels spoil. The paper
    reads other classes off them; here they are those of the setting, learnt with their true labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from labelaudit.functional.linear_heads import Heads, fit_heads, logits_of
from labelaudit.training.batches import Samples
from labelaudit.training.epoch import computing_in
from labelaudit.training.streams import torch_generator

_EPOCHS, _L2 = 20, 1e-4
_BLOCKS = ("Block", "Bottleneck", "BottleneckV2", "ScaledResidual")  # how the classes of residual blocks end


def probed_levels(network: nn.Module, train: Samples, test: Samples, *, seed: int) -> tuple[tuple[str, float], ...]:
    """Return each level's name and the share of test samples that a linear probe on its features gets right.

    Args:
        network: left in eval mode.
        train: samples with their true labels.
        test: samples with their true labels.
        seed: of the order in which the probes see the samples.
    """
    levels = level_modules(network)
    n_classes = int(train.labels.max()) + 1
    seen, tested = (_features(network, levels, samples) for samples in (train, test))
    found = []
    for name, features in seen.items():
        mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
        device = features.device
        heads = Heads(
            torch.tensor([-1], device=device), torch.zeros(1, device=device), torch.full((1,), _L2, device=device)
        )
        weights = fit_heads(
            (features - mean) / deviation,
            train.labels,
            n_classes=n_classes,
            folds=torch.zeros(len(features), dtype=torch.int64, device=device),
            heads=heads,
            epochs=_EPOCHS,
            generator=torch_generator(seed, "probe", name),
        )
        logits = logits_of((tested[name] - mean) / deviation, weights.permute(1, 0, 2))[:, 0]
        found.append((name, float((logits.argmax(dim=1) == test.labels).double().mean())))
    return tuple(found)


def level_modules(network: nn.Module) -> dict[str, nn.Module]:
    """Return the last residual block of every width, from the input on, by its place in the network."""
    blocks = [(name, each) for name, each in network.named_modules() if type(each).__name__.endswith(_BLOCKS)]
    by_width: dict[int, tuple[str, nn.Module]] = {}
    for name, block in blocks:
        by_width[_width(block)] = (name, block)
    return dict(by_width.values())


def _width(block: nn.Module) -> int:
    return [each for each in block.modules() if isinstance(each, nn.Conv2d)][-1].out_channels


@torch.inference_mode()
def _features(network: nn.Module, levels: dict[str, nn.Module], samples: Samples) -> dict[str, Tensor]:
    """Return (N, channels) mean activations of each level."""
    network.eval()
    rows: dict[str, list[Tensor]] = {name: [] for name in levels}
    with _watched(levels, rows):
        for batch in samples.in_order("plain"):
            with computing_in(samples.dtype, batch.inputs.device):
                network(batch.inputs)
    return {name: torch.cat(parts).clone() for name, parts in rows.items()}


@contextmanager
def _watched(levels: dict[str, nn.Module], rows: dict[str, list[Tensor]]) -> Iterator[None]:
    handles = [
        module.register_forward_hook(lambda _, __, out, name=name: rows[name].append(out.float().mean(dim=(2, 3))))
        for name, module in levels.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
