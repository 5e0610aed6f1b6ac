"""Forward correction: estimate how labels turn into others, then train a network that is told so.

Source:
    Patrini et al. 2017, "Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach",
    arXiv:1609.03683.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.functional.anchor_points import anchor_transitions
from labelaudit.functional.robust_losses import forward_cross_entropy
from labelaudit.training.batches import Batch
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import Record, learning_rate, recorder, require_schedule, with_recorded

SUMMARY = "two networks: the first estimates which labels turn into which, the second is corrected for it"
LEANS_ON_TRUSTED = True


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of forward correction; why these defaults: docs/methods/forward.md."""

    stage1_epochs: int = 24
    stage2_epochs: int = 24
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    stage1_milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    stage2_milestones: tuple[int, ...] = ()
    anchor_percentile: float = 97.0  # of p(class) at which a class's row is read off; 100 = the surest sample
    record: float = 0.33  # share of a stage's epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require_schedule(self)
        for name in ("stage1_epochs", "stage2_epochs"):
            require(getattr(self, name) >= 1, f"method.{name}", getattr(self, name), "1 or more")
        percentile = self.anchor_percentile
        require(50 <= percentile <= 100, "method.anchor_percentile", percentile, "50 to 100")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.stage1_epochs + options.stage2_epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Train both networks and return the second's predictions as the evidence for every sample of this rank."""
    views = len(job.samples.inputs.views())
    passes = {"stage1": options.stage1_epochs + views, "stage2": options.stage2_epochs + views}
    job.plan(passes)
    first = job.finished("stage1")
    if first is None:
        with job.stage("stage1", "Stage 1 of 2: learn the given labels", passes["stage1"]):
            first = job.finish("stage1", {"probs": _train(job, options, "stage1", None)})
    noisy_probs = job.gathered(first["probs"]).cpu().numpy()  # (N, C)
    transition = anchor_transitions(noisy_probs, percentile=options.anchor_percentile)
    second = job.finished("stage2")
    if second is None:
        with job.stage("stage2", "Stage 2 of 2: learn what is behind them", passes["stage2"]):
            matrix = torch.from_numpy(transition).float().to(job.device)
            second = job.finish("stage2", {"probs": _train(job, options, "stage2", matrix)})
    return evidence_from_probs(
        second["probs"].cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={"stage1": {"transition_matrix": transition.round(6).tolist()}},
    )


def _train(job: Job, options: Options, stage: Literal["stage1", "stage2"], transition: Tensor | None) -> Tensor:
    """Train a fresh network; the result is (M, C) probabilities.

    Args:
        job: the scan.
        options: its settings.
        stage: which one.
        transition: (C, C), how labels turn into others; None while nobody knows, in stage 1.
    """
    epochs, at = options.stage1_epochs, options.stage1_milestones
    if stage == "stage2":
        epochs, at = options.stage2_epochs, options.stage2_milestones
    state = job.new_state(stage)
    remember = recorder(job, state, epochs=epochs, record=options.record)
    job.resume(stage, state)
    lr_at = learning_rate(job, options, epochs=epochs, at=at)
    loss = _given_loss(remember) if transition is None else _corrected_loss(transition, job.trusted, remember)
    while state.epoch < epochs:
        job.train_epoch(stage, state, loss, lr_at, epochs=epochs)
        if stage == "stage2":
            job.show(stage, state.epoch, epochs, state.model)
        job.checkpoint(stage, state)
    return with_recorded(job.predict(stage, state.model, job.samples.inputs.views()), state)


def _given_loss(record: Record) -> LossFn:
    """Return the cross-entropy of the given labels."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        record(batch, logits)
        return F.cross_entropy(logits.float(), batch.labels, reduction="none")

    return loss


def _corrected_loss(transition: Tensor, trusted: Tensor | None, record: Record) -> LossFn:
    """Return the corrected cross-entropy -ln (T^T p)_y; labels right by decree did not go through the noise."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        record(batch, logits)
        corrected = forward_cross_entropy(logits, batch.labels, transition)
        if trusted is None:
            return corrected
        plain = F.cross_entropy(logits.float(), batch.labels, reduction="none")
        return torch.where(trusted[batch.index], plain, corrected)

    return loss
