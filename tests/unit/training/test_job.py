"""One scan as a method sees it: stages, results on disk, progress, and losses that are not numbers."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import TrainingError
from labelaudit.core.events import (
    EpochFinished,
    Event,
    Said,
    SamplesDone,
    StageFinished,
    StageResumed,
    StageStarted,
    WorkPlanned,
)
from labelaudit.core.recipe import TrainSettings
from labelaudit.training.batches import Batch, Pixels, Samples, VectorInputs
from labelaudit.training.job import Job, Progress, make_optimizer
from labelaudit.training.models import MultilayerPerceptron, build_image_network, initialised

N, D, C = 20, 5, 3
LONG_AGO = -math.inf


def vectors() -> Samples:
    values = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
    return Samples(VectorInputs(values), torch.arange(N) % C, 8, torch.float32, seed=3)


def perceptron(stream: str) -> nn.Module:
    return initialised(lambda: MultilayerPerceptron(D, C, width=8, dropout=0.5), seed=3, stream=stream)


def job(**changes: Any) -> Job:
    fields: dict[str, Any] = {
        "samples": vectors(),
        "n_classes": C,
        "build_model": perceptron,
        "train": TrainSettings(),
        "precision": torch.float32,
        "seed": 3,
    }
    return Job(**fields | changes)


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch.inputs), batch.labels, reduction="none")


def steady(step: int) -> float:
    return 0.1


def falling(step: int) -> float:
    return 0.1 / (1 + step)


def train(work: Job, epochs: int, *, stop_after: int | None = None) -> nn.Module:
    """Train stage "a" up to an epoch, from its last checkpoint on."""
    state = work.new_state("a")
    work.resume("a", state)
    while state.epoch < (stop_after or epochs):
        work.train_epoch("a", state, cross_entropy, falling, epochs=epochs)
        work.clock.saved_at = LONG_AGO
        work.checkpoint("a", state)
    return state.model


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_result_of_a_stage_is_saved_and_found_again(tmp_path):
    result = {"probs": torch.rand(N, C), "losses": torch.arange(N)}
    assert job(checkpoints=tmp_path).finished("a") is None
    assert job(checkpoints=tmp_path).finish("a", result) is result
    found = job(checkpoints=tmp_path).finished("a")
    assert found is not None
    assert found.keys() == result.keys()
    assert all(torch.equal(found[name], value) for name, value in result.items())
    assert job(checkpoints=tmp_path).finished("b") is None


def test_finishing_a_stage_drops_its_checkpoint_only(tmp_path):
    work = job(checkpoints=tmp_path)
    train(work, 1)
    (tmp_path / "b.safetensors").touch()
    work.finish("a", {"probs": torch.zeros(1)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.result.safetensors", "b.safetensors"]


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Said)]


def test_a_damaged_result_is_named_and_its_stage_is_still_to_be_run(tmp_path):
    path, events = tmp_path / "a.result.safetensors", list[Event]()
    path.write_bytes(b"half of it")
    assert job(checkpoints=tmp_path, on_event=events.append).finished("a") is None
    assert said(events)[0].startswith(f"{path} is damaged: ")
    assert said(events)[0].endswith(": the stage goes on from an earlier checkpoint, or begins anew")


@pytest.mark.parametrize("how", ["torn", "flipped", "gone"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_leads_to_the_same_bits(tmp_path, how):
    whole, events = train(job(), 5), list[Event]()
    train(job(checkpoints=tmp_path), 5, stop_after=3)
    path = tmp_path / "a.safetensors"
    data = path.read_bytes()
    if how == "gone":  # the power went out between moving the old one away and the new one's name
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if how == "torn" else data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    resumed = train(job(checkpoints=tmp_path, on_event=events.append), 5)
    assert StageResumed("a", 2 * N) in events
    assert torch.equal(weights(resumed), weights(whole))
    assert [text.startswith(f"{path} is damaged: ") for text in said(events)] == ([] if how == "gone" else [True])


def test_where_no_checkpoint_is_sound_the_stage_begins_anew(tmp_path):
    train(job(checkpoints=tmp_path), 4, stop_after=3)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    events: list[Event] = []
    resumed = train(job(checkpoints=tmp_path, on_event=events.append), 4)
    assert len(said(events)) == 2
    assert torch.equal(weights(resumed), weights(train(job(), 4)))


def test_checkpoints_that_somebody_removes_are_noticed_and_written_anew(tmp_path):
    events: list[Event] = []
    work = job(checkpoints=tmp_path, on_event=events.append)
    result = work.finish("first", {"probs": torch.rand(N, C)})
    train(work, 4, stop_after=2)
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()
    state = work.new_state("a")
    state.epoch = 3
    work.clock.saved_at = LONG_AGO
    work.checkpoint("a", state)
    names = ["first.result.safetensors", "a.safetensors"]
    expected = [f"{tmp_path / name} was removed while it is needed to go on: it is written anew" for name in names]
    assert said(events) == expected
    found = job(checkpoints=tmp_path).finished("first")
    assert found is not None
    assert torch.equal(found["probs"], result["probs"])
    later = job(checkpoints=tmp_path)
    again = later.new_state("a")
    later.resume("a", again)
    assert again.epoch == 3


def test_a_job_without_a_folder_keeps_nothing_and_still_hands_the_result_on():
    work, result = job(), {"probs": torch.zeros(1)}
    train(work, 1)
    assert work.finish("a", result) is result
    assert work.finished("a") is None


def test_a_stage_that_goes_on_from_its_checkpoint_equals_one_without_a_stop_dropout_included(tmp_path):
    whole = train(job(), 4)
    train(job(checkpoints=tmp_path), 4, stop_after=2)
    torch.rand(7)  # whatever else is drawn in the new run
    resumed = train(job(checkpoints=tmp_path), 4)
    assert torch.equal(weights(resumed), weights(whole))


def test_a_resumed_stage_tells_how_much_lies_behind(tmp_path):
    train(job(checkpoints=tmp_path), 4, stop_after=3)
    events: list[Event] = []
    train(job(checkpoints=tmp_path, on_event=events.append), 4)
    assert events[0] == StageResumed("a", 3 * 20)
    done = [event.samples for event in events if isinstance(event, SamplesDone)]
    assert all(60 < samples <= 80 for samples in done)


def test_training_changes_the_network_and_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    trained = train(job(), 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(weights(trained), weights(perceptron("a")))


def test_a_checkpoint_is_saved_only_where_the_last_one_is_long_ago(tmp_path):
    work = job(checkpoints=tmp_path)
    state = work.new_state("a")
    work.checkpoint("a", state)
    assert list(tmp_path.iterdir()) == []
    work.clock.saved_at = LONG_AGO
    work.checkpoint("a", state)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert work.clock.save_is_due() is False


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_names_stage_and_epoch(bad):
    work = job()
    state = work.new_state("stage1")
    factors = iter([1.0] * (2 * vectors().steps() - 1) + [bad])  # in the last batch of epoch 2

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return torch.mul(cross_entropy(model, batch), next(factors))

    work.train_epoch("stage1", state, loss, steady, epochs=7)
    with pytest.raises(TrainingError) as caught:
        work.train_epoch("stage1", state, loss, steady, epochs=7)
    assert caught.value.problem == f"stage1: the mean loss of epoch 2 of 7 is {bad}."
    assert "peak_lr=0.03" in str(caught.value)
    assert state.epoch == 1


def test_a_stage_reports_its_plan_start_epochs_and_end():
    events: list[Event] = []
    work = job(on_event=events.append)
    work.plan({"a": 2})
    with work.stage("a", "Learn", 2):
        train(work, 2)
    kinds = [type(event) for event in events if not isinstance(event, SamplesDone)]
    assert kinds == [WorkPlanned, StageStarted, EpochFinished, EpochFinished, StageFinished]
    assert events[0] == WorkPlanned((("a", 40),))
    assert events[1] == StageStarted("a", "Learn", 40)
    epochs = [event for event in events if isinstance(event, EpochFinished)]
    assert [(event.stage, event.epoch, event.epochs) for event in epochs] == [("a", 1, 2), ("a", 2, 2)]
    assert all(0 < event.mean_loss < 5 for event in epochs)
    assert isinstance(events[-1], StageFinished)
    assert events[-1].seconds >= 0


def test_samples_are_counted_over_the_whole_stage_and_from_zero_in_the_next():
    events: list[Event] = []

    def on_event(event: Event) -> None:
        work.clock.told_at = LONG_AGO  # tell every batch
        events.append(event)

    work = job(on_event=on_event)
    for stage in ("a", "b"):
        with work.stage(stage, "Learn", 3):
            model = train(work, 2)
            work.predict("a", model, ("plain",))
    told = [event for event in events if isinstance(event, SamplesDone)]
    one_stage = [(8, 1), (16, 1), (20, 1), (28, 2), (36, 2), (40, 2), (60, 0)]  # (samples, epoch)
    assert [(event.samples, event.epoch) for event in told] == one_stage * 2


def test_progress_is_told_at_most_every_fifth_of_a_second():
    clock = Progress()
    assert clock.count(5) == 5
    assert clock.count(5) is None
    clock.told_at = LONG_AGO
    assert clock.count(5) == 15
    clock.restart()
    clock.told_at = LONG_AGO
    assert clock.count(1) == 1


def pictures_job() -> Job:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (6, 16, 16, 3), generator=draw).to(torch.uint8)
    inputs = Pixels(pixels, 16, torch.full((3,), 0.01), torch.full((3,), -1.0), crop_padding=0, flip=True)
    return job(
        samples=Samples(inputs, torch.arange(6) % C, 8, torch.float32, seed=3),
        build_model=lambda stream: build_image_network("small", C, 16, seed=3, stream=stream),
    )


def test_predictions_are_the_mean_over_the_views():
    work = pictures_job()
    model = work.new_state("a").model
    plain, mirrored = (work.predict("a", model, (view,)) for view in ("plain", "mirrored"))
    assert not torch.equal(plain, mirrored)
    both = work.predict("a", model, ("plain", "mirrored"))
    assert torch.allclose(both, (plain + mirrored) / 2)
    assert both.sum(dim=1).tolist() == pytest.approx([1.0] * 6)


def test_predicting_without_a_view_is_a_callers_bug():
    with pytest.raises(ValueError, match="predict needs at least one view"):
        job().predict("a", perceptron("a"), ())


def test_every_stage_starts_from_weights_of_its_own():
    work = job()
    assert torch.equal(weights(work.new_state("a").model), weights(work.new_state("a").model))
    assert not torch.equal(weights(work.new_state("a").model), weights(work.new_state("b").model))


def test_the_fused_optimiser_equals_the_plain_one_on_channels_last_weights():
    models = [build_image_network("small", C, 16, seed=0, stream="a") for _ in range(2)]
    settings = TrainSettings(weight_decay=5e-4, momentum=0.8, nesterov=True)
    plain = torch.optim.SGD(models[1].parameters(), lr=0.1, momentum=0.8, nesterov=True, weight_decay=5e-4, fused=False)
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    optimizers: list[Any] = [make_optimizer(models[0], settings), plain]
    for model, optimizer in zip(models, optimizers, strict=True):
        for _ in range(3):
            F.cross_entropy(model(images), torch.arange(6) % C).backward()
            optimizer.step()
            optimizer.zero_grad()
    assert torch.allclose(weights(models[0]), weights(models[1]), atol=1e-4)


def test_adamw_decays_matrices_and_leaves_biases_and_norms_alone():
    model = perceptron("a")
    optimizer = make_optimizer(model, TrainSettings(optimizer="adamw", weight_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.5 if parameter.ndim == 2 else 0.0)


def test_epochs_of_a_stage_come_in_orders_of_their_own():
    seen: list[list[int]] = []

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        seen.append(batch.index.tolist())
        return cross_entropy(model, batch)

    work = job()
    state = work.new_state("a")
    for _ in range(2):
        work.train_epoch("a", state, loss, steady, epochs=2)
    first, second = ([index for batch in epoch for index in batch] for epoch in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second


def test_several_networks_of_a_stage_start_apart_and_share_an_optimiser_that_moves_only_who_learns():
    work = job()
    state = work.new_state("a", networks=2)
    first, second = state.model.children()
    assert not torch.equal(weights(first), weights(second))
    before = weights(second).clone(), weights(first).clone()
    work.train_epoch("a", state, lambda _, batch: cross_entropy(first, batch), steady, epochs=2)
    assert torch.equal(weights(second), before[0])
    assert not torch.equal(weights(first), before[1])


def test_an_epoch_among_some_samples_sees_each_of_them_once_and_counts_as_a_pass():
    seen: list[int] = []
    told: list[int] = []

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        seen.extend(batch.index.tolist())
        return cross_entropy(model, batch)

    work = job()
    work.clock.told_at = LONG_AGO
    state = work.new_state("a")
    chosen = torch.arange(N) % 2 == 0
    work.train_epoch("a", state, loss, steady, epochs=1, among=chosen, after_step=told.append)
    assert sorted(seen) == list(range(0, N, 2))
    assert seen != sorted(seen)
    assert work.clock.samples == N
    assert told == [0, 1]
