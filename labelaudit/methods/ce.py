"""CE: plain cross-entropy on the given labels; what the other methods are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence
from labelaudit.training.job import Job
from labelaudit.training.one_stage import learn_by, require_one_stage

SUMMARY = "one network on plain cross-entropy: the baseline"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of plain cross-entropy; why these defaults: docs/methods/ce.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require_one_stage(self)


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return its predictions as the evidence for every sample of this rank."""
    return learn_by(job, "ce", options, _loss)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")
