"""The state of a stage on disk: what comes back, and what a damaged file says."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import DataError
from labelaudit.core.recipe import TrainSettings
from labelaudit.training.checkpoint import (
    StageState,
    load_tensors,
    path_before,
    restore_stage_,
    save_stage,
    save_tensors,
)
from labelaudit.training.job import make_optimizer
from labelaudit.training.models import MultilayerPerceptron, build_image_network, initialised

N, C = 12, 4
Optimizer = Literal["sgd", "adamw"]


def image_network() -> nn.Module:
    return build_image_network("small", C, 16, seed=0, stream="a")


def perceptron() -> nn.Module:
    return initialised(lambda: MultilayerPerceptron(6, C, width=8, dropout=0.0), seed=0, stream="a")


def new_state(build: Callable[[], nn.Module] = perceptron, optimizer: Optimizer = "sgd", **train: float) -> StageState:
    model = build()
    settings = TrainSettings(optimizer=optimizer, **train)  # type: ignore[arg-type]
    return StageState(model, make_optimizer(model, settings), tables={"targets": torch.zeros(N, C)})


def train_(state: StageState, steps: int) -> None:
    """Take steps whose samples depend on the step alone, and keep the predictions in a table."""
    for _ in range(steps):
        draw = torch.Generator().manual_seed(state.step)
        shape = (N, 6) if isinstance(state.model, MultilayerPerceptron) else (N, 3, 16, 16)
        inputs = torch.randn(shape, generator=draw)
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        logits = state.model(inputs)
        F.cross_entropy(logits, torch.arange(N) % C).backward()
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.tables["targets"] = 0.9 * state.tables["targets"] + 0.1 * torch.softmax(logits.detach(), dim=1)
        state.step += 1
    state.epoch += 1


def numbers(state: StageState) -> dict[str, Tensor]:
    found = {f"model/{name}": value for name, value in state.model.state_dict().items()}
    for number, entries in state.optimizer.state_dict()["state"].items():
        found |= {f"optimizer/{number}/{name}": value for name, value in entries.items()}
    return found | {f"table/{name}": value for name, value in state.tables.items()}


def assert_equal_states(a: StageState, b: StageState) -> None:
    left, right = numbers(a), numbers(b)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert (a.epoch, a.step) == (b.epoch, b.step)


def load_stage(path: Path, state: StageState) -> None:
    restore_stage_(state, *load_tensors(path), source=str(path))


def problem(path: Path, state: StageState) -> str:
    with pytest.raises(DataError) as caught:
        load_stage(path, state)
    return caught.value.problem


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_network_moments_tables_and_counters_come_back(tmp_path, optimizer):
    path, state, loaded = tmp_path / "s.safetensors", new_state(optimizer=optimizer), new_state(optimizer=optimizer)
    train_(state, 3)
    save_stage(path, state)
    load_stage(path, loaded)
    assert_equal_states(loaded, state)
    assert (loaded.epoch, loaded.step) == (1, 3)
    assert any(name.startswith("optimizer/") for name in numbers(loaded))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("build", [perceptron, image_network])
def test_going_on_after_loading_equals_training_without_a_stop_bit_for_bit(tmp_path, build, optimizer):
    path, whole, resumed = tmp_path / "s.safetensors", new_state(build, optimizer), new_state(build, optimizer)
    train_(whole, 3)
    save_stage(path, whole)
    load_stage(path, resumed)
    train_(whole, 3)
    train_(resumed, 3)
    assert_equal_states(resumed, whole)


def test_moments_are_laid_out_in_memory_as_their_weights(tmp_path):
    # A fused optimiser walks weight and moment in memory order: another layout would mix up their elements.
    path, state, loaded = tmp_path / "s.safetensors", new_state(image_network), new_state(image_network)
    train_(state, 1)
    save_stage(path, state)
    load_stage(path, loaded)
    for parameter, entries in loaded.optimizer.state.items():
        assert entries["momentum_buffer"].stride() == parameter.stride()


def test_an_optimiser_without_moments_is_saved_and_loaded(tmp_path):
    path, state, loaded = tmp_path / "s.safetensors", new_state(momentum=0.0), new_state(momentum=0.0)
    train_(state, 2)
    save_stage(path, state)
    load_stage(path, loaded)
    assert_equal_states(loaded, state)


def test_saving_again_keeps_the_state_before_and_nothing_else(tmp_path):
    path, state, loaded = tmp_path / "s.safetensors", new_state(), new_state()
    for _ in range(3):
        train_(state, 1)
        save_stage(path, state)
    load_stage(path, loaded)
    assert loaded.epoch == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.before.safetensors", "s.safetensors"]
    load_stage(path_before(path), loaded)
    assert loaded.epoch == 2


def test_a_single_flipped_bit_is_noticed_wherever_it_is(tmp_path):
    path = tmp_path / "s.safetensors"
    save_stage(path, new_state())
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in [*range(8, header), *range(header, len(whole), 53)]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DataError):
            load_stage(path, new_state())


def test_a_checkpoint_of_an_earlier_version_has_no_checksum_and_is_read(tmp_path):
    path = tmp_path / "s.safetensors"
    save_file({"probs": torch.ones(2)}, path, metadata={"counters": '{"epoch": 7}'})
    assert load_tensors(path)[1] == {"epoch": 7}


def test_a_half_written_file_is_named_as_damaged(tmp_path):
    path = tmp_path / "s.safetensors"
    save_stage(path, new_state())
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:4], b"", b"no tensors at all"):
        path.write_bytes(content)
        assert problem(path, new_state()).startswith(f"{path} is damaged: ")


def test_a_file_without_counters_is_named_as_damaged(tmp_path):
    path = tmp_path / "s.safetensors"
    save_file({"model/a": torch.zeros(1)}, path)
    assert problem(path, new_state()) == f"{path} is damaged: 'counters'."
    save_file({"model/a": torch.zeros(1)}, path, metadata={"counters": "{"})
    assert problem(path, new_state()).startswith(f"{path} is damaged: Expecting property name")


def test_the_state_of_another_network_is_refused_with_what_differs(tmp_path):
    path = tmp_path / "s.safetensors"
    save_stage(path, new_state(perceptron))
    with pytest.raises(DataError) as caught:
        load_stage(path, new_state(image_network))
    assert caught.value.problem.startswith(f"{path} belongs to another network: ")
    assert "head.weight" in caught.value.problem
    assert caught.value.hint == "Scan again without --resume."


@pytest.mark.parametrize(("made", "expected"), [((), []), (("targets", "window"), ["targets", "window"])])
def test_tables_that_were_not_made_before_are_refused(tmp_path, made, expected):
    path, other = tmp_path / "s.safetensors", new_state()
    save_stage(path, new_state())
    other.tables = {name: torch.zeros(N, C) for name in made}
    assert problem(path, other) == f"{path} has the tables ['targets']; expected {expected}."


def test_a_network_for_other_classes_is_another_network(tmp_path):
    path = tmp_path / "s.safetensors"
    save_stage(path, new_state())
    other = new_state(lambda: MultilayerPerceptron(6, C + 1, width=8))
    assert "size mismatch for layers.7.weight" in problem(path, other)


def test_tensors_keep_their_type_and_shape_and_come_with_their_counters(tmp_path):
    path = tmp_path / "t.safetensors"
    saved = {
        "half": torch.arange(4.0).half(),
        "whole": torch.arange(6).reshape(2, 3),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "with a gradient": torch.ones(2, requires_grad=True),
    }
    save_tensors(path, saved, {"epoch": 7})
    tensors, counters = load_tensors(path)
    assert counters == {"epoch": 7}
    assert tensors.keys() == saved.keys()
    for name, value in saved.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype


def test_a_folder_that_somebody_tidied_up_is_made_again(tmp_path):
    save_stage(tmp_path / "gone" / "s.safetensors", new_state())
    assert (tmp_path / "gone" / "s.safetensors").is_file()
