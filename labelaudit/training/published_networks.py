"""Networks that papers on label noise trained and torchvision does not have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WideBlock(nn.Module):
    """Pre-activation residual block whose shortcut has no weights: averages over the stride, and channels of zeros."""

    def __init__(self, inside: int, outside: int, stride: int, *, activates_first: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self._outside, self._stride, self._activates_first = outside, stride, activates_first

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outside, H / stride, W / stride)."""
        out = F.relu(self.norm1(x))
        skip = out if self._activates_first else x
        out = self.conv2(F.relu(self.norm2(self.conv1(out))))
        return cast(Tensor, out + weightless_shortcut(skip, self._outside, self._stride))


class WideResNet(nn.Module):
    """WRN-28-10 as IEG trained it: shortcuts without weights, and further ones across each group and across all.

    Source:
        The Wide-ResNet of the published code of AutoAugment (Cubuk et al. 2019, arXiv:1805.09501), which S1,
        arXiv:1910.00701, takes; not torchvision's layout.
    """

    def __init__(self, n_classes: int, *, width: int = 10, blocks: int = 4) -> None:
        super().__init__()
        widths = (16, 16 * width, 32 * width, 64 * width)
        self.stem = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.groups = nn.ModuleList()
        for group, (inside, outside) in enumerate(pairwise(widths)):
            first = WideBlock(inside, outside, 2 if group else 1, activates_first=not group)
            rest = (WideBlock(outside, outside, 1, activates_first=False) for _ in range(blocks - 1))
            self.groups.append(nn.Sequential(first, *rest))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], n_classes)
        _he_normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C) logits of (B, 3, H, W) images."""
        first = out = self.stem(x)
        for number, group in enumerate(self.groups):
            before = out
            out = group(out)
            out = out + weightless_shortcut(before, out.shape[1], 2 if number else 1)
        out = out + weightless_shortcut(first, out.shape[1], 4)
        return cast(Tensor, self.head(F.relu(self.norm(out)).mean(dim=(2, 3))))


def weightless_shortcut(x: Tensor, channels: int, stride: int) -> Tensor:
    """Return (B, channels, H / stride, W / stride): averages, with channels of zeros on both sides."""
    if stride > 1:
        x = F.avg_pool2d(x, stride, stride, ceil_mode=True)
    missing = channels - x.shape[1]
    return F.pad(x, (0, 0, 0, 0, missing // 2, missing - missing // 2)) if missing else x


class BottleneckV2(nn.Module):
    """Pre-activation bottleneck: 1x1, 3x3 and 1x1 convolutions; the very first one is not activated before."""

    def __init__(self, inside: int, middle: int, outside: int, stride: int, *, is_first: bool) -> None:
        super().__init__()
        self.before = nn.Identity() if is_first else nn.Sequential(nn.BatchNorm2d(inside), nn.ReLU())
        self.convs = nn.Sequential(
            nn.Conv2d(inside, middle, 1, stride, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 3, 1, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, outside, 1, bias=False),
        )
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False) if inside != outside else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outside, H / stride, W / stride)."""
        skip = x if self.shortcut is None else self.shortcut(x)
        return cast(Tensor, self.convs(self.before(x)) + skip)


def resnet29_v2(n_classes: int) -> nn.Module:
    """Return ResNet-29 version 2: three stages of three bottlenecks, 64, 128 and 256 channels wide at their ends.

    Source:
        The "RN29" of S1, arXiv:1910.00701: ResNet v2 (He et al. 2016, arXiv:1603.05027) of depth 9 x 3 + 2.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inside = 16
    for stage, (middle, outside) in enumerate(((16, 64), (64, 128), (128, 256))):
        for block in range(3):
            stride = 2 if stage and not block else 1
            layers.append(BottleneckV2(inside, middle, outside, stride, is_first=not (stage or block)))
            inside = outside
    layers += [nn.BatchNorm2d(inside), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, n_classes)]
    network = nn.Sequential(*layers)
    _he_normal_(network)
    return network


class Branches(nn.Module):
    """Several paths over the same input, their channels side by side."""

    def __init__(self, *paths: nn.Module) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, sum of the paths' channels, H', W')."""
        return torch.cat([path(x) for path in self.paths], dim=1)


