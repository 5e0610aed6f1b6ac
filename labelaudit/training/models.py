"""The networks, by name.

torchvision is imported where one of its networks is asked for: it costs as long as torch itself.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.training.published_networks import InceptionResNetV2, WideResNet, resnet29_v2
from labelaudit.training.streams import global_stream

OWN_IMAGE_BACKBONES = (
    "small",
    "medium",
    "preact-resnet18",
    "cifar-resnet34",
    "wrn-28-10",
    "resnet29-v2",
    "inception-resnet-v2",
)
TORCHVISION_FAMILIES = ("resnet", "mobilenet", "convnext", "efficientnet")


class PreActBlock(nn.Module):
    """Pre-activation residual block: two 3x3 convolutions, each after batch norm and ReLU.

    Source:
        He et al. 2016, identity mappings in deep residual networks.
    """

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        changes = stride != 1 or inside != outside
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outside, H / stride, W / stride)."""
        out = F.relu(self.norm1(x))
        skip = x if self.shortcut is None else self.shortcut(out)
        out = self.conv1(out)
        return cast(Tensor, self.conv2(F.relu(self.norm2(out))) + skip)


class PreActResNet(nn.Module):
    """Pre-activation residual network.

    Args:
        n_classes: C.
        stem: channels of the convolutions before the first block, each with its stride.
        widths: channels of each group of blocks; every group after the first halves the image.
        blocks: blocks per group.
        quirk: as in the published DRPL code, batch norm and ReLU right after the stem and none before the pooling;
            otherwise the textbook network with a last batch norm and ReLU.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        stem: Sequence[tuple[int, int]],
        widths: Sequence[int],
        blocks: int,
        quirk: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 3
        for number, (channels, stride) in enumerate(stem):
            layers.append(nn.Conv2d(inside, channels, 3, stride, 1, bias=False))
            inside = channels
            if quirk or number < len(stem) - 1:
                layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        for group, width in enumerate(widths):
            for block in range(blocks):
                layers.append(PreActBlock(inside, width, 2 if group and not block else 1))
                inside = width
        if not quirk:
            layers += [nn.BatchNorm2d(inside), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inside, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C) logits of (B, 3, H, W) images."""
        return cast(Tensor, self.head(self.body(x).mean(dim=(2, 3))))


def preact_resnet18(n_classes: int) -> PreActResNet:
    """Return the PreAct ResNet-18 of the published DRPL code, with its quirk.

    Source:
        shared constants of Ortego et al. 2020, arXiv:1912.08741, and its published code.
    """
    return PreActResNet(n_classes, stem=[(64, 1)], widths=(64, 128, 256, 512), blocks=2, quirk=True)


def cifar_resnet34(n_classes: int) -> nn.Module:
    """Return a ResNet-34 for images of 32 pixels: a first convolution of 3x3 without stride, and no pooling after it.

    Source:
        The network of ELR on CIFAR, Liu et al. 2020, arXiv:2007.00151.
    """
    network = _torchvision_network("resnet34", n_classes)
    first = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    network.conv1, network.maxpool = first, nn.Identity()
    return network


