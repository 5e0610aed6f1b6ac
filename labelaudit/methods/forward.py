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
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.one_stage import Record, learn, on_outputs, require_schedule

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
    job.plan({"stage1": options.stage1_epochs + views, "stage2": options.stage2_epochs + views})
    noisy_probs = learn(
        job,
        "stage1",
        "Stage 1 of 2: learn the given labels",
        options,
        on_outputs(lambda logits, labels: F.cross_entropy(logits, labels, reduction="none")),
        epochs=options.stage1_epochs,
        at=options.stage1_milestones,
        record=options.record,
        is_last=False,
    )
    transition = anchor_transitions(job.gathered(noisy_probs).cpu().numpy(), percentile=options.anchor_percentile)

    def corrected_loss(state: StageState, record: Record) -> LossFn:
        del state
        return _corrected_loss(torch.from_numpy(transition).float().to(job.device), job.trusted, record)

    probs = learn(
        job,
        "stage2",
        "Stage 2 of 2: learn what is behind them",
        options,
        corrected_loss,
        epochs=options.stage2_epochs,
        at=options.stage2_milestones,
        record=options.record,
    )
    return evidence_from_probs(
        probs.cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={"stage1": {"transition_matrix": transition.round(6).tolist()}},
    )


def _corrected_loss(transition: Tensor, trusted: Tensor | None, record: Record) -> LossFn:
    """Return the corrected cross-entropy; labels that are right by decree did not go through the noise."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        record(batch, logits)
        corrected = forward_cross_entropy(logits, batch.labels, transition)
        if trusted is None:
            return corrected
        plain = F.cross_entropy(logits.float(), batch.labels, reduction="none")
        return torch.where(trusted[batch.index], plain, corrected)

    return loss
