"""SCE: cross-entropy plus the reverse cross-entropy, which noise moves less.

Source:
    Wang et al. 2019, "Symmetric Cross Entropy for Robust Learning with Noisy Labels", arXiv:1908.06112.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelaudit.core.evidence import Evidence
from labelaudit.core.recipe import require
from labelaudit.functional.robust_losses import symmetric_cross_entropy
from labelaudit.training.job import Job
from labelaudit.training.one_stage import learn_by, require_one_stage

SUMMARY = "one network on cross-entropy plus reverse cross-entropy"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of symmetric cross-entropy; why these defaults: docs/methods/sce.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence
    alpha: float = 0.1  # weight of the cross-entropy; the paper's for CIFAR-10, 6 for CIFAR-100
    beta: float = 1.0  # weight of the reverse cross-entropy; the paper's for CIFAR-10, 0.1 for CIFAR-100

    def __post_init__(self) -> None:
        """Check ranges."""
        require_one_stage(self)
        for name in ("alpha", "beta"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(self.alpha + self.beta > 0, "method.alpha", self.alpha, "above 0 where beta is 0")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return its predictions as the evidence for every sample of this rank."""
    alpha, beta = options.alpha, options.beta
    return learn_by(
        job, "sce", options, lambda logits, labels: symmetric_cross_entropy(logits, labels, alpha=alpha, beta=beta)
    )
