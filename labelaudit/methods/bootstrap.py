"""Dynamic bootstrapping: trust a label as far as the loss says, and the network's own prediction for the rest.

Source:
    Arazo et al. 2019, "Unsupervised Label Noise Modeling and Loss Correction", arXiv:1904.11238 (S4). Where paper and
    published code disagree the code is followed: docs/methods/bootstrap.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.bootstrapping import bootstrapped_targets, clean_shares, sharpened
from labelaudit.functional.gaussian_mixture import TwoGaussians, fit_two_gaussians, high_loss_posterior
from labelaudit.functional.losses import prior_term, soft_cross_entropy
from labelaudit.functional.mixup import mix, mix_each
from labelaudit.judging.beta_mixture import BetaMixture, fit_beta_mixture, noisy_posterior, published_posterior
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import Record, learning_rate, recorder, require_schedule, with_recorded
from labelaudit.training.streams import torch_generator

SUMMARY = "one network with mixup that trusts each label as far as a mixture on the losses says"
LEANS_ON_TRUSTED = True

Variant = Literal["static-soft", "static-hard", "dy-s", "dy-h", "m-dyr-s", "m-dyr-h", "md-dyr-h", "md-dyr-sh"]

Mixture = BetaMixture | TwoGaussians

_STAGE = "bootstrap"
_STATIC = {"static-soft": 0.05, "static-hard": 0.2}  # S4: weight of the prediction, the same for every sample
_HARD = ("static-hard", "dy-h", "m-dyr-h")  # targets are the arg max of the prediction
_MIXED = ("m-dyr-s", "m-dyr-h", "md-dyr-h", "md-dyr-sh")
_MIXED_BY_NOISE = ("md-dyr-h", "md-dyr-sh")
_EDGE = 1e-4  # S4, published code: p(noisy) is kept in [1e-4, 1 - 1e-4]
_FORWARD = 1 / 3  # of the cost of a training step


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of dynamic bootstrapping; why these defaults: docs/methods/bootstrap.md."""

    variant: Variant = "m-dyr-h"
    epochs: int = 48
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of the milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    warmup_epochs: int = 17  # before the labels are corrected: mixup, or plain for the variants without it
    dynamic_epochs: int = 1  # of md-*: then inputs are mixed by noise, labels are not corrected yet
    temperature_epochs: int = 14  # of md-dyr-sh: over which the targets go from soft to hard after that
    lowest_temperature: float = 0.001  # of md-dyr-sh, and of md-dyr-h from the start
    mixup_alpha: float = 32.0  # of the beta distribution of a pair's weight
    half_labels: bool = False  # of m-dyr-s: mix targets half and half, as published code; md-* always do
    prior_weight: float = 1.0  # eta, of the class prior term while labels are corrected with mixup
    mixture: Literal["two-sided", "likelihood", "published", "gaussian"] = "two-sided"  # how losses become p(noisy)
    losses: Literal["plain", "augmented"] = "plain"  # views whose losses the mixture is fitted to
    weights: Literal["epoch", "batch"] = "epoch"  # p(noisy) by the loss of the last refit, or of the batch as it is
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require_schedule(self)
        before = self.warmup_epochs + (self.dynamic_epochs if self.variant in _MIXED_BY_NOISE else 0)
        require(self.warmup_epochs >= 1, "method.warmup_epochs", self.warmup_epochs, "1 or more")
        require(self.dynamic_epochs >= 0, "method.dynamic_epochs", self.dynamic_epochs, "0 or more")
        require(self.epochs > before, "method.epochs", self.epochs, f"more than the {before} of the warm-up")
        require(self.temperature_epochs >= 1, "method.temperature_epochs", self.temperature_epochs, "1 or more")
        temperature = self.lowest_temperature
        require(0 < temperature <= 1, "method.lowest_temperature", temperature, "above 0, at most 1")
        require(0 < self.mixup_alpha <= 1000, "method.mixup_alpha", self.mixup_alpha, "above 0, at most 1000")
        require(self.prior_weight >= 0, "method.prior_weight", self.prior_weight, "0 or more")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")


def fast_options(epochs: int) -> dict[str, Any]:
    """Return a schedule with the phases of the published one: 105, 5 and 89 of 300 epochs."""
    epochs = max(3, epochs)
    warmup, dynamic = max(1, round(0.35 * epochs)), max(1, round(0.02 * epochs))
    return {
        "epochs": epochs,
        "warmup_epochs": warmup,
        "dynamic_epochs": dynamic,
        "temperature_epochs": max(1, round(0.3 * epochs)),
    }


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    corrected = options.epochs - options.warmup_epochs
    unmixed = _FORWARD if options.variant in _MIXED else 0.0
    looks = _FORWARD * ((options.weights == "batch") + 1) if options.variant not in _STATIC else 0.0
    return options.epochs + corrected * (unmixed + looks) + 1


