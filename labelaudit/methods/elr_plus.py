"""ELR+: two networks that learn from mixed samples, each held back by what the other's average has thought of them.

Source:
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels", arXiv:2007.00151 (S0).
    Where paper and published code disagree: docs/methods/elr-plus.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.losses import clamped_softmax, elr_term, elr_weight, moved_averages, soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.functional.schedules import milestones, one_cycle, sigmoid_ramp
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.ema import move_average_, start_average
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job, make_optimizer
from labelaudit.training.streams import torch_generator

SUMMARY = "two networks with mixup, each held back by the other's averaged weights; their targets are the evidence"
LEANS_ON_TRUSTED = True

_FORWARD = 1 / 3  # of the cost of a training step: the other's average only looks
_LONG = 100  # epochs of a network from which mixing pays; measured in docs/methods/elr-plus.md


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of ELR+; why these defaults: docs/methods/elr-plus.md."""

    epochs: int = 18  # of each network
    learners: int = 2  # networks, 1 or 2; one alone has its own average as its teacher
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    target_momentum: float = 0.9  # beta
    target_weight: float | None = None  # lambda; None = 3, and 7 with 100 classes or more
    evidence_momentum: float = 0.95  # of second tables, which are the evidence; as beta: the targets themselves
    coefficient_ramp_steps: int = 0  # over which lambda grows to its full size; 0 = at once
    mixup_alpha: float = 1.0  # of the beta distribution of the weight; 0 = no mixing
    average_decay: float = 0.99  # of a network's average weights
    average_ramp_steps: int = 0  # over which the decay grows to that; 0 = the plain mean until it is as slow
    reweight_labels: bool = False  # let the targets decide between two mixed labels, as published for CIFAR-100

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(self.learners in (1, 2), "method.learners", self.learners, "1 or 2")
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        require(0 <= self.target_momentum < 1, "method.target_momentum", self.target_momentum, "0 to 1, below 1")
        if self.target_weight is not None:
            require(self.target_weight >= 0, "method.target_weight", self.target_weight, "0 or more")
        require(0 <= self.evidence_momentum < 1, "method.evidence_momentum", self.evidence_momentum, "0 to 1, below 1")
        for name in ("coefficient_ramp_steps", "average_ramp_steps", "mixup_alpha"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(0 <= self.average_decay < 1, "method.average_decay", self.average_decay, "0 to 1, below 1")


def fast_options(epochs: int) -> dict[str, Any]:
    """Return a schedule without mixup unless it is long: a network of few epochs does not learn enough as it is."""
    return {"epochs": epochs, "mixup_alpha": 1.0 if epochs >= _LONG else 0.0}


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    return options.learners * options.epochs * (1 + _FORWARD)


def run(job: Job, options: Options) -> Evidence:
    """Train both networks and return the mean of what they remember, for every sample of this rank."""
    weight = elr_weight(job.n_classes) if options.target_weight is None else options.target_weight
    passes = options.learners * options.epochs
    job.plan({"elr+": passes})
    left_behind = job.finished("elr+")
    if left_behind is None:
        with job.stage("elr+", "Learn in two networks, and remember early predictions", passes):
            left_behind = job.finish("elr+", _train(job, options, weight=weight))
    evidence = left_behind["evidence"]  # (2, M, C)
    probs = (evidence / evidence.sum(dim=2, keepdim=True)).mean(dim=0)
    return evidence_from_probs(
        probs.cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={"elr+": {"target_weight": weight}},
    )


def _train(job: Job, options: Options, *, weight: float) -> dict[str, Tensor]:
    """Return the (2, M, C) evidence of both networks, which take turns of an epoch each; `state.epoch` counts turns."""
    learners = options.learners
    networks = [job.new_network(f"elr+/{number}") for number in range(1, learners + 1)]
    averages = [start_average(job.new_network("elr+/average"), network) for network in networks]
    state = StageState(nn.ModuleList(networks), make_optimizer(nn.ModuleList(networks), job.train))
    state.model = nn.ModuleList([*networks, *averages])  # so that a checkpoint has them all
    shape = learners, len(job.samples.labels[job.own]), job.n_classes
    state.tables = {name: torch.zeros(shape, device=job.device) for name in ("targets", "evidence")}
    job.resume("elr+", state)
    lr_at = _learning_rate(job, options)
    turns = learners * options.epochs
    while state.epoch < turns:
        me, other = state.epoch % learners, (state.epoch + 1) % learners
        loss = _loss(job, options, state, networks[me], averages[other], weight=weight)
        follow = _following(job, options, averages[me], networks[me])
        job.train_epoch("elr+", state, loss, lr_at, epochs=turns, after_step=follow)
        if state.epoch % learners == 0:
            job.show("elr+", state.epoch // learners, options.epochs, *networks)
        job.checkpoint("elr+", state)
    return {"evidence": state.tables["evidence"]}


def _loss(
    job: Job,
    options: Options,
    state: StageState,
    network: nn.Module,
    teacher: nn.Module,
    *,
    weight: float,
) -> LossFn:
    """Return the loss L = CE(y~, p) + r lambda ln(1 - <q, p>) of one network in its turn.

    y~ are mixed labels, q mixed targets, t <- beta t + (1 - beta) s of what the teacher thinks.

    The teacher is the average of the other network. It runs in train mode, by the statistics of the batch, as
    published; what it thinks of the unmixed samples moves this network's targets before they are used.
    """
    targets, evidence = (state.tables[name][state.epoch % options.learners] for name in ("targets", "evidence"))
    mixing = numpy_generator(job.seed, "mixing", "elr+", state.epoch)
    pairing = torch_generator(job.seed, "pairing", "elr+", state.epoch)
    steps = itertools.count(_own_step(job, options, state.step))

    def loss(_: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            seen = torch.softmax(teacher(batch.inputs).float(), dim=1)
        targets[batch.row] = held = moved_averages(targets[batch.row], seen, momentum=options.target_momentum)
        evidence[batch.row] = moved_averages(evidence[batch.row], seen, momentum=options.evidence_momentum)
        labels = F.one_hot(batch.labels, seen.shape[1]).float()
        if job.trusted is not None:
            held = torch.where(job.trusted[batch.index, None], labels, held)
        share = float(mixing.beta(options.mixup_alpha, options.mixup_alpha)) if options.mixup_alpha else 1.0
        share = max(share, 1.0 - share)
        partner = torch.randperm(len(labels), generator=pairing).to(labels.device)
        labels, held = mix(labels, partner, share), mix(held, partner, share)
        if options.reweight_labels:
            labels = _reweighted(labels, held)
        logits = network(mix(batch.inputs, partner, share)).float()
        ramp = sigmoid_ramp(next(steps), options.coefficient_ramp_steps)
        return soft_cross_entropy(logits, labels) + ramp * weight * elr_term(clamped_softmax(logits), held)

    return loss


def _reweighted(labels: Tensor, targets: Tensor) -> Tensor:
    """Return (B, C) mixed labels times the mixed targets, scaled to sum to 1."""
    weighted = labels * targets
    return weighted / weighted.sum(dim=1, keepdim=True).clamp_min(1e-12)


def _following(job: Job, options: Options, average: nn.Module, network: nn.Module) -> Callable[[int], None]:
    """Return a function that moves a network's average after a global step."""
    return lambda step: move_average_(average, network, decay=_decay(options, _own_step(job, options, step)))


def _decay(options: Options, step: int) -> float:
    """Return the share of an average that stays, after so many steps of its network."""
    if options.average_ramp_steps:
        return options.average_decay * sigmoid_ramp(step, options.average_ramp_steps)
    return min(1.0 - 1.0 / (step + 1), options.average_decay)


def _own_step(job: Job, options: Options, step: int) -> int:
    """Return how many steps the network whose turn it is has taken before a global step."""
    steps = job.samples.steps()
    return step // (options.learners * steps) * steps + step % steps


def _learning_rate(job: Job, options: Options) -> Callable[[int], float]:
    """Return the rate as a function of the global step; both networks go through the whole schedule."""
    steps, peak = job.samples.steps(), options.peak_lr
    if options.schedule == "one-cycle":
        return lambda step: one_cycle(_own_step(job, options, step), steps * options.epochs, peak=peak)
    return lambda step: milestones(_own_step(job, options, step) // steps + 1, base=peak, at=options.milestones)


# S0, arXiv:2007.00151, published configurations; a milestone of torch's scheduler takes effect in the epoch after it.
def _published(
    epochs: int,
    at: tuple[int, ...],
    coefficients: tuple[float, float],
    train: TrainSettings,
    *,
    image_size: int = 32,
    backbone: str = "preact-resnet18",
    pretrained: bool = False,
    **options: Any,
) -> PublishedSchedule:
    momentum, weight = coefficients
    common = {"schedule": "milestones", "peak_lr": 0.02, "epochs": epochs, "milestones": at}
    common |= {"target_momentum": momentum, "target_weight": weight, "evidence_momentum": momentum}
    common |= {"mixup_alpha": 1.0, "average_decay": 0.997}
    return PublishedSchedule(common | options, train, image_size=image_size, backbone=backbone, pretrained=pretrained)


_CIFAR10 = TrainSettings(weight_decay=5e-4, normalise="cifar10")
_CIFAR100 = TrainSettings(weight_decay=5e-4, normalise="cifar100")
PAPER = {
    "cifar10": _published(200, (151,), (0.7, 3.0), _CIFAR10, average_ramp_steps=40_000),
    "cifar10-asym": _published(200, (151,), (0.9, 1.0), _CIFAR10, average_ramp_steps=40_000),
    "cifar100": _published(
        250,
        (201,),
        (0.9, 7.0),
        _CIFAR100,
        average_ramp_steps=40_000,
        coefficient_ramp_steps=40_000,
        reweight_labels=True,
    ),
    "clothing1m": _published(
        15,
        (8,),
        (0.7, 3.0),
        TrainSettings(
            batch_size=64,
            weight_decay=1e-3,
            crop_padding=0,
            crop_margin=32,
            framing="whole",
            normalise="clothing1m",
        ),
        image_size=224,
        backbone="resnet50",
        pretrained=True,
        peak_lr=0.002,
        average_decay=0.9999,
    ),
    "webvision": _published(
        100,
        (51,),
        (0.7, 3.0),
        TrainSettings(
            batch_size=32, weight_decay=5e-4, crop_padding=0, crop_margin=29, framing="whole", normalise="imagenet"
        ),
        image_size=227,
        backbone="inception-resnet-v2",
        mixup_alpha=1.5,
    ),
}
