"""What the stages of methods have in common: how their learning rate goes down, and what they record at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Tensor

from labelaudit.core.recipe import require
from labelaudit.functional.schedules import milestones, one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.job import Job

Record = Callable[[Batch, Tensor], None]  # (batch, logits of its samples as they are, not mixed)


class Schedule(Protocol):
    """How the learning rate goes down."""

    @property
    def schedule(self) -> Literal["one-cycle", "milestones"]:
        """Which one."""

    @property
    def peak_lr(self) -> float:
        """Highest rate of one-cycle, first rate of the milestones."""


def require_schedule(options: Schedule) -> None:
    """Check the range of the settings that every schedule has."""
    require(0 < options.peak_lr <= 10, "method.peak_lr", options.peak_lr, "above 0, at most 10")


def learning_rate(job: Job, options: Schedule, *, epochs: int, at: tuple[int, ...]) -> Callable[[int], float]:
    """Return the rate as a function of the global step; `at` are the epochs from which it is a tenth."""
    steps = job.samples.steps()
    if options.schedule == "one-cycle":
        return lambda step: one_cycle(step, steps * epochs, peak=options.peak_lr)
    return lambda step: milestones(step // steps + 1, base=options.peak_lr, at=at)


def recorder(job: Job, state: StageState, *, epochs: int, record: float) -> Record:
    """Return a function that adds up the predictions of training passes; to be made before `job.resume`.

    Args:
        job: the scan.
        state: of the stage; its tables get one for the record, unless there is nothing to record.
        epochs: of the stage.
        record: share of the epochs, the last ones, whose predictions count.
    """
    first = epochs - round(record * epochs)
    if first < epochs:
        state.tables["recorded"] = torch.zeros(len(job.samples.labels[job.own]), job.n_classes, device=job.device)

    def remember(batch: Batch, logits: Tensor) -> None:
        if state.epoch >= first:
            state.tables["recorded"][batch.row] += torch.softmax(logits.detach().float(), dim=1)

    return remember


def with_recorded(probs: Tensor, state: StageState) -> Tensor:
    """Average (M, C) probabilities with what was recorded, if anything was.

    What training saw in its last epochs costs nothing, and ranks errors better (docs/benchmarks.md).
    """
    if "recorded" not in state.tables:
        return probs
    recorded = state.tables["recorded"]
    sums = recorded.sum(dim=1, keepdim=True)
    return torch.where(sums > 0, (probs + recorded / sums) / 2, probs)  # nothing: its batches were always left out
