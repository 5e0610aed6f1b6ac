"""IEG: weigh and re-label every sample by what a step on it would do to the loss on a small trusted set.

Source:
    Zhang et al. 2020, "Distilling Effective Supervision from Severe Label Noise", arXiv:1910.00701 (S1; its first title
    was IEG). Where paper and published code disagree the code is followed: docs/methods/ieg.md lists every such place.

A step looks ahead: it tries the update on the noisy batch with equal weights, and asks how the loss on trusted samples
would change with the weight and with the label of each sample. Samples that would help get weight; labels that would
harm are replaced by the network's own. Supervision comes from both, from the trusted samples, and from consistency
between two views. Trusted samples are never in the noisy batches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import ConfigError, count
from labelaudit.core.events import Said
from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.meta_weights import (
    helpful_weights,
    keeps_given_label,
    label_gradients,
    normalised_logits,
    sharpened_pseudo_labels,
    weight_gradients,
)
from labelaudit.functional.mixup import mix_each
from labelaudit.functional.schedules import cosine_restarts, one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.ema import move_average_, start_average
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.look_ahead import (
    LookAhead,
    exact_tangents,
    features_seen,
    last_layer,
    last_layer_tangents,
    still_features,
)
from labelaudit.training.streams import torch_generator
from labelaudit.training.trusted_stream import TrustedStream

SUMMARY = "weighs and re-labels every sample by what it would do to the loss on a small trusted set"
LEANS_ON_TRUSTED = True
NEEDS_TRUSTED = True

_STAGE = "ieg"
_CYCLE_GROWTH, _CYCLE_DECAY = 1.5, 0.9  # of the warm restarts; S1's published code


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of IEG; why these defaults: docs/methods/ieg.md."""

    schedule: Literal["one-cycle", "restarts"] = "one-cycle"  # how the learning rate goes down
    epochs: int = 24
    peak_lr: float = 0.1
    first_cycle_steps: int = 500  # of the warm restarts
    meta: Literal["last-layer", "exact"] = "last-layer"  # parameters whose look-ahead weighs the samples
    look_ahead_lr: float = 0.1
    given_share: float = 0.9  # lambda 0: of the given label in the look-ahead; the rest is the pseudo-label's
    temperature: float = 0.5  # tau, of the pseudo-labels
    mixed_weight: float = 0.5  # p, of the mixed samples that carry pseudo-labels
    mixed_share: float = 0.33  # of every batch that is mixed; the rest of it is seen unmixed only
    consistency_weight: float = 0.5  # k, of the divergence between the two views
    trusted_batch: int = 100  # trusted samples in every step, all classes alike
    average: float = 0.999  # decay of the running average of the weights
    ends_low: bool = False  # of the warm restarts: end with the last cycle that is over within so many epochs
    relabels: bool = True  # lambda: take the network's label where the given one would harm; no = weigh alone
    mixes: bool = True  # learn from mixed trusted and pseudo-labelled samples as well
    strong_view: Literal["policy", "cutout", "weak"] = "policy"  # AutoAugment and cut-out, cut-out alone, or neither
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(self.first_cycle_steps >= 1, "method.first_cycle_steps", self.first_cycle_steps, "1 or more")
        for name in ("peak_lr", "look_ahead_lr"):
            require(0 < getattr(self, name) <= 10, f"method.{name}", getattr(self, name), "above 0, at most 10")
        require(0 < self.temperature <= 1, "method.temperature", self.temperature, "above 0, at most 1")
        for name in ("mixed_weight", "consistency_weight"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(self.trusted_batch >= 2, "method.trusted_batch", self.trusted_batch, "2 or more")
        require(0 <= self.average < 1, "method.average", self.average, "0 to 1, below 1")
        require(0 < self.mixed_share <= 1, "method.mixed_share", self.mixed_share, "above 0, at most 1")
        for name in ("given_share", "record"):
            require(0 <= getattr(self, name) <= 1, f"method.{name}", getattr(self, name), "0 to 1")


_PAPER = PublishedSchedule(
    options={
        "schedule": "restarts",
        "epochs": 200,  # the model at the lowest rate before that: after step 85,499, in epoch 171 of 499 steps
        "ends_low": True,
        "peak_lr": 0.1,
        "meta": "exact",
        "mixed_weight": 5.0,
        "mixed_share": 1.0,
        "consistency_weight": 20.0,
        "record": 0.0,
    },
    train=TrainSettings(batch_size=100, weight_decay=5e-4, crop_padding=2, normalise="halves"),
    backbone="wrn-28-10",
)
PAPER = {
    "cifar10": _PAPER,
    "cifar100": _PAPER,
    "webvision": replace(
        _PAPER,
        options={**_PAPER.options, "mixed_weight": 4.0, "consistency_weight": 8.0},
        train=replace(_PAPER.train, crop_padding=0, crop_margin=32, framing="whole"),
        image_size=224,
        backbone="resnet50",
    ),
}


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    look_ahead = _PASSES_OF_EXACT if options.meta == "exact" else _PASSES_OF_LAST_LAYER
    mixed = 3 * options.mixed_share if options.mixes else 0.0
    return options.epochs * (2 + mixed + look_ahead) + 1


_PASSES_OF_EXACT = 2.7  # one more backward pass, one on trusted samples, one in forward mode
_PASSES_OF_LAST_LAYER = 1 / 3  # the features of trusted samples


def run(job: Job, options: Options) -> Evidence:
    """Train on both kinds of samples and return the evidence for all of them.

    Raises:
        ConfigError: there is no trusted set, or nothing but trusted samples.
    """
    trusted = _require_trusted(job)
    job = replace(job, train=replace(job.train, compile="no"))  # a step has four shapes of batches, and looks ahead
    options = replace(options, epochs=_epochs(options, job.samples.steps(int((~trusted).sum()))))
    passes = options.epochs + len(job.samples.inputs.views())
    job.plan({_STAGE: passes})
    left_behind = job.finished(_STAGE)
    if left_behind is None:
        with job.stage(_STAGE, "Learn from what helps the trusted samples", passes):
            left_behind = job.finish(_STAGE, _train(job, options, trusted))
    kept = job.gathered(left_behind["kept"])
    return evidence_from_probs(
        left_behind["probs"].cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={_STAGE: {"trusted": int(trusted.sum()), "kept": float(kept[~trusted].mean())}},
        scores={name: left_behind[name][:, 0].cpu().numpy().astype("float64") for name in ("kept", "weight")},
    )


def _train(job: Job, options: Options, trusted: Tensor) -> dict[str, Tensor]:
    """Return (M, C) probabilities, and how often each given label was kept and how much its sample weighed."""
    state = job.new_state(_STAGE, networks=2)  # the one that learns, and the running average of its weights
    network, average = state.model.children()
    start_average(average, network)
    widths = {"seen": job.n_classes, "kept": 1, "weight": 1}
    n_own = len(job.samples.labels[job.own])
    state.tables = {name: torch.zeros(n_own, width, device=job.device) for name, width in widths.items()}
    job.resume(_STAGE, state)
    stream = TrustedStream(job.samples, trusted, options.trusted_batch)
    lr_at = _learning_rate(job, options, int((~trusted).sum()))
    while state.epoch < options.epochs:
        records = state.epoch >= options.epochs - max(1, _recorded_epochs(options))
        # of all samples, because those that this rank sees are not those whose rows it has
        seen_now = {name: torch.zeros(len(trusted), w, device=job.device) for name, w in widths.items() if records}
        job.train_epoch(
            _STAGE,
            state,
            _loss(job, state, options, stream, seen_now),
            lr_at,
            epochs=options.epochs,
            among=~trusted,
            after_step=lambda step: move_average_(
                average, network, decay=min(options.average, (1 + step) / (10 + step))
            ),
        )
        for name, table in seen_now.items():
            state.tables[name] += job.ranks.sum_(table)[job.own]
        for mean, statistic in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(statistic)
        job.show(_STAGE, state.epoch, options.epochs, average)
        job.checkpoint(_STAGE, state)
    probs = job.predict(_STAGE, average, job.samples.inputs.views())
    seen = state.tables["seen"]
    counted = seen.sum(dim=1, keepdim=True)
    recorded = torch.where(counted > 0, seen / counted.clamp_min(1.0), probs)  # trusted samples are never in a batch
    turns = max(1, _recorded_epochs(options))
    return {
        "probs": (probs + recorded) / 2,
        "kept": torch.where(trusted[job.own, None], 1.0, state.tables["kept"] / turns),
        "weight": state.tables["weight"] / turns,
    }


def _loss(
    job: Job, state: StageState, options: Options, trusted: TrustedStream, seen_now: Mapping[str, Tensor]
) -> LossFn:
    """Return the loss of an epoch's steps, as S1's code has it.

    L = (mean CE(l y + (1 - l) g, z) + sum_i w_i CE(q_i, z_i)) / 2 + L_bp + p L_bu + k KL(softmax z || softmax z^),
    where q = l0 y + (1 - l0) g.

    Args:
        job: the scan.
        state: of the stage.
        options: its settings.
        trusted: the batches of trusted samples.
        seen_now: (N, ...) tables that get what this rank sees; empty where nothing is recorded.
    """
    own_stream = (job.ranks.rank,) if job.ranks.rank else ()
    draw = torch_generator(job.seed, "views", _STAGE, state.epoch, *own_stream)
    steps = itertools.count(state.step)
    network = next(state.model.children())

    def loss(_: nn.Module, batch: Batch) -> Tensor:
        weak, strong = job.samples.look_twice(batch.index, options.strong_view, draw)
        trusted_inputs, trusted_labels = trusted.batch(next(steps), draw)
        with _drawn_again(job, options), features_seen(network) as features:
            logits, strong_logits = network(weak), network(strong)  # (B, C) each
        pseudo = sharpened_pseudo_labels(logits, strong_logits, temperature=options.temperature)
        given = F.one_hot(batch.labels, job.n_classes).float()
        targets = options.given_share * given + (1.0 - options.given_share) * pseudo
        with torch.autocast(job.device.type, enabled=False):
            tangents = _tangents(job, state, options, shares=(batch.share, trusted.share))(
                weak, features[0], logits, targets, trusted_inputs, trusted_labels
            )
        B, rate = round(len(given) / batch.share), options.look_ahead_lr  # noqa: N806
        weights = helpful_weights(weight_gradients(targets, tangents, lr=rate), summed=job.ranks.sum_)  # (B,)
        keep = keeps_given_label(label_gradients(given, pseudo, tangents, lr=rate, weight=1.0 / B))[:, None]
        if seen_now:
            seen_now["seen"][batch.index] += torch.softmax(logits.detach().float(), dim=1)
            seen_now["kept"][batch.index] += keep
            seen_now["weight"][batch.index] += B * weights[:, None]
        losses = B * weights * soft_cross_entropy(logits, targets)
        if options.relabels:
            losses = (soft_cross_entropy(logits, keep * given + (1.0 - keep) * pseudo) + losses) / 2
        if options.mixes:
            losses = losses + _mixed_loss(network, weak, strong, pseudo, trusted_inputs, trusted_labels, options, draw)
        return losses + options.consistency_weight * _divergence(logits, strong_logits)

    return loss


def _mixed_loss(
    network: nn.Module,
    inputs: Tensor,
    strong: Tensor,
    pseudo: Tensor,
    trusted_inputs: Tensor,
    trusted_labels: Tensor,
    options: Options,
    draw: torch.Generator,
) -> Tensor:
    """Return L_bp + p L_bu on mixed pairs of the pool of trusted samples and of both views: a scalar."""
    n, device = max(1, round(options.mixed_share * len(inputs))), inputs.device
    chosen = torch.randint(len(trusted_labels), (n,), generator=draw).to(device)
    pool = torch.cat([trusted_inputs[chosen], inputs[:n], strong[:n]])  # (3n, ...)
    trusted_targets = F.one_hot(trusted_labels[chosen], pseudo.shape[1]).float()
    targets = torch.cat([trusted_targets, pseudo[:n], pseudo[:n]])
    closeness = torch.rand(3 * n, generator=draw).square() / 2  # S1's code, in place of Beta(0.5, 0.5)
    own = torch.maximum(closeness, 1.0 - closeness).to(device)
    partner = torch.randperm(3 * n, generator=draw).to(device)
    logits = network(mix_each(pool, partner, own))
    losses = [
        soft_cross_entropy(normalised_logits(third), target).mean()
        for third, target in zip(logits.chunk(3), mix_each(targets, partner, own).chunk(3), strict=True)
    ]
    return losses[0] + options.mixed_weight * (losses[1] + losses[2]) / 2


def _divergence(logits: Tensor, strong_logits: Tensor) -> Tensor:
    """Return (B,) nats from the prediction on the plain view, a constant, to that on the strong one."""
    log_probs = torch.log_softmax(logits.detach().float(), dim=1)
    return (log_probs.exp() * (log_probs - torch.log_softmax(strong_logits.float(), dim=1))).sum(dim=1)


def _tangents(job: Job, state: StageState, options: Options, *, shares: tuple[float, float]) -> Callable[..., Tensor]:
    """Return the function that looks ahead: from the batch and the trusted samples to (B, C) derivatives.

    Args:
        job: the scan.
        state: of the stage.
        options: its settings.
        shares: this rank's of the batch, and of the trusted samples beside it.
    """
    network = next(state.model.children())
    is_sgd = job.train.optimizer == "sgd"  # AdamW has no velocity and no L2 term: a plain gradient step stands for it
    step = LookAhead(
        lr=options.look_ahead_lr,
        momentum=job.train.momentum if is_sgd else 0.0,
        weight_decay=job.train.weight_decay if is_sgd else 0.0,
        shares=shares,
        ranks=job.ranks,
    )

    def velocity(parameter: Tensor) -> Tensor:
        momentum = state.optimizer.state.get(parameter, {}).get("momentum_buffer")
        return torch.zeros_like(parameter) if momentum is None else momentum

    def exact(
        inputs: Tensor, features: Tensor, logits: Tensor, targets: Tensor, trusted_inputs: Tensor, labels: Tensor
    ) -> Tensor:
        del features
        velocities = {name: velocity(parameter) for name, parameter in network.named_parameters()}
        return exact_tangents(
            network,
            inputs.float(),
            logits,
            targets,
            trusted_inputs.float(),
            labels,
            step=step,
            velocities=velocities,
        )

    def of_last_layer(
        inputs: Tensor, features: Tensor, logits: Tensor, targets: Tensor, trusted_inputs: Tensor, labels: Tensor
    ) -> Tensor:
        del inputs, logits
        layer = last_layer(network)
        trusted_features = still_features(network, trusted_inputs, precision=job.precision)
        velocities = velocity(layer.weight), velocity(layer.bias)
        return last_layer_tangents(layer, features, targets, trusted_features, labels, step=step, velocities=velocities)

    return exact if options.meta == "exact" else of_last_layer


def _drawn_again(job: Job, options: Options) -> AbstractContextManager[None]:
    """Return a context after which random numbers come again: the exact look-ahead needs the same dropout."""
    if options.meta != "exact":
        return nullcontext()
    devices = [job.device] if job.device.type == "cuda" else []
    context: AbstractContextManager[None] = torch.random.fork_rng(devices=devices)
    return context


def _learning_rate(job: Job, options: Options, n_noisy: int) -> Callable[[int], float]:
    """Return the rate as a function of the global step."""
    if options.schedule == "restarts":
        return lambda step: cosine_restarts(
            step, first=options.first_cycle_steps, peak=options.peak_lr, growth=_CYCLE_GROWTH, decay=_CYCLE_DECAY
        )
    steps = job.samples.steps(n_noisy) * options.epochs
    return lambda step: one_cycle(step, steps, peak=options.peak_lr)


def _epochs(options: Options, steps: int) -> int:
    """Return how many epochs of so many steps are trained: to the last fall of the rate that ends in time, if asked."""
    if options.schedule != "restarts" or not options.ends_low:
        return options.epochs
    low, end, length = 0.0, float(options.first_cycle_steps), float(options.first_cycle_steps)
    while end <= options.epochs * steps:
        low, length = end, length * _CYCLE_GROWTH
        end += length
    return math.floor(low / steps) or options.epochs


def _recorded_epochs(options: Options) -> int:
    return round(options.record * options.epochs)


def _require_trusted(job: Job) -> Tensor:
    """Return (N,) bool; say which classes have no trusted sample.

    Raises:
        ConfigError: there is no trusted set, or nothing but trusted samples.
    """
    labels = job.samples.labels
    if job.trusted is None or not job.trusted.any():
        raise ConfigError("method 'ieg' needs a trusted set.", hint="Give --trusted PATH.")
    n = int(job.trusted.sum())
    if len(job.samples) - n < 2 * job.ranks.size:
        raise ConfigError(f"all {n:,} samples are trusted: nothing is left to judge.", hint="Trust a few per class.")
    present, vouched = (int((torch.bincount(of) > 0).sum()) for of in (labels, labels[job.trusted]))
    without = present - vouched
    if without:
        text = (
            f"{count(without, 'class', 'classes')} of {present} without a trusted sample: such labels will look wrong"
        )
        job.on_event(Said("warning", text))
    return job.trusted
