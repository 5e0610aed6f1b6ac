"""ELR: cross-entropy, held back by each sample's running average of what the network thought of it early on.

Source:
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels", arXiv:2007.00151 (S0).
    Where paper and published code disagree: docs/methods/elr.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.functional.losses import clamped_softmax, elr_term, elr_weight, kl_term, moved_averages
from labelaudit.functional.schedules import cosine_restarts, milestones, one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job

SUMMARY = "one network, held back from memorising by a running average of its own predictions, which is the evidence"
LEANS_ON_TRUSTED = True


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of ELR; why these defaults: docs/methods/elr.md."""

    epochs: int = 48
    schedule: Literal["one-cycle", "milestones", "cosine"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the others
    milestones: tuple[int, ...] = ()  # epochs from which the rate is multiplied by the factor
    milestone_factor: float = 0.01
    restart_epochs: int = 10  # of every fall of the cosine schedule
    lowest_lr: float = 0.001  # of the cosine schedule
    target_momentum: float = 0.9  # beta
    target_weight: float | None = None  # lambda; None = 3, and 7 with 100 classes or more
    term: Literal["elr", "kl", "none"] = "elr"  # what holds the cross-entropy back: S0's term, or its ablations
    evidence_momentum: float = 0.95  # of a second table, which is the evidence; as beta: the targets themselves

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        require(0 < self.milestone_factor <= 1, "method.milestone_factor", self.milestone_factor, "above 0, at most 1")
        require(self.restart_epochs >= 1, "method.restart_epochs", self.restart_epochs, "1 or more")
        require(0 <= self.lowest_lr <= self.peak_lr, "method.lowest_lr", self.lowest_lr, f"0 to {self.peak_lr}")
        require(0 <= self.target_momentum < 1, "method.target_momentum", self.target_momentum, "0 to 1, below 1")
        if self.target_weight is not None:
            require(self.target_weight >= 0, "method.target_weight", self.target_weight, "0 or more")
        require(0 <= self.evidence_momentum < 1, "method.evidence_momentum", self.evidence_momentum, "0 to 1, below 1")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return float(options.epochs)


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return what it remembers of its predictions, for every sample of this rank."""
    weight = elr_weight(job.n_classes) if options.target_weight is None else options.target_weight
    job.plan({"elr": options.epochs})
    left_behind = job.finished("elr")
    if left_behind is None:
        with job.stage("elr", "Learn, and remember early predictions", options.epochs):
            left_behind = job.finish("elr", _train(job, options, weight=weight))
    evidence = left_behind["evidence"]
    return evidence_from_probs(
        (evidence / evidence.sum(dim=1, keepdim=True)).cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={"elr": {"target_weight": weight}},
    )


def _train(job: Job, options: Options, *, weight: float) -> dict[str, Tensor]:
    """Return the (M, C) evidence after the whole schedule."""
    state = job.new_state("elr")
    shape = len(job.samples.labels[job.own]), job.n_classes
    state.tables = {name: torch.zeros(shape, device=job.device) for name in ("targets", "evidence")}
    job.resume("elr", state)
    loss = _loss(job, options, state, weight=weight)
    lr_at = _learning_rate(job, options)
    while state.epoch < options.epochs:
        job.train_epoch("elr", state, loss, lr_at, epochs=options.epochs)
        job.show("elr", state.epoch, options.epochs, state.model)
        job.checkpoint("elr", state)
    return {"evidence": state.tables["evidence"]}


def _loss(job: Job, options: Options, state: StageState, *, weight: float) -> LossFn:
    """Return the loss CE(z, y) + weight log(1 - <t, p>); t moves before it is used.

    The target of a trusted sample is its label; what the tables remember of it stays what the network thought.
    """
    tables = state.tables

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        probs = clamped_softmax(logits)
        targets = moved_averages(tables["targets"][batch.row], probs, momentum=options.target_momentum)
        tables["targets"][batch.row] = targets
        tables["evidence"][batch.row] = moved_averages(
            tables["evidence"][batch.row], probs, momentum=options.evidence_momentum
        )
        if job.trusted is not None:
            one_hot = F.one_hot(batch.labels, probs.shape[1]).float()
            targets = torch.where(job.trusted[batch.index, None], one_hot, targets)
        losses = F.cross_entropy(logits, batch.labels, reduction="none")
        if options.term == "none":
            return losses
        if options.term == "kl":
            return losses + weight * kl_term(logits, targets)
        return losses + weight * elr_term(probs, targets)

    return loss


def _learning_rate(job: Job, options: Options) -> Callable[[int], float]:
    """Return the rate as a function of the global step."""
    steps, peak = job.samples.steps(), options.peak_lr
    if options.schedule == "one-cycle":
        return lambda step: one_cycle(step, steps * options.epochs, peak=peak)
    if options.schedule == "cosine":
        return lambda step: cosine_restarts(
            step // steps, first=options.restart_epochs, peak=peak, floor=options.lowest_lr
        )
    at, factor = options.milestones, options.milestone_factor
    return lambda step: milestones(step // steps + 1, base=peak, at=at, factor=factor)


# S0, arXiv:2007.00151, published configurations; a milestone of torch's scheduler takes effect in the epoch after it.
_CIFAR10 = TrainSettings(weight_decay=1e-3, normalise="cifar10")
_CIFAR100 = TrainSettings(weight_decay=1e-3, normalise="cifar100")


def _steps(epochs: int, at: tuple[int, ...], momentum: float, weight: float) -> dict[str, Any]:
    of_row = {"epochs": epochs, "milestones": at, "target_momentum": momentum, "target_weight": weight}
    return {"schedule": "milestones", "peak_lr": 0.02, "evidence_momentum": momentum, **of_row}


PAPER = {
    "cifar10": PublishedSchedule(_steps(120, (41, 81), 0.7, 3.0), _CIFAR10, backbone="cifar-resnet34"),
    "cifar10-asym": PublishedSchedule(_steps(120, (41, 81), 0.9, 1.0), _CIFAR10, backbone="cifar-resnet34"),
    "cifar10-cosine": PublishedSchedule(
        {
            "schedule": "cosine",
            "epochs": 150,
            "peak_lr": 0.02,
            "target_momentum": 0.7,
            "target_weight": 3.0,
            "evidence_momentum": 0.7,
        },
        _CIFAR10,
        backbone="cifar-resnet34",
    ),
    # Not in the published configurations; from memory of the paper's supplement G, to be checked there.
    "clothing1m": PublishedSchedule(
        _steps(10, (6,), 0.7, 3.0) | {"peak_lr": 0.001, "milestone_factor": 0.1},
        TrainSettings(
            batch_size=64, weight_decay=1e-3, crop_padding=0, crop_margin=32, framing="whole", normalise="clothing1m"
        ),
        image_size=224,
        backbone="resnet50",
        pretrained=True,
    ),
    "webvision": PublishedSchedule(
        _steps(100, (51,), 0.7, 3.0) | {"milestone_factor": 0.1},
        TrainSettings(
            batch_size=32, weight_decay=5e-4, crop_padding=0, crop_margin=29, framing="whole", normalise="imagenet"
        ),
        image_size=227,
        backbone="inception-resnet-v2",
    ),
    "cifar100": PublishedSchedule(_steps(150, (81, 121), 0.9, 7.0), _CIFAR100, backbone="cifar-resnet34"),
}
