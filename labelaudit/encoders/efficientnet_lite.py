"""EfficientNet-Lite0, as far as its last vector: what the embedded image weights were trained in.

Source:
Tan & Le 2019, arXiv:1905.11946v5, table 1 (the seven groups of blocks); the Lite variant of the same authors
leaves squeeze-and-excitation out and takes ReLU6 for swish. Weights of TensorFlow: padding is "same", which is
one pixel more below and right where a stride leaves an odd one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIMENSION: Final = 1280
_EPS: Final = 1e-3  # of batch normalisation, as the weights were trained
_STEM: Final = 32  # channels

# kernel, stride of the first, expansion, channels out, how many
_GROUPS: Final = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class EfficientNetLite0(nn.Module):
    """From (B, 3, S, S) scaled images to (B, 1280) vectors. Batch normalisation is part of the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _SameConv(3, _STEM, kernel=3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.head = _SameConv(_GROUPS[-1][3], DIMENSION, kernel=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, 1280) float32 vectors, the mean over the places of an image."""
        features = self.blocks(F.relu6(self.stem(images), inplace=True))
        return F.relu6(self.head(features), inplace=True).mean((2, 3), dtype=torch.float32)  # (B, 1280)


class _Block(nn.Module):
    """Widen, filter each channel by itself, narrow; the input is added where the shape is the same."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _SameConv(inputs, inner, kernel=1) if expansion > 1 else None
        self.depthwise = _SameConv(inner, inner, kernel=kernel, stride=stride, groups=inner)
        self.project = _SameConv(inner, outputs, kernel=1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        out: Tensor = self.project(F.relu6(self.depthwise(inner), inplace=True))
        return x + out if self.adds else out


class _SameConv(nn.Module):
    """A convolution with a bias and TensorFlow's padding."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride, self.groups = stride, groups

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        down, right = (_same_padding(side, kernel, self.stride) for side in x.shape[-2:])
        if down % 2 == 0 and right % 2 == 0:
            padding = (down // 2, right // 2)
        else:
            x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
            padding = (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)


def load_published(weights: Mapping[str, Tensor]) -> EfficientNetLite0:
    """Return the network with published weights, each batch normalisation folded into its convolution.

    Args:
        weights: by the names of the PyTorch copy (`_conv_stem.weight`, `_blocks.0._bn1.running_mean`, ...).

    Raises:
        KeyError: a tensor is missing.
        RuntimeError: a tensor has another shape.
    """
    names = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    parts = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    net = EfficientNetLite0()
    for place, block in enumerate(net.blocks):
        for part, (conv, norm) in parts.items():
            if getattr(block, part) is not None:
                names[f"blocks.{place}.{part}"] = (f"_blocks.{place}.{conv}", f"_blocks.{place}.{norm}")
    folded = {}
    for name, (conv, norm) in names.items():
        folded[f"{name}.weight"], folded[f"{name}.bias"] = _fold(weights, conv, norm)
    net.load_state_dict(folded)
    return net.eval()


def _blocks() -> list[nn.Module]:
    blocks: list[nn.Module] = []
    inputs = _STEM
    for kernel, stride, expansion, outputs, count in _GROUPS:
        for place in range(count):
            step = stride if place == 0 else 1
            blocks.append(_Block(inputs, outputs, kernel=kernel, stride=step, expansion=expansion))
            inputs = outputs
    return blocks


def _fold(weights: Mapping[str, Tensor], conv: str, norm: str) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of a convolution followed by its batch normalisation (float64 within)."""
    mean, variance, gain, shift = (
        weights[f"{norm}.{part}"].double() for part in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gain / (variance + _EPS).sqrt()
    weight = weights[f"{conv}.weight"].double() * scale[:, None, None, None]
    return weight.float(), (shift - mean * scale).float()


def _same_padding(side: int, kernel: int, stride: int) -> int:
    """Return how many pixels both ends get together."""
    return max((-(-side // stride) - 1) * stride + kernel - side, 0)
