"""GCE: a loss between cross-entropy and the mean absolute error, which gives up on samples that do not fit.

Source:
    Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
    arXiv:1805.07836. The loss L_q without its truncation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelaudit.core.evidence import Evidence
from labelaudit.core.recipe import require
from labelaudit.functional.robust_losses import generalised_cross_entropy
from labelaudit.training.job import Job
from labelaudit.training.one_stage import learn_by, require_one_stage

SUMMARY = "one network on generalised cross-entropy, which gives up on what does not fit"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of generalised cross-entropy; why these defaults: docs/methods/gce.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence
    q: float = 0.7  # towards 0 it is the cross-entropy, at 1 the mean absolute error; the paper uses 0.7

    def __post_init__(self) -> None:
        """Check ranges."""
        require_one_stage(self)
        require(0 < self.q <= 1, "method.q", self.q, "above 0, at most 1")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return its predictions as the evidence for every sample of this rank."""
    return learn_by(job, "gce", options, lambda logits, labels: generalised_cross_entropy(logits, labels, q=options.q))