def run(job: Job, options: Options) -> Evidence:
    """Train one network and return its predictions as the evidence for every sample of this rank."""
    views = len(job.samples.inputs.views())
    corrected = options.epochs - options.warmup_epochs
    refits = 0 if options.variant in _STATIC else corrected * len(_views(job, options))
    passes = options.epochs + refits + views
    job.plan({_STAGE: passes})
    left_behind = job.finished(_STAGE)
    if left_behind is None:
        with job.stage(_STAGE, "Learn, and trust labels as far as their losses say", passes):
            left_behind = job.finish(_STAGE, _train(job, options))
    noisy = job.gathered(left_behind["noisy"])
    return evidence_from_probs(
        left_behind["probs"].cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={_STAGE: {"variant": options.variant, "noise_rate": float(noisy.mean())}},
        scores={"noisy": left_behind["noisy"].squeeze(1).double().cpu().numpy()},
    )


def _train(job: Job, options: Options) -> dict[str, Tensor]:
    """Return (M, C) probabilities and (M, 1) p(noisy) after the whole schedule."""
    state = job.new_state(_STAGE)
    n_own = len(job.samples.labels[job.own])
    state.tables = {name: torch.zeros(n_own, 1, device=job.device) for name in ("losses", "noisy")}
    remember = recorder(job, state, epochs=options.epochs, record=options.record)
    job.resume(_STAGE, state)
    lr_at = learning_rate(job, options, epochs=options.epochs, at=options.milestones)
    is_static = options.variant in _STATIC
    while state.epoch < options.epochs:
        if state.epoch < options.warmup_epochs:
            loss = _warmup_loss(job, options, state)
        else:
            mixture = _mixture(job, options, state) if options.weights == "batch" and not is_static else None
            loss = _corrected_loss(job, options, state, mixture, remember)
        job.train_epoch(_STAGE, state, loss, lr_at, epochs=options.epochs)
        if state.epoch >= options.warmup_epochs and not is_static:
            _refit_(job, options, state)
        job.show(_STAGE, state.epoch, options.epochs, state.model)
        job.checkpoint(_STAGE, state)
    probs = with_recorded(job.predict(_STAGE, state.model, job.samples.inputs.views()), state)
    return {"probs": probs, "noisy": state.tables["noisy"]}


def _warmup_loss(job: Job, options: Options, state: StageState) -> LossFn:
    """Return L = d CE(y_a, p) + (1 - d) CE(y_b, p) on mixed samples; for the variants without mixup L = CE(y, p)."""
    draw = _pairs(job, options, state)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        if options.variant not in _MIXED:
            return F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")
        weight, partner = draw(batch)
        targets = F.one_hot(batch.labels, job.n_classes).float()
        return soft_cross_entropy(model(mix(batch.inputs, partner, weight)), mix(targets, partner, weight))

    return loss


def _corrected_loss(job: Job, options: Options, state: StageState, mixture: Mixture | None, remember: Record) -> LossFn:
    """Return the loss of an epoch in which labels are corrected, or inputs at least mixed by their noise.

    Each label becomes (1 - w) y + w t; L = d CE of one partner + (1 - d) CE of the other + eta R with mixup,
    R = -sum_c (1/C) ln m_c and m the mean prediction.

    The prediction that corrects a label is that of the sample as it is, in train mode, and a constant.
    """
    draw = _pairs(job, options, state)
    is_mixed, by_noise = options.variant in _MIXED, options.variant in _MIXED_BY_NOISE
    corrects = not by_noise or state.epoch >= options.warmup_epochs + options.dynamic_epochs
    temperature = _temperature(options, state.epoch)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        noisy = _noisy(job, options, state, mixture, model, batch)  # (B,)
        given = F.one_hot(batch.labels, job.n_classes).float()
        if not is_mixed:
            logits = model(batch.inputs)
            remember(batch, logits)
            return soft_cross_entropy(logits, bootstrapped_targets(given, _believed(options, logits, 1.0), noisy))
        with torch.no_grad():
            unmixed = model(batch.inputs)
            remember(batch, unmixed)
        weight, partner = draw(batch)
        if by_noise:
            mixed = mix_each(batch.inputs, partner, clean_shares(noisy, noisy[partner]))
        else:
            mixed = mix(batch.inputs, partner, weight)
        logits = model(mixed)
        if not corrects:
            return soft_cross_entropy(logits, mix(given, partner, weight))
        targets = bootstrapped_targets(given, _believed(options, unmixed, temperature), noisy)
        is_half = by_noise or (options.half_labels and options.variant == "m-dyr-s")  # S4, published code
        label_weight = 0.5 if is_half else weight
        losses = soft_cross_entropy(logits, mix(targets, partner, label_weight))
        return losses + options.prior_weight * prior_term(logits)

    return loss


def _believed(options: Options, logits: Tensor, temperature: float) -> Tensor:
    """Return (B, C) what the network's prediction says the label is, as a constant."""
    if options.variant in _HARD:
        return F.one_hot(logits.detach().argmax(dim=1), logits.shape[1]).float()
    return sharpened(logits.detach(), temperature)


