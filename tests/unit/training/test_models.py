"""The networks: shapes, sizes, initial weights, and weights from files."""

import os
import pickle  # noqa: TID251  (to show that pickles are refused)
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from labelaudit.core.errors import ConfigError
from labelaudit.training.models import (
    MultilayerPerceptron,
    PreActBlock,
    build_image_network,
    default_weights,
    initialised,
    load_matching,
    preact_resnet18,
    read_weights,
    require_image_backbone,
    small_network,
    torchvision_backbones,
)
from labelaudit.training.published_networks import weightless_shortcut


def sides_seen(model: nn.Module, images: Tensor) -> tuple[list[int], Tensor]:
    """Return the side of what each block sees, and the logits."""
    sides: list[int] = []
    for module in model.modules():
        if isinstance(module, PreActBlock):
            module.register_forward_pre_hook(lambda _, inputs: sides.append(inputs[0].shape[-1]))
    with torch.inference_mode():
        return sides, model.eval()(images)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("size", [8, 15, 16, 28, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 224])
def test_the_small_network_sees_16_to_31_positions_whatever_the_image_size(size):
    sides, logits = sides_seen(small_network(7, size), torch.zeros(2, 3, size, size))
    assert logits.shape == (2, 7)
    assert len(sides) == 3
    assert 16 <= sides[0] <= 31 or sides[0] == size < 16
    assert sides[1:] == [sides[0], (sides[0] + 1) // 2]  # a block sees what the stride before it left


def preact_resnet18_parameters(n_classes: int) -> int:
    """Count by hand: convolutions have no bias, a batch norm has two numbers per channel."""
    stem = 3 * 64 * 9 + 2 * 64  # the batch norm after the stem is the quirk
    total, inside = stem, 64
    for width in (64, 128, 256, 512):
        first = 2 * inside + inside * width * 9 + 2 * width + width * width * 9
        second = 2 * (2 * width + width * width * 9)
        shortcut = inside * width if inside != width else 0
        total += first + second + shortcut
        inside = width
    return total + 512 * n_classes + n_classes


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_preact_resnet18_has_as_many_parameters_as_counted_by_hand(n_classes):
    assert sum(p.numel() for p in preact_resnet18(n_classes).parameters()) == preact_resnet18_parameters(n_classes)


def test_preact_resnet18_for_cifar10_is_the_well_known_network_and_the_norm_after_the_stem():
    well_known = 11_171_146  # PreActResNet18 of the common CIFAR code, without any norm outside its blocks
    assert preact_resnet18_parameters(10) == well_known + 2 * 64


def test_preact_resnet18_has_norm_and_relu_right_after_the_stem_and_none_at_the_end():
    layers = list(preact_resnet18(10).body)
    assert [type(layer) for layer in layers[:3]] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert [type(layer) for layer in layers[3:]] == [PreActBlock] * 8
    strides = [block.conv1.stride[0] for block in layers if isinstance(block, PreActBlock)]
    assert strides == [1, 1, 2, 1, 2, 1, 2, 1]


def test_the_small_network_is_the_textbook_one_with_a_last_norm():
    layers = list(small_network(10, 64).body)
    assert [type(layer) for layer in layers] == [
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.ReLU,
        nn.Conv2d,
        *[PreActBlock] * 3,
        nn.BatchNorm2d,
        nn.ReLU,
    ]


def test_a_block_without_change_of_shape_adds_its_input():
    block = PreActBlock(4, 4, 1)
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x)


def test_a_block_that_changes_shape_projects_the_activated_input():
    block = PreActBlock(4, 6, 2).eval()
    nn.init.zeros_(block.conv2.weight)
    assert block.shortcut is not None
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    activated = (x / (1 + 1e-5) ** 0.5).clamp_min(0)  # a fresh norm in eval mode
    assert torch.allclose(block(x), block.shortcut(activated), atol=1e-5)


def test_the_perceptron_gives_logits_of_vectors():
    assert MultilayerPerceptron(5, 3).eval()(torch.zeros(4, 5)).shape == (4, 3)


def build(seed: int = 0, stream: str = "stage1") -> nn.Module:
    return build_image_network("small", 4, 16, seed=seed, stream=stream)


def test_the_same_seed_and_stream_give_the_same_weights_whatever_was_drawn_before():
    first = build()
    torch.rand(10)
    assert same(first, build())


def test_another_stream_or_seed_gives_other_weights():
    assert not same(build(), build(stream="stage2"))
    assert not same(build(), build(seed=1))


def test_building_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    build()
    initialised(lambda: MultilayerPerceptron(2, 2), seed=0, stream="a")
    assert torch.equal(torch.get_rng_state(), before)


