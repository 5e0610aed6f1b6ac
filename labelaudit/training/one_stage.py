"""What methods share that train a network on one loss from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.functional.schedules import milestones, one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job

Record = Callable[[Batch, Tensor], None]  # (batch, logits of its samples as they are, not mixed)
OutputLoss = Callable[[Tensor, Tensor], Tensor]  # (logits (B, C), given labels (B,)) -> (B,) losses
LossOf = Callable[[StageState, Record], LossFn]  # called before every epoch


class Schedule(Protocol):
    """How the learning rate goes down."""

    @property
    def schedule(self) -> Literal["one-cycle", "milestones"]:
        """Which one."""

    @property
    def peak_lr(self) -> float:
        """Highest rate of one-cycle, first rate of the milestones."""


class OneStage(Schedule, Protocol):
    """The settings of a method that has one stage and nothing else in its schedule."""

    @property
    def epochs(self) -> int:
        """Of the stage."""

    @property
    def milestones(self) -> tuple[int, ...]:
        """Epochs from which the rate is a tenth."""

    @property
    def record(self) -> float:
        """Share of the epochs, the last ones, whose training passes join the evidence."""


def require_schedule(options: Schedule) -> None:
    """Check the range of the settings that every schedule has."""
    require(0 < options.peak_lr <= 10, "method.peak_lr", options.peak_lr, "above 0, at most 10")


def require_one_stage(options: OneStage) -> None:
    """Check the ranges of the settings of one stage."""
    require_schedule(options)
    require(options.epochs >= 1, "method.epochs", options.epochs, "1 or more")
    require(0 <= options.record <= 1, "method.record", options.record, "0 to 1")


def learn_by(job: Job, stage: str, options: OneStage, loss_fn: OutputLoss) -> Evidence:
    """Train one network on a loss of its outputs alone and return its predictions as the evidence."""
    job.plan({stage: options.epochs + len(job.samples.inputs.views())})
    probs = learn(
        job,
        stage,
        "Learn the given labels",
        options,
        on_outputs(loss_fn),
        epochs=options.epochs,
        at=options.milestones,
        record=options.record,
    )
    return evidence_from_probs(probs.cpu().numpy(), job.samples.labels[job.own].cpu().numpy())


def on_outputs(loss_fn: OutputLoss) -> LossOf:
    """Return what makes the loss of every epoch from one of outputs and given labels alone."""

    def loss_of(state: StageState, record: Record) -> LossFn:
        del state

        def loss(model: nn.Module, batch: Batch) -> Tensor:
            logits = model(batch.inputs)
            record(batch, logits)
            return loss_fn(logits.float(), batch.labels)

        return loss

    return loss_of


def learning_rate(job: Job, options: Schedule, *, epochs: int, at: tuple[int, ...]) -> Callable[[int], float]:
    """Return the rate as a function of the global step; `at` are the epochs from which it is a tenth."""
    steps = job.samples.steps()
    if options.schedule == "one-cycle":
        return lambda step: one_cycle(step, steps * epochs, peak=options.peak_lr)
    return lambda step: milestones(step // steps + 1, base=options.peak_lr, at=at)


def learn(
    job: Job,
    stage: str,
    title: str,
    options: Schedule,
    loss_of: LossOf,
    *,
    epochs: int,
    at: tuple[int, ...],
    record: float = 0.0,
    is_last: bool = True,
) -> Tensor:
    """Return (M, C) probabilities of this rank's samples after training on one loss.

    They are the mean over the views of the trained network, averaged with what training saw in its last epochs: that
    costs nothing, and ranks errors better (docs/benchmarks.md).

    Args:
        job: the scan.
        stage: name of the checkpoint and of the random streams.
        title: for people.
        options: the schedule.
        loss_of: returns the loss of the epoch that follows.
        epochs: of this stage.
        at: milestones of this stage.
        record: share of the epochs, the last ones, whose training passes join the probabilities.
        is_last: whether the network is one that somebody could go home with.
    """
    left_behind = job.finished(stage)
    if left_behind is not None:
        return left_behind["probs"]
    views = job.samples.inputs.views()
    with job.stage(stage, title, epochs + len(views)):
        state = job.new_state(stage)
        remember = recorder(job, state, epochs=epochs, record=record)
        job.resume(stage, state)
        lr_at = learning_rate(job, options, epochs=epochs, at=at)
        while state.epoch < epochs:
            job.train_epoch(stage, state, loss_of(state, remember), lr_at, epochs=epochs)
            if is_last:
                job.show(stage, state.epoch, epochs, state.model)
            job.checkpoint(stage, state)
        probs = with_recorded(job.predict(stage, state.model, views), state)
        return job.finish(stage, {"probs": probs})["probs"]


def recorder(job: Job, state: StageState, *, epochs: int, record: float) -> Record:
    """Return what adds up a training pass's own predictions over the last epochs; to be made before `job.resume`."""
    first = epochs - round(record * epochs)
    if first < epochs:
        state.tables["recorded"] = torch.zeros(len(job.samples.labels[job.own]), job.n_classes, device=job.device)

    def remember(batch: Batch, logits: Tensor) -> None:
        if state.epoch >= first:
            state.tables["recorded"][batch.row] += torch.softmax(logits.detach().float(), dim=1)

    return remember


def with_recorded(probs: Tensor, state: StageState) -> Tensor:
    """Return the mean of (M, C) probabilities and of what was recorded, if anything was."""
    if "recorded" not in state.tables:
        return probs
    recorded = state.tables["recorded"]
    return (probs + recorded / recorded.sum(dim=1, keepdim=True)) / 2
