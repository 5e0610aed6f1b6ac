"""Baselines: one network trained on one loss from beginning to end, which the other methods are measured against.

Four methods that differ in the loss alone: `ce` is plain cross-entropy; `gce` gives up on samples that do not fit;
`sce` adds the reverse cross-entropy, which noise moves less; `mixup` learns from mixed pairs, labels included.

Source:
    gce: Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
    arXiv:1805.07836, the loss L_q without its truncation. sce: Wang et al. 2019, "Symmetric Cross Entropy for Robust
    Learning with Noisy Labels", arXiv:1908.06112. mixup: Zhang et al. 2018, "mixup: Beyond Empirical Risk
    Minimization", arXiv:1710.09412.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.functional.robust_losses import generalised_cross_entropy, symmetric_cross_entropy
from labelaudit.training.batches import Batch
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import Record, learning_rate, recorder, require_schedule, with_recorded
from labelaudit.training.streams import torch_generator


@dataclass(frozen=True, slots=True)
class CEOptions:
    """Settings of plain cross-entropy; why these defaults: docs/methods/baselines.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        _require_shared(self)


@dataclass(frozen=True, slots=True)
class GCEOptions:
    """Settings of generalised cross-entropy; why these defaults: docs/methods/baselines.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence
    q: float = 0.7  # towards 0 it is the cross-entropy, at 1 the mean absolute error; the paper uses 0.7

    def __post_init__(self) -> None:
        """Check ranges."""
        _require_shared(self)
        require(0 < self.q <= 1, "method.q", self.q, "above 0, at most 1")


@dataclass(frozen=True, slots=True)
class SCEOptions:
    """Settings of symmetric cross-entropy; why these defaults: docs/methods/baselines.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence
    alpha: float = 0.1  # weight of the cross-entropy; the paper's for CIFAR-10, 6 for CIFAR-100
    beta: float = 1.0  # weight of the reverse cross-entropy; the paper's for CIFAR-10, 0.1 for CIFAR-100

    def __post_init__(self) -> None:
        """Check ranges."""
        _require_shared(self)
        for name in ("alpha", "beta"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(self.alpha + self.beta > 0, "method.alpha", self.alpha, "above 0 where beta is 0")


@dataclass(frozen=True, slots=True)
class MixupOptions:
    """Settings of mixup; why these defaults: docs/methods/baselines.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    alpha: float = 8.0  # of the beta distribution of a pair's weight; the paper uses 1, and 8 or 32 under label noise

    def __post_init__(self) -> None:
        """Check ranges."""
        _require_shared(self)
        require(0 < self.alpha <= 1000, "method.alpha", self.alpha, "above 0, at most 1000")

    @property
    def record(self) -> float:
        """Share of the epochs that join the evidence: none, because what is seen in training is mixed."""
        return 0.0


AnyOptions = CEOptions | GCEOptions | SCEOptions | MixupOptions


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method of this file, with the names of `registry.Method`."""

    name: str  # also of its stage and its random streams
    SUMMARY: str
    Options: type[Any]  # one of the four above
    title: str = "Learn the given labels"

    def training_passes(self, options: AnyOptions) -> float:
        """Return how often each sample goes forward and back, to estimate the time."""
        return options.epochs + 1

    def run(self, job: Job, options: AnyOptions) -> Evidence:
        """Train one network and return its predictions as the evidence for every sample of this rank."""
        passes = options.epochs + len(job.samples.inputs.views())
        job.plan({self.name: passes})
        left_behind = job.finished(self.name)
        if left_behind is None:
            with job.stage(self.name, self.title, passes):
                left_behind = job.finish(self.name, {"probs": _train(job, options, self.name)})
        return evidence_from_probs(left_behind["probs"].cpu().numpy(), job.samples.labels[job.own].cpu().numpy())


ce = Baseline("ce", "one network on plain cross-entropy: the baseline", CEOptions)
gce = Baseline("gce", "one network on generalised cross-entropy, which gives up on what does not fit", GCEOptions)
sce = Baseline("sce", "one network on cross-entropy plus reverse cross-entropy", SCEOptions)
mixup = Baseline("mixup", "one network on cross-entropy of mixed samples", MixupOptions, "Learn from mixed samples")


def _train(job: Job, options: AnyOptions, stage: str) -> Tensor:
    """Train one network to the end; the result is (M, C) probabilities, with what was recorded on the way."""
    state = job.new_state(stage)
    remember = recorder(job, state, epochs=options.epochs, record=options.record)
    job.resume(stage, state)
    lr_at = learning_rate(job, options, epochs=options.epochs, at=options.milestones)
    while state.epoch < options.epochs:
        loss = _mixed_loss(job, options, state.epoch) if isinstance(options, MixupOptions) else _loss(options, remember)
        job.train_epoch(stage, state, loss, lr_at, epochs=options.epochs)
        job.show(stage, state.epoch, options.epochs, state.model)
        job.checkpoint(stage, state)
    return with_recorded(job.predict(stage, state.model, job.samples.inputs.views()), state)


def _loss(options: AnyOptions, remember: Record) -> LossFn:
    """Return the loss of the given labels on samples as they are."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        remember(batch, logits)
        return _of_outputs(options, logits.float(), batch.labels)

    return loss


def _of_outputs(options: AnyOptions, logits: Tensor, labels: Tensor) -> Tensor:
    """Return (B,) losses of (B, C) logits."""
    if isinstance(options, GCEOptions):
        return generalised_cross_entropy(logits, labels, q=options.q)
    if isinstance(options, SCEOptions):
        return symmetric_cross_entropy(logits, labels, alpha=options.alpha, beta=options.beta)
    return F.cross_entropy(logits, labels, reduction="none")


def _mixed_loss(job: Job, options: MixupOptions, epoch: int) -> LossFn:
    """Return the loss of an epoch of mixup: one weight per batch, a random partner for every sample."""
    weights = numpy_generator(job.seed, "mixup", epoch)
    partners = torch_generator(job.seed, "partners", epoch)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        weight = float(weights.beta(options.alpha, options.alpha))
        partner = torch.randperm(len(batch.index), generator=partners).to(batch.index.device)
        targets = F.one_hot(batch.labels, job.n_classes).float()
        logits = model(mix(batch.inputs, partner, weight))
        return soft_cross_entropy(logits, mix(targets, partner, weight))

    return loss


def _require_shared(options: AnyOptions) -> None:
    """Check the ranges of the settings that all of them have."""
    require_schedule(options)
    require(options.epochs >= 1, "method.epochs", options.epochs, "1 or more")
    require(0 <= options.record <= 1, "method.record", options.record, "0 to 1")