def test_image_networks_are_channels_last_in_memory():
    weight = build().get_parameter("body.1.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_torchvision_network_has_as_many_logits_as_classes():
    model = build_image_network("mobilenet_v3_small", 6, 32, seed=0, stream="a").eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 6)
    assert {"resnet18", "resnet50", "convnext_tiny", "efficientnet_b0"} <= set(torchvision_backbones())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet81", "Did you mean 'resnet18'?"),
        ("Small", "Did you mean 'small'?"),
        ("preact_resnet18", "Did you mean 'preact-resnet18'?"),
        (
            "zzz",
            "Known: small, medium, preact-resnet18, cifar-resnet34, wrn-28-10, resnet29-v2,"
            " inception-resnet-v2,"
            " torchvision's resnet, mobilenet, convnext, efficientnet families.",
        ),
    ],
)
def test_an_unknown_backbone_is_told_with_the_closest_known_one(name, hint):
    for call in (require_image_backbone, lambda name: build_image_network(name, 2, 32, seed=0, stream="a")):
        with pytest.raises(ConfigError) as caught:
            call(name)
        assert (caught.value.problem, caught.value.hint) == (f"backbone {name!r} is not known.", hint)


@pytest.mark.parametrize("name", ["small", "preact-resnet18"])
def test_our_own_networks_have_no_default_weights(name):
    with pytest.raises(ConfigError, match=f"there are no default weights for backbone '{name}'."):
        default_weights(name)


WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}


def equal_tables(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_weights_of_safetensors_and_pth_files_are_read(tmp_path):
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    torch.save(WEIGHTS, tmp_path / "w.pth")
    torch.save({"state_dict": WEIGHTS}, tmp_path / "checkpoint.pth")
    for name in ("w.safetensors", "w.pth", "checkpoint.pth"):
        assert equal_tables(read_weights(tmp_path / name), WEIGHTS)


class Intruder:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_weights_file_is_refused_and_not_run(tmp_path, by_torch):
    path, mark = tmp_path / "w.pth", tmp_path / "it-ran"
    if by_torch:
        torch.save({"a": Intruder(mark)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Intruder(mark)}, protocol=2))
    with pytest.raises(ConfigError) as caught:
        read_weights(path)
    assert caught.value.problem.startswith(f"weights file {path} cannot be read: ")
    assert not mark.exists()


def test_the_intruder_of_these_tests_does_run_where_pickle_is_trusted(tmp_path):
    pickle.loads(pickle.dumps(Intruder(tmp_path / "it-ran")))  # noqa: S301
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_damaged_weights_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(ConfigError) as caught:
        read_weights(tmp_path / name)
    assert caught.value.problem.startswith(f"weights file {tmp_path / name} cannot be read: ")


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_weights(tmp_path / "w.pth")
    assert caught.value.problem == f"weights file {tmp_path / 'w.pth'} does not exist."


@pytest.mark.parametrize("content", [torch.ones(2), [1, 2], {"epoch": 3}, {"state_dict": 5}])
def test_a_file_with_something_else_than_tensors_by_name_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ConfigError) as caught:
        read_weights(tmp_path / "w.pth")
    assert caught.value.problem == f"weights file {tmp_path / 'w.pth'} is not a table of tensors."
    assert caught.value.hint == "Save model.state_dict()."


def test_loading_what_fits_leaves_a_head_for_other_classes_as_it_was():
    source = build_image_network("small", 9, 16, seed=1, stream="a")
    model = build()
    head = model.get_parameter("head.weight").clone()
    missing = load_matching(model, source.state_dict() | {"stranger": torch.ones(3)})
    assert missing == ["head.weight", "head.bias"]
    assert torch.equal(model.get_parameter("head.weight"), head)
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in source.state_dict().items() if name not in missing)


def test_weights_of_another_network_fit_nowhere():
    model = build()
    assert load_matching(model, {"x": torch.ones(1)}) == list(model.state_dict())
    assert same(model, build())


def test_the_resnet34_for_cifar_halves_the_image_three_times_only():
    model = build_image_network("cifar-resnet34", 7, 32, seed=0, stream="a").eval()
    seen: list[torch.Size] = []
    model.get_submodule("layer4").register_forward_hook(lambda _, __, out: seen.append(out.shape))
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
    assert seen == [torch.Size([1, 512, 4, 4])]
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(21.28e6, rel=0.001)


@pytest.mark.parametrize(
    ("name", "size", "parameters"),
    [("wrn-28-10", 32, 36.3e6), ("resnet29-v2", 32, 0.85e6), ("inception-resnet-v2", 75, 54.4e6)],
)
def test_published_networks_have_their_known_sizes_and_learn_in_every_weight(name, size, parameters):
    model = build_image_network(name, 10, size, seed=0, stream="a")
    assert sum(each.numel() for each in model.parameters()) == pytest.approx(parameters, rel=0.02)
    logits = model(torch.rand(2, 3, size, size))
    assert logits.shape == (2, 10)
    (logits - logits.detach().flip(1) + 1).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in model.parameters())


def test_a_weightless_shortcut_averages_and_pads_with_zeros():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    out = weightless_shortcut(x, 4, 2)
    assert out[0, 1].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert not out[0, [0, 2, 3]].any()
