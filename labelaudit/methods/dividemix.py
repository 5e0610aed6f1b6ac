"""DivideMix: two networks divide the samples for each other by their losses, and learn semi-supervised.

Source:
    Li et al. 2020, "DivideMix: Learning with Noisy Labels as Semi-supervised Learning", arXiv:2002.07394, and its
    published code; what differs: docs/methods/dividemix.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.gaussian_mixture import low_loss_posterior
from labelaudit.functional.losses import prior_term, soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.functional.schedules import milestones, one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import with_recorded
from labelaudit.training.streams import torch_generator

SUMMARY = "two networks that split the samples for each other by a mixture on the losses, and learn semi-supervised"
LEANS_ON_TRUSTED = True

_NETWORKS = 2
_FORWARD = 1 / 3  # of the cost of a training step
_LABELLED_SHARE = 0.75  # of the samples, to estimate the time; known only once losses are


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of DivideMix; why these defaults: docs/methods/dividemix.md."""

    epochs: int = 12  # of each network, with the warm-up
    warmup_epochs: int = 6  # plain cross-entropy before the first division
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of one-cycle, first rate of milestones
    milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    confidence_penalty: bool = True  # reward entropy in the warm-up, so that losses stay spread; published: asymmetric
    threshold: float = 0.5  # a sample is labelled where the other network's p(clean) is above this
    temperature: float = 0.5  # of sharpening; 1 = none
    mixup_alpha: float = 4.0  # of the beta distribution of the weight
    unlabelled_weight: float = 25.0  # lambda_u; the paper has 0 for labels that are confused pairwise
    unlabelled_ramp_epochs: int = 16  # after the warm-up, over which lambda_u grows to its full size; 0 = at once
    views: int = 1  # augmentations of each sample that guess its label together and are mixed

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(
            1 <= self.warmup_epochs <= self.epochs, "method.warmup_epochs", self.warmup_epochs, f"1 to {self.epochs}"
        )
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        require(0 < self.threshold < 1, "method.threshold", self.threshold, "between 0 and 1")
        require(0 < self.temperature <= 1, "method.temperature", self.temperature, "above 0, at most 1")
        require(self.mixup_alpha > 0, "method.mixup_alpha", self.mixup_alpha, "above 0")
        for name in ("unlabelled_weight", "unlabelled_ramp_epochs"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(1 <= self.views <= 8, "method.views", self.views, "1 to 8")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    looks = 3 * options.views * _FORWARD  # a labelled sample by its network; one without a label by both
    mixmatch = _LABELLED_SHARE * (2 * options.views + looks) + _FORWARD  # and a look at all samples to divide them
    return _NETWORKS * (options.warmup_epochs + (options.epochs - options.warmup_epochs) * mixmatch + _FORWARD)


def fast_options(epochs: int) -> dict[str, Any]:
    """Return a schedule whose first half is warm-up."""
    return {"epochs": epochs, "warmup_epochs": max(1, epochs // 2)}


def run(job: Job, options: Options) -> Evidence:
    """Train both networks and return what they think of every sample of this rank."""
    divided = options.epochs - options.warmup_epochs
    passes = _NETWORKS * (options.epochs + divided + len(job.samples.inputs.views()))
    job.plan({"dividemix": passes})
    left_behind = job.finished("dividemix")
    if left_behind is None:
        with job.stage("dividemix", "Learn in two networks that divide the samples for each other", passes):
            left_behind = job.finish("dividemix", _train(job, options))
    return evidence_from_probs(left_behind["probs"].cpu().numpy(), job.samples.labels[job.own].cpu().numpy())


def _train(job: Job, options: Options) -> dict[str, Tensor]:
    """Return (M, C) probabilities; the networks take turns of an epoch each, and `state.epoch` counts the turns.

    They are what both networks think at the end, averaged with what they thought at every division.
    """
    state = job.new_state("dividemix", networks=_NETWORKS)
    networks = list(state.model.children())
    n_own = len(job.samples.labels[job.own])
    if options.epochs > options.warmup_epochs:
        state.tables["clean"] = torch.ones(n_own, _NETWORKS, device=job.device)
        state.tables["recorded"] = torch.zeros(n_own, job.n_classes, device=job.device)
    job.resume("dividemix", state)
    turns = _NETWORKS * options.epochs
    while state.epoch < turns:
        epoch, me = divmod(state.epoch, _NETWORKS)
        if epoch < options.warmup_epochs:
            loss, among = _warmup_loss(networks[me], options), None
        else:
            if me == 0:
                _divide_(job, state, networks)
            loss, among = _mixmatch(job, options, state, networks[me], networks[1 - me], epoch=epoch)
        lr_at = _learning_rate(job, options, state, epoch, among)
        job.train_epoch("dividemix", state, loss, lr_at, epochs=turns, among=among)
        if state.epoch % _NETWORKS == 0:
            job.show("dividemix", state.epoch // _NETWORKS, options.epochs, *networks)
        job.checkpoint("dividemix", state)
    views = job.samples.inputs.views()
    probs = torch.stack([job.predict("dividemix", network, views) for network in networks]).mean(dim=0)
    return {"probs": with_recorded(probs, state)}


def _warmup_loss(network: nn.Module, options: Options) -> LossFn:
    """Return L = CE(y, p) - H(p): the cross-entropy of the given labels, less the entropy where that is asked for."""

    def loss(_: nn.Module, batch: Batch) -> Tensor:
        logits = network(batch.inputs).float()
        losses = F.cross_entropy(logits, batch.labels, reduction="none")
        if options.confidence_penalty:
            log_probs = torch.log_softmax(logits, dim=1)
            losses = losses + (log_probs.exp() * log_probs).sum(dim=1)
        return losses

    return loss


def _divide_(job: Job, state: StageState, networks: list[nn.Module]) -> None:
    """Fill the table of w = p(clean), a column for each network, by a mixture on its losses on unaugmented samples.

    w = P(the component with the lower mean | -ln p[y], scaled to 0..1).

    What the networks think of the samples is added to the record on the way.
    """
    given = job.samples.labels[job.own]
    for column, network in enumerate(networks):
        probs = job.predict("dividemix", network, ("plain",))
        state.tables["recorded"] += probs
        losses = -torch.log(probs.gather(1, given[:, None])[:, 0].clamp_min(1e-12))
        clean = torch.from_numpy(low_loss_posterior(job.gathered(losses).cpu().numpy()))
        state.tables["clean"][:, column] = clean[job.own].to(job.device, torch.float32)


def _mixmatch(
    job: Job, options: Options, state: StageState, network: nn.Module, other: nn.Module, *, epoch: int
) -> tuple[LossFn, Tensor]:
    """Return the loss of one network in its turn, and (N,) which samples are labelled, over which the turn goes.

    L = CE on the mixed labelled part + lambda_u u mean (p - q)^2 on the other + sum_c (1/C) ln(1 / (C m_c)), with m the
    mean prediction; targets are sharpen(w y + (1 - w) p, T) and sharpen(mean of both networks, T).

    The other network's division and its guesses are used, so that no network confirms itself.
    """
    clean = job.gathered(state.tables["clean"])[:, 1 - state.epoch % _NETWORKS].to(job.device)  # (N,)
    if job.trusted is not None:
        clean = torch.where(job.trusted, torch.ones_like(clean), clean)
    labelled = _labelled_side(clean, options.threshold, fewest=max(job.n_classes, _smallest(job)))
    unlabelled = _endless(job, state.epoch, ~labelled)
    mixing = numpy_generator(job.seed, "mixing", "dividemix", state.epoch)
    draw = torch_generator(job.seed, "views and pairs", "dividemix", state.epoch)
    n_steps, steps = job.samples.steps(int(labelled.sum())), itertools.count()

    def loss(_: nn.Module, batch: Batch) -> Tensor:
        other.eval()  # fixed while this one learns, as published
        views = _views(job, batch, options.views, draw)
        targets = _refined(network, views, batch.labels, clean[batch.index], options)
        inputs, labels, n_labelled = [*views], [targets] * options.views, len(targets) * options.views
        more = next(unlabelled, None)
        if more is not None:
            views = _views(job, more, options.views, draw)
            inputs += views
            labels += [_guessed((network, other), views, options)] * options.views
        pixels, soft = torch.cat(inputs), torch.cat(labels)
        share = float(mixing.beta(options.mixup_alpha, options.mixup_alpha))
        share = max(share, 1.0 - share)
        partner = torch.randperm(len(soft), generator=draw).to(soft.device)
        logits = network(mix(pixels, partner, share)).float()
        soft = mix(soft, partner, share)
        losses = soft_cross_entropy(logits[:n_labelled], soft[:n_labelled]).view(options.views, -1).mean(dim=0)
        weight = _unlabelled_weight(options, epoch + next(steps) / n_steps)
        if more is not None and weight:
            losses = losses + weight * F.mse_loss(torch.softmax(logits[n_labelled:], dim=1), soft[n_labelled:])
        return losses + prior_term(logits)

    return loss, labelled


def _labelled_side(clean: Tensor, threshold: float, *, fewest: int) -> Tensor:
    """Return (N,) where p(clean) is above the threshold; at least the better half where those are too few to learn."""
    labelled = clean > threshold
    return labelled if int(labelled.sum()) >= fewest else clean >= clean.median()


def _endless(job: Job, turn: int, among: Tensor) -> Iterator[Batch]:
    """Yield batches of some samples, again and again; none where they are too few for one."""
    if int(among.sum()) >= _smallest(job):
        for times in itertools.count():
            yield from job.samples.shuffled("dividemix", "unlabelled", turn, times, among=among)


def _smallest(job: Job) -> int:
    """Return how many samples a batch has at least: batch norm needs two on every rank."""
    return 2 * job.ranks.size


def _views(job: Job, batch: Batch, n: int, draw: torch.Generator) -> list[Tensor]:
    """Return n augmentations of a batch, the first being its own."""
    return [batch.inputs, *(job.samples.look(batch.index, "augmented", draw) for _ in range(n - 1))]


@torch.no_grad()
def _refined(network: nn.Module, views: list[Tensor], given: Tensor, clean: Tensor, options: Options) -> Tensor:
    """Return (B, C) labels of labelled samples: the given one as far as it is clean, else what the network thinks."""
    thought = _mean_softmax((network,), views)
    one_hot = F.one_hot(given, thought.shape[1]).float()
    return _sharpened(clean[:, None] * one_hot + (1.0 - clean[:, None]) * thought, options.temperature)


@torch.no_grad()
def _guessed(networks: tuple[nn.Module, ...], views: list[Tensor], options: Options) -> Tensor:
    """Return (B, C) labels of the other samples: what both networks think."""
    return _sharpened(_mean_softmax(networks, views), options.temperature)


def _mean_softmax(networks: tuple[nn.Module, ...], views: list[Tensor]) -> Tensor:
    looks = [torch.softmax(network(view).float(), dim=1) for network in networks for view in views]
    return torch.stack(looks).mean(dim=0)


def _sharpened(probs: Tensor, temperature: float) -> Tensor:
    """Return (B, C) probabilities raised to 1 / temperature and scaled to sum to 1."""
    powers = probs ** (1.0 / temperature)
    return powers / powers.sum(dim=1, keepdim=True)


def _unlabelled_weight(options: Options, epoch: float) -> float:
    """Return lambda_u at a 0-based epoch and its fraction: it climbs in a straight line after the warm-up."""
    ramp = options.unlabelled_ramp_epochs
    return options.unlabelled_weight * (min(1.0, (epoch - options.warmup_epochs) / ramp) if ramp else 1.0)


def _learning_rate(
    job: Job, options: Options, state: StageState, epoch: int, among: Tensor | None
) -> Callable[[int], float]:
    """Return the rate of a turn as a function of the global step; turns differ in their number of steps."""
    steps, first = job.samples.steps(None if among is None else int(among.sum())), state.step
    if options.schedule == "one-cycle":
        return lambda step: one_cycle(epoch * steps + step - first, options.epochs * steps, peak=options.peak_lr)
    rate = milestones(epoch + 1, base=options.peak_lr, at=options.milestones)
    return lambda _: rate


def _published(warmup_epochs: int, train: TrainSettings, **options: Any) -> PublishedSchedule:
    """Return 300 epochs with a tenth of the rate from the 151st on."""
    common: dict[str, Any] = {"schedule": "milestones", "peak_lr": 0.02, "epochs": 300, "milestones": (151,)}
    common |= {"warmup_epochs": warmup_epochs, "confidence_penalty": False, "views": 2}
    return PublishedSchedule(common | options, train)


# arXiv:2002.07394, its hyper-parameters for 50 % symmetric noise, and for 40 % asymmetric noise on CIFAR-10.
_CIFAR10 = TrainSettings(batch_size=64, weight_decay=5e-4, normalise="cifar10")
_CIFAR100 = TrainSettings(batch_size=64, weight_decay=5e-4, normalise="cifar100")
PAPER = {
    "cifar10": _published(10, _CIFAR10, unlabelled_weight=25.0),
    "cifar10-asym": _published(10, _CIFAR10, unlabelled_weight=0.0, confidence_penalty=True),
    "cifar100": _published(30, _CIFAR100, unlabelled_weight=150.0),
}
