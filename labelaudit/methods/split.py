"""Split: train on what a scan found. Labels that it would keep stay, the others become the network's own predictions.

DRPL's third stage, for audits of any method: `labelaudit train --labels split`, and `--labels soft`, where the scan's
probabilities are the targets of all samples and nothing is renewed.

Source:
    Ortego et al. 2020, "Towards Robust Learning with Different Label Noise Distributions", arXiv:1912.08741 (S2), the
    final stage and the constants of its published code. Deviation: samples without their label start from the scan's
    probabilities, not from random labels, because those are known by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from labelaudit.core.errors import ConfigError
from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.functional.losses import entropy_term, prior_term, soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import learning_rate, require_schedule
from labelaudit.training.streams import torch_generator

SUMMARY = "train on what a scan found: kept labels stay, the others are the network's own predictions"

_SMALLEST_MIXED_BATCH = 6  # S2's published code skips smaller ones
_LOOK = 1 / 3  # of the cost of a training step: the forward that records predictions


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of training on a split; why these defaults: docs/how-to/train.md."""

    epochs: int = 36
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    mixup: bool = True  # learn from mixed pairs of samples
    uniform_reset: float = 0.2  # share of the predicted labels that become uniform after every epoch
    prior_weight: float = 0.0  # of the class prior term
    entropy_weight: float = 0.0  # of the entropy term

    def __post_init__(self) -> None:
        """Check ranges."""
        require_schedule(self)
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(0 <= self.uniform_reset < 1, "method.uniform_reset", self.uniform_reset, "0 to 1, below 1")
        for name in ("prior_weight", "entropy_weight"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    return options.epochs * (1 + _LOOK) + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network on the targets of the job and return its predictions."""
    if job.targets is None:
        raise ConfigError(
            "method 'split' learns from what a scan found, and finds nothing itself.",
            hint="Scan first, then `labelaudit train --labels split`.",
        )
    views = job.samples.inputs.views()
    passes = options.epochs + len(views)
    job.plan({"split": passes})
    left_behind = job.finished("split")
    if left_behind is None:
        with job.stage("split", "Learn what the scan found", passes):
            state = _train(job, options, job.targets.probs[job.own], job.targets.fixed)
            left_behind = job.finish("split", {"probs": job.predict("split", state.model, views)})
    return evidence_from_probs(left_behind["probs"].cpu().numpy(), job.samples.labels[job.own].cpu().numpy())


def _train(job: Job, options: Options, targets: Tensor, fixed: Tensor) -> StageState:
    """Return the state after the last epoch.

    Args:
        job: the training.
        options: its settings.
        targets: (M, C) to begin with, of this rank's samples.
        fixed: (N,) whose targets stay; the others get the predictions of every epoch.
    """
    state = job.new_state("split")
    state.tables = {"targets": targets.clone()}
    renews = not bool(fixed.all())
    if renews:
        state.tables["seen"] = targets.clone()
    job.resume("split", state)
    lr_at = learning_rate(job, options, epochs=options.epochs, at=options.milestones)
    while state.epoch < options.epochs:
        draw = torch_generator(job.seed, "mixup", "split", state.epoch)
        job.train_epoch("split", state, _loss(state, options, draw, renews=renews), lr_at, epochs=options.epochs)
        if renews:
            draw = torch_generator(job.seed, "reset", "split", state.epoch)
            reset = torch.rand(len(fixed), generator=draw).to(fixed.device) < options.uniform_reset
            state.tables["targets"] = renewed(
                state.tables["targets"], state.tables["seen"], fixed=fixed[job.own], reset=reset[job.own]
            )
        job.show("split", state.epoch, options.epochs, state.model)
        job.checkpoint("split", state)
    return state


def renewed(targets: Tensor, seen: Tensor, *, fixed: Tensor, reset: Tensor) -> Tensor:
    """Return (M, C) targets of the next epoch.

    Args:
        targets: (M, C) of this epoch.
        seen: (M, C) predictions of this epoch.
        fixed: (M,) whose targets stay.
        reset: (M,) whose targets become uniform, where they do not stay.
    """
    predicted = torch.where(reset[:, None], torch.full_like(seen, 1.0 / seen.shape[1]), seen)
    return torch.where(fixed[:, None], targets, predicted)


def _loss(state: StageState, options: Options, draw: torch.Generator, *, renews: bool) -> LossFn:
    """Return the loss of an epoch: one forward that records predictions, one on mixed samples that learns.

    Both are in train mode, so both move the running statistics of batch norm, as published.
    """
    terms: list[tuple[float, Callable[[Tensor], Tensor]]] = [
        (options.prior_weight, prior_term),
        (options.entropy_weight, entropy_term),
    ]

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        if renews:
            with torch.no_grad():
                state.tables["seen"][batch.row] = torch.softmax(model(batch.inputs).float(), dim=1)
        B = len(batch.index)  # noqa: N806
        inputs, targets = batch.inputs, state.tables["targets"][batch.row]
        if options.mixup:
            weight = float(torch.rand(1, generator=draw))  # Beta(1, 1) is uniform; one weight per batch
            partner = torch.randperm(B, generator=draw).to(batch.index.device)
            inputs, targets = mix(inputs, partner, weight), mix(targets, partner, weight)
        logits = model(inputs)
        losses = soft_cross_entropy(logits, targets)
        for coefficient, term in terms:
            if coefficient:
                losses = losses + coefficient * term(logits)
        return losses if B >= _SMALLEST_MIXED_BATCH or not options.mixup else losses * 0.0

    return loss


# S2, arXiv:1912.08741, and the constants of its published code.
def _published(
    epochs: int, at: tuple[int, ...], train: TrainSettings, *, image_size: int = 32, backbone: str = "preact-resnet18"
) -> PublishedSchedule:
    options = {"schedule": "milestones", "peak_lr": 0.1, "epochs": epochs, "milestones": at}
    options |= {"prior_weight": 0.8, "entropy_weight": 0.4}
    return PublishedSchedule(options, train, image_size=image_size, backbone=backbone)


PAPER = {
    "cifar10": _published(300, (150, 225), TrainSettings(normalise="cifar10")),
    "cifar100": _published(300, (150, 225), TrainSettings(normalise="cifar100")),
    "imagenet32": _published(300, (150, 225), TrainSettings(normalise="imagenet")),
    "imagenet64": _published(300, (150, 225), TrainSettings(normalise="imagenet", crop_padding=8), image_size=64),
    "webvision": _published(
        200,
        (150, 175),
        TrainSettings(normalise="imagenet", crop_padding=0, crop_margin=32, framing="whole"),
        image_size=224,
        backbone="resnet18",
    ),
}