def small_network(n_classes: int, image_size: int, *, width: int = 32) -> PreActResNet:
    """Return three pre-activation blocks that see about 16x16 positions, whatever the image size.

    Strided convolutions come first until the image is small enough: on two CPU cores a network that works at half
    the resolution with twice the channels trains 1.4 times as fast and ranks errors better (docs/benchmarks.md).

    Args:
        n_classes: C.
        image_size: pixels of a side.
        width: channels of the first block; the others have twice and four times as many.
    """
    stem: list[tuple[int, int]] = []
    side = image_size
    while side >= _BLOCK_SIDE * 2:
        stem.append((width // 2 if side >= _BLOCK_SIDE * 4 else width, 2))
        side = (side + 1) // 2
    return PreActResNet(n_classes, stem=stem or [(width, 1)], widths=(width, 2 * width, 4 * width), blocks=1)


_BLOCK_SIDE = 16  # pixels; the first block works on 16 to 31 of them


class MultilayerPerceptron(nn.Module):
    """Two hidden layers with batch norm for vectors."""

    def __init__(self, n_inputs: int, n_classes: int, *, width: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, n_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C) logits of (B, D) vectors."""
        return cast(Tensor, self.layers(x))


def torchvision_backbones() -> list[str]:
    """Return the torchvision classifiers that can be named as a backbone."""
    from torchvision import models

    names = models.list_models(module=models)
    return sorted(name for name in names if name.startswith(TORCHVISION_FAMILIES))


def require_image_backbone(name: str) -> None:
    """Raise ConfigError with the closest known name unless there is such a backbone for images."""
    if name in OWN_IMAGE_BACKBONES:
        return
    known = [*OWN_IMAGE_BACKBONES, *torchvision_backbones()]
    if name not in known:
        own, families = ", ".join(OWN_IMAGE_BACKBONES), ", ".join(TORCHVISION_FAMILIES)
        raise ConfigError(
            f"backbone {name!r} is not known.",
            hint=did_you_mean(name, known) or f"Known: {own}, torchvision's {families} families.",
        )


def build_image_network(name: str, n_classes: int, image_size: int, *, seed: int, stream: str) -> nn.Module:
    """Return a freshly initialised network for images, the same for the same seed and stream.

    Raises:
        ConfigError: no such backbone.
    """
    require_image_backbone(name)
    builders: dict[str, Callable[[], nn.Module]] = {
        "small": lambda: small_network(n_classes, image_size),
        "medium": lambda: small_network(n_classes, image_size, width=64),
        "preact-resnet18": lambda: preact_resnet18(n_classes),
        "cifar-resnet34": lambda: cifar_resnet34(n_classes),
        "wrn-28-10": lambda: WideResNet(n_classes),
        "resnet29-v2": lambda: resnet29_v2(n_classes),
        "inception-resnet-v2": lambda: InceptionResNetV2(n_classes),
    }
    build = builders.get(name, lambda: _torchvision_network(name, n_classes))
    return initialised(build, seed=seed, stream=stream).to(memory_format=torch.channels_last)


def _torchvision_network(name: str, n_classes: int) -> nn.Module:
    from torchvision import models

    return cast(nn.Module, models.get_model(name, weights=None, num_classes=n_classes))


def initialised(build: Callable[[], nn.Module], *, seed: int, stream: str) -> nn.Module:
    """Call `build` with torch's global generator seeded for this stream, and put the generator back."""
    with global_stream(torch.device("cpu"), seed, "init", stream):
        return build()


def default_weights(name: str) -> dict[str, Tensor]:
    """Return torchvision's default weights of a backbone; fetched over the network unless cached.

    Raises:
        ConfigError: the backbone has none.
        OSError: they cannot be fetched.
    """
    if name in OWN_IMAGE_BACKBONES:
        raise ConfigError(
            f"there are no default weights for backbone {name!r}.",
            hint="Use --backbone resnet18 with --weights default, or leave --weights none.",
        )
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    return cast("dict[str, Tensor]", weights.get_state_dict(progress=False, check_hash=True))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors or .pth file; code in a .pth file is refused.

    Raises:
        ConfigError: the file is missing, damaged or not a table of tensors.
    """
    if not path.is_file():
        raise ConfigError(f"weights file {path} does not exist.", hint="Use --weights none, default or a file.")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = _load_without_code(path)
    except Exception as error:
        raise ConfigError(f"weights file {path} cannot be read: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"weights file {path} is not a table of tensors.", hint="Save model.state_dict().")
    return state


def load_plain_data(path: Path) -> object:
    """Read a .pt file that holds plain data: tensors, numpy arrays, numbers, text, lists and dicts.

    Raises:
        DataError: the file is damaged, or names code to run, which is refused.
    """
    rebuild: Any = np.empty(0).__reduce__()[
        0
    ]  # what numpy arrays are rebuilt with, whatever numpy called its module then
    names = [(rebuild, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]
    kinds = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    # torch's restricted reader calls nothing that is not listed here, or plain to torch itself
    with torch.serialization.safe_globals([*names, *kinds, np.ndarray, np.dtype, codecs.encode]):
        try:
            return _load_without_code(path)
        except Exception as error:
            lines = [line.partition(" was not an allowed")[0].strip() for line in str(error).splitlines()]
            reasons = [line for line in lines if "Unsupported" in line]
            raise DataError(
                f"{path} cannot be read without running code in it: {(reasons or [repr(error)])[0]}",
                hint="Where you trust it, convert it: load it with weights_only=False and write it with numpy.savez.",
            ) from error


def _load_without_code(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251


def load_matching(model: nn.Module, weights: dict[str, Tensor]) -> list[str]:
    """Copy the weights whose name and shape fit; return the names in the model that got none.

    The classifier's last layer rarely fits (other classes) and then stays freshly initialised.
    """
    own = model.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


def without_classifier(model: nn.Module) -> nn.Module:
    """Return the network with its last linear layer taken out: its outputs are the features before the classes."""
    name = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, nn.Identity())
    return model