class ScaledResidual(nn.Module):
    """Branches whose projection is added to the input, scaled down so that a deep stack stays stable."""

    def __init__(self, channels: int, branches: Branches, inside: int, scale: float, *, activates: bool = True) -> None:
        super().__init__()
        self.branches, self.project = branches, nn.Conv2d(inside, channels, 1)
        self._scale, self._activates = scale, activates

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H, W)."""
        out = x + self._scale * self.project(self.branches(x))
        return F.relu(out) if self._activates else cast(Tensor, out)


class InceptionResNetV2(nn.Module):
    """Inception-ResNet-v2, for images of 299 pixels and no fewer than 75.

    Source:
        Szegedy et al. 2017, arXiv:1602.07261, with the residual scales .17, .10 and .20 of its published code; the
        network of S0, arXiv:2007.00151, on WebVision.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(_conv(3, 32, 3, stride=2), _conv(32, 32, 3), _conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2)),
            *(_conv(64, 80, 1), _conv(80, 192, 3), nn.MaxPool2d(3, 2)),
            Branches(
                _conv(192, 96, 1),
                nn.Sequential(_conv(192, 48, 1), _conv(48, 64, 5, padding=2)),
                nn.Sequential(_conv(192, 64, 1), _conv(64, 96, 3, padding=1), _conv(96, 96, 3, padding=1)),
                nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), _conv(192, 64, 1)),
            ),
            *(_block35() for _ in range(10)),
            Branches(
                _conv(320, 384, 3, stride=2),
                nn.Sequential(_conv(320, 256, 1), _conv(256, 256, 3, padding=1), _conv(256, 384, 3, stride=2)),
                nn.MaxPool2d(3, 2),
            ),
            *(_block17() for _ in range(20)),
            Branches(
                nn.Sequential(_conv(1088, 256, 1), _conv(256, 384, 3, stride=2)),
                nn.Sequential(_conv(1088, 256, 1), _conv(256, 288, 3, stride=2)),
                nn.Sequential(_conv(1088, 256, 1), _conv(256, 288, 3, padding=1), _conv(288, 320, 3, stride=2)),
                nn.MaxPool2d(3, 2),
            ),
            *(_block8(0.2) for _ in range(9)),
            _block8(1.0, activates=False),
            _conv(2080, 1536, 1),
        )
        self.head = nn.Linear(1536, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C) logits of (B, 3, H, W) images."""
        return cast(Tensor, self.head(self.body(x).mean(dim=(2, 3))))


def _conv(
    inside: int,
    outside: int,
    size: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, size, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside, eps=1e-3), nn.ReLU())


def _block35() -> ScaledResidual:
    branches = Branches(
        _conv(320, 32, 1),
        nn.Sequential(_conv(320, 32, 1), _conv(32, 32, 3, padding=1)),
        nn.Sequential(_conv(320, 32, 1), _conv(32, 48, 3, padding=1), _conv(48, 64, 3, padding=1)),
    )
    return ScaledResidual(320, branches, 128, 0.17)


def _block17() -> ScaledResidual:
    return ScaledResidual(1088, _crossed(1088, (192, 128, 160, 192), 7), 384, 0.10)


def _block8(scale: float, *, activates: bool = True) -> ScaledResidual:
    return ScaledResidual(2080, _crossed(2080, (192, 192, 224, 256), 3), 448, scale, activates=activates)


def _crossed(inside: int, widths: Sequence[int], size: int) -> Branches:
    """Return a 1x1 path beside one whose large filter is a row and a column."""
    beside, first, second, third = widths
    row, column = (1, size), (size, 1)
    return Branches(
        _conv(inside, beside, 1),
        nn.Sequential(
            _conv(inside, first, 1),
            _conv(first, second, row, padding=(0, size // 2)),
            _conv(second, third, column, padding=(size // 2, 0)),
        ),
    )


def _he_normal_(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