def _temperature(options: Options, epoch: int) -> float:
    """Return the temperature of the targets in the epoch that follows `epoch` finished ones.

    From 1 to the lowest in equal steps, one an epoch, the first of the corrected epochs at 1; then it stays.
    """
    if options.variant == "md-dyr-h":
        return options.lowest_temperature
    if options.variant != "md-dyr-sh":
        return 1.0
    since = epoch - options.warmup_epochs - options.dynamic_epochs
    values = np.linspace(1.0, options.lowest_temperature, options.temperature_epochs)
    return float(values[min(max(since, 0), len(values) - 1)])


def _noisy(
    job: Job, options: Options, state: StageState, mixture: Mixture | None, model: nn.Module, batch: Batch
) -> Tensor:
    """Return (B,) p(noisy) of a batch's labels; nearly 0 for labels that are right by decree."""
    if options.variant in _STATIC:
        noisy = torch.full_like(batch.labels, _STATIC[options.variant], dtype=torch.float32)
    elif options.weights == "epoch" or mixture is None:
        noisy = state.tables["noisy"][batch.row, 0]
    else:
        model.eval()
        with torch.no_grad():
            losses = F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")
        model.train()
        posterior = _posterior(options, mixture, losses.cpu().numpy())
        noisy = torch.from_numpy(posterior).to(losses.device, torch.float32)
    if job.trusted is not None:
        noisy = torch.where(job.trusted[batch.index], 0.0, noisy)
    return noisy.clamp(_EDGE, 1.0 - _EDGE)


def _refit_(job: Job, options: Options, state: StageState) -> None:
    """Look at every sample as the network sees it now, and note its loss l = -ln p[y] and w = p(noisy | l)."""
    probs = job.predict(_STAGE, state.model, _views(job, options), "refit", state.epoch)
    given = job.samples.labels[job.own]
    state.tables["losses"] = -torch.log(probs.gather(1, given[:, None]).clamp_min(1e-12))
    mixture = _mixture(job, options, state)
    if mixture is None:  # no evidence for or against any label
        state.tables["noisy"] = torch.zeros_like(state.tables["losses"])
        return
    posterior = _posterior(options, mixture, state.tables["losses"].squeeze(1).cpu().numpy())
    state.tables["noisy"] = torch.from_numpy(posterior).to(job.device, torch.float32)[:, None]


def _mixture(job: Job, options: Options, state: StageState) -> Mixture | None:
    """Return the mixture fitted to the losses of all samples after the last epoch."""
    losses = job.gathered(state.tables["losses"]).squeeze(1).cpu().numpy()
    if options.mixture == "gaussian":
        return fit_two_gaussians(losses)
    return fit_beta_mixture(losses, method="robust" if options.mixture == "likelihood" else "published")


def _posterior(options: Options, mixture: Mixture, losses: Any) -> Any:
    if isinstance(mixture, TwoGaussians):
        return high_loss_posterior(mixture, losses)
    return (published_posterior if options.mixture == "published" else noisy_posterior)(mixture, losses)


def _views(job: Job, options: Options) -> tuple[Any, ...]:
    return ("augmented",) if options.losses == "augmented" else job.samples.inputs.views()


def _pairs(job: Job, options: Options, state: StageState) -> Callable[[Batch], tuple[float, Tensor]]:
    """Return a function that draws, batch by batch, one weight and a partner for every sample."""
    weights = numpy_generator(job.seed, "mixup", _STAGE, state.epoch)
    partners = torch_generator(job.seed, "partners", _STAGE, state.epoch)

    def draw(batch: Batch) -> tuple[float, Tensor]:
        partner = torch.randperm(len(batch.index), generator=partners).to(batch.index.device)
        return float(weights.beta(options.mixup_alpha, options.mixup_alpha)), partner

    return draw


def _published(**options: Any) -> dict[str, Any]:
    common = {"schedule": "milestones", "peak_lr": 0.1, "mixture": "published", "losses": "augmented"}
    return common | {"weights": "batch", "record": 0.0, "half_labels": True} | options


# S4, arXiv:1904.11238, published code; it normalises CIFAR-100 with the statistics of CIFAR-10.
_CIFAR = TrainSettings(weight_decay=1e-4, normalise="cifar10")
_WITH_MIXUP = _published(
    variant="m-dyr-h",
    epochs=300,
    milestones=(100, 250),
    warmup_epochs=105,
    dynamic_epochs=5,
    temperature_epochs=89,
    lowest_temperature=0.001,
)
_WITHOUT_MIXUP = _published(variant="dy-h", epochs=120, milestones=(30, 80, 110), warmup_epochs=30)
PAPER = {
    "cifar10": PublishedSchedule(_WITH_MIXUP, _CIFAR),
    "cifar100": PublishedSchedule(_WITH_MIXUP, _CIFAR),
    "cifar10-unmixed": PublishedSchedule(_WITHOUT_MIXUP, _CIFAR),
    "imagenet64": PublishedSchedule(_WITH_MIXUP, TrainSettings(weight_decay=1e-4, normalise="imagenet"), image_size=64),
}
