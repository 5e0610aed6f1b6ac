"""Joint optimisation: learn labels and network in turns, then train a fresh network on the labels that were learnt.

Source:
    Tanaka et al. 2018, "Joint Optimization Framework for Learning with Noisy Labels", arXiv:1803.11364. The published
    code is followed where it says more than the paper: docs/methods/joint.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.functional.losses import entropy_term, prior_term, soft_cross_entropy
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import learning_rate, recorder, require_schedule, with_recorded

SUMMARY = "two networks: the first learns better labels in turns with itself, the second learns from them"
LEANS_ON_TRUSTED = True

_WINDOW = 10  # epochs whose predictions are averaged into a label; published code


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of joint optimisation; why these defaults: docs/methods/joint.md."""

    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    stage1_epochs: int = 24
    stage1_milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    relabel_from: int = 12  # epoch after which the mean of the last predictions replaces every label
    prior_weight: float = 0.1  # a, of the class prior term in stage 1
    entropy_weight: float = 0.1  # b, of the entropy term in stage 1
    stage2_epochs: int = 24
    stage2_milestones: tuple[int, ...] = ()
    stage2_lr: float | None = None  # the same as `peak_lr` for stage 2; None = that
    record: float = 0.33  # share of stage 2's epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require_schedule(self)
        for name in ("stage1_epochs", "stage2_epochs"):
            require(getattr(self, name) >= 1, f"method.{name}", getattr(self, name), "1 or more")
        last = self.stage1_epochs
        require(1 <= self.relabel_from <= last, "method.relabel_from", self.relabel_from, f"1 to {last}")
        for name in ("prior_weight", "entropy_weight"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        if self.stage2_lr is not None:
            require(0 < self.stage2_lr <= 10, "method.stage2_lr", self.stage2_lr, "above 0, at most 10")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")


def fast_options(epochs: int) -> dict[str, Any]:
    """Return two stages of so many epochs; labels are learnt in the second half of the first."""
    return {"stage1_epochs": epochs, "relabel_from": max(1, epochs // 2), "stage2_epochs": epochs}


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time."""
    return options.stage1_epochs + options.stage2_epochs + 1


def run(job: Job, options: Options) -> Evidence:
    """Run both stages and return the evidence for every sample of this rank: what both think of it."""
    passes = {"stage1": options.stage1_epochs, "stage2": options.stage2_epochs + len(job.samples.inputs.views())}
    job.plan(passes)
    first = job.finished("stage1")
    if first is None:
        with job.stage("stage1", "Stage 1 of 2: learn labels and network in turns", passes["stage1"]):
            first = job.finish("stage1", _learn_labels(job, options))
    learnt = first["targets"]
    second = job.finished("stage2")
    if second is None:
        with job.stage("stage2", "Stage 2 of 2: learn from these labels", passes["stage2"]):
            second = job.finish("stage2", {"probs": _learn_from(job, options, learnt)})
    given = job.samples.labels[job.own]
    changed = job.gathered((learnt.argmax(dim=1) != given).float())
    return evidence_from_probs(
        ((learnt + second["probs"]) / 2).cpu().numpy(),
        given.cpu().numpy(),
        stages={"stage1": {"labels_changed": int(changed.sum())}},
    )


def _learn_labels(job: Job, options: Options) -> dict[str, Tensor]:
    """Return (M, C) labels learnt in turns with a network: the mean of its predictions in the last epochs."""
    state = job.new_state("stage1")
    given = F.one_hot(job.samples.labels[job.own], job.n_classes).float()  # (M, C)
    window = torch.zeros(_WINDOW, *given.shape, dtype=torch.float16, device=job.device)
    state.tables = {"targets": given, "window": window}
    job.resume("stage1", state)
    lr_at = learning_rate(job, options, epochs=options.stage1_epochs, at=options.stage1_milestones)
    while state.epoch < options.stage1_epochs:
        job.train_epoch("stage1", state, _joint_loss(options, state), lr_at, epochs=options.stage1_epochs)
        if state.epoch >= options.relabel_from:
            seen = state.tables["window"][: min(state.epoch, _WINDOW)].float().mean(dim=0)
            if job.trusted is not None:
                seen = torch.where(job.trusted[job.own, None], given, seen)
            state.tables["targets"] = seen
        job.checkpoint("stage1", state)
    return {"targets": state.tables["targets"]}


def _joint_loss(options: Options, state: StageState) -> LossFn:
    """Return L_c + a L_A + b L_H; every prediction is remembered as it was seen in training, augmented."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        seen = torch.softmax(logits.detach().float(), dim=1)
        state.tables["window"][state.epoch % _WINDOW, batch.row] = seen.half()
        losses = soft_cross_entropy(logits, state.tables["targets"][batch.row])
        return losses + options.prior_weight * prior_term(logits) + options.entropy_weight * entropy_term(logits)

    return loss


def _learn_from(job: Job, options: Options, learnt: Tensor) -> Tensor:
    """Return (M, C) predictions of a fresh network after training on the learnt labels alone."""
    epochs = options.stage2_epochs
    state = job.new_state("stage2")
    state.tables = {"targets": learnt}  # in the state, so that its rows go where their samples are
    remember = recorder(job, state, epochs=epochs, record=options.record)
    job.resume("stage2", state)
    peak_lr = options.stage2_lr or options.peak_lr
    lr_at = learning_rate(job, replace(options, peak_lr=peak_lr), epochs=epochs, at=options.stage2_milestones)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        remember(batch, logits)
        return soft_cross_entropy(logits, state.tables["targets"][batch.row])

    while state.epoch < epochs:
        job.train_epoch("stage2", state, loss, lr_at, epochs=epochs)
        job.show("stage2", state.epoch, epochs, state.model)
        job.checkpoint("stage2", state)
    return with_recorded(job.predict("stage2", state.model, job.samples.inputs.views()), state)


# Published code, CIFAR-10: 200 epochs at a constant rate, relabelling from epoch 70, then 120 epochs at 0.2.
def _cifar10(**noise: float) -> PublishedSchedule:
    options: dict[str, Any] = {
        "schedule": "milestones",
        "stage1_epochs": 200,
        "stage1_milestones": (),
        "relabel_from": 70,
        "stage2_epochs": 120,
        "stage2_milestones": (40, 80),
        "stage2_lr": 0.2,
        "record": 0.0,
    }
    return PublishedSchedule(options | noise, TrainSettings(weight_decay=1e-4, normalise="cifar10"))


PAPER: dict[str, PublishedSchedule] = {
    "cifar10": _cifar10(peak_lr=0.08, prior_weight=1.2, entropy_weight=0.8),  # its symmetric noise of 70 %
    "cifar10-asym": _cifar10(peak_lr=0.03, prior_weight=0.8, entropy_weight=0.4),  # its asymmetric noise of 40 %
}
