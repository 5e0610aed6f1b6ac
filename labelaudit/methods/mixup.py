"""Mixup: cross-entropy on pairs of samples that are mixed, labels included, which slows memorising down.

Source:
    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.one_stage import Record, learn, require_schedule
from labelaudit.training.streams import torch_generator

SUMMARY = "one network on cross-entropy of mixed samples"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of mixup; why these defaults: docs/methods/mixup.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    alpha: float = 8.0  # of the beta distribution of a pair's weight; the paper uses 1, and 8 or 32 under label noise

    def __post_init__(self) -> None:
        """Check ranges."""
        require_schedule(self)
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(0 < self.alpha <= 1000, "method.alpha", self.alpha, "above 0, at most 1000")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return its predictions as the evidence for every sample of this rank."""
    job.plan({"mixup": options.epochs + len(job.samples.inputs.views())})

    def loss_of(state: StageState, record: Record) -> LossFn:
        del record  # what is seen in training is mixed
        return _loss(job, options, state.epoch)

    title = "Learn from mixed samples"
    probs = learn(job, "mixup", title, options, loss_of, epochs=options.epochs, at=options.milestones)
    return evidence_from_probs(probs.cpu().numpy(), job.samples.labels[job.own].cpu().numpy())


def _loss(job: Job, options: Options, epoch: int) -> LossFn:
    """Return the loss of an epoch: one weight per batch, a random partner for every sample."""
    weights = numpy_generator(job.seed, "mixup", epoch)
    partners = torch_generator(job.seed, "partners", epoch)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        weight = float(weights.beta(options.alpha, options.alpha))
        partner = torch.randperm(len(batch.index), generator=partners).to(batch.index.device)
        targets = F.one_hot(batch.labels, job.n_classes).float()
        logits = model(mix(batch.inputs, partner, weight))
        return soft_cross_entropy(logits, mix(targets, partner, weight))

    return loss
