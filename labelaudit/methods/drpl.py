"""DRPL: relabel, split by a mixture on the losses, train again semi-supervised, split again; then the classifier.

Source:
    Ortego et al. 2020, "Towards Robust Learning with Different Label Noise Distributions", arXiv:1912.08741 (S2);
    stage 1 is the joint optimisation of Tanaka et al. 2018, arXiv:1803.11364; the mixture is that of
    Arazo et al. 2019, arXiv:1904.11238. Where paper and published code disagree the code is followed, because the
    published figures come from it: docs/methods/drpl.md lists every such place.

Two settings of one algorithm: the paper's (relabelling with the two regularisers, then pseudo-labels with mixup) and
the fast one, whose regularisers are as light as its budget (annealed cross-entropy, then soft targets on the suspect
side): `PAPER` and the defaults of `Options`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.events import Said
from labelaudit.core.evidence import PUBLISHED_SPLIT, Evidence, evidence_from_probs
from labelaudit.core.recipe import PublishedSchedule, TrainSettings, require
from labelaudit.functional.losses import entropy_term, prior_term, soft_cross_entropy
from labelaudit.functional.mixup import mix
from labelaudit.judging.beta_mixture import fit_beta_mixture, noisy_posterior, published_posterior
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import Record, learning_rate, recorder, with_recorded
from labelaudit.training.streams import torch_generator

SUMMARY = "two stages: relabel, split by a mixture on the losses, train again semi-supervised, split again"
LEANS_ON_TRUSTED = True

_PSEUDO_LABEL_WINDOW = 10  # epochs whose predictions are averaged; S2's published code
_SSL_WARMUP_EPOCHS = 10  # S2's published code trains them and never loads them: see `ssl_warmup`
_SMALLEST_MIXED_BATCH = 6  # S2's published code skips smaller ones


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of DRPL; why these defaults: docs/methods/drpl.md."""

    schedule: Literal["one-cycle", "milestones"] = "one-cycle"  # how the learning rate goes down
    peak_lr: float = 0.1  # highest rate of the one-cycle schedule, first rate of the milestones
    stage1_epochs: int = 24
    stage1_milestones: tuple[int, ...] = ()  # epochs from which the rate is a tenth
    relabel_from: int = 0  # epoch after which soft pseudo-labels replace the given ones; 0 = never
    prior_weight: float = 0.0  # of the class prior term, both stages
    entropy_weight: float = 0.0  # of the entropy term, both stages
    stage1_threshold: float = 0.5  # a sample is kept as labelled where p(noisy) is at most this
    stage2_epochs: int = 24
    stage2_milestones: tuple[int, ...] = ()
    stage2_threshold: float = 0.5  # of the published posterior: what the final training keeps as labelled
    final_epochs: int = (
        0  # of a third training on stage 2's split, for its classifier; 0 = none: an audit wants the split
    )
    final_milestones: tuple[int, ...] = ()
    stage2: Literal["soft-targets", "pseudo-labels"] = "soft-targets"  # what teaches on the suspect side
    uniform_reset: float = 0.2  # share of the pseudo-labels that become uniform after every epoch
    ssl_warmup: bool = False  # start stage 2 from ten epochs on the labelled side, as the paper describes
    mixture: Literal["two-sided", "likelihood", "published"] = "two-sided"  # how losses become p(noisy)
    losses: Literal["plain", "augmented"] = "plain"  # views whose losses the mixture sees; augmented = as published
    record: float = 0.33  # share of a stage's epochs, the last ones, whose training passes join the evidence
    evidence: Literal["mean", "last"] = "mean"  # verdicts from both networks, or from the second alone

    def __post_init__(self) -> None:
        """Check ranges."""
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        require(self.stage1_epochs >= 1, "method.stage1_epochs", self.stage1_epochs, "1 or more")
        require(self.stage2_epochs >= 1, "method.stage2_epochs", self.stage2_epochs, "1 or more")
        require(
            0 <= self.relabel_from < self.stage1_epochs,
            "method.relabel_from",
            self.relabel_from,
            f"0 (never) to {self.stage1_epochs - 1}",
        )
        for name in ("prior_weight", "entropy_weight"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "0 or more")
        require(self.final_epochs >= 0, "method.final_epochs", self.final_epochs, "0 (none) or more")
        for name in ("stage1_threshold", "stage2_threshold"):
            require(0 < getattr(self, name) < 1, f"method.{name}", getattr(self, name), "between 0 and 1")
        require(0 <= self.uniform_reset < 1, "method.uniform_reset", self.uniform_reset, "0 to 1, below 1")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")


def training_passes(options: Options) -> int:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    warmups = _SSL_WARMUP_EPOCHS * (1 + (options.final_epochs > 0)) if options.ssl_warmup else 0
    semi_supervised = options.stage2_epochs + options.final_epochs
    recording = semi_supervised / 3 if options.stage2 == "pseudo-labels" else 0
    return round(options.stage1_epochs + semi_supervised + warmups + recording + 1)


def run(job: Job, options: Options) -> Evidence:
    """Run the stages and return the evidence of the first two for every sample of this rank."""
    job.plan(_passes(job, options))
    n_stages = 3 if options.final_epochs else 2
    first = _stage(
        job, "stage1", f"Stage 1 of {n_stages}: learn, and relabel", options, lambda: _relabelling_stage(job, options)
    )
    noisy1, found1 = _split(job, first["fit_probs"], first["probs"], options)
    labelled = _or_trusted(job, _labelled_side(job, noisy1, first["probs"], options.stage1_threshold))
    second = _stage(
        job,
        "stage2",
        f"Stage 2 of {n_stages}: learn again on the split",
        options,
        lambda: _semi_supervised_stage(job, options, "stage2", labelled, first["probs"]),
    )
    noisy2, found2 = _split(job, second["fit_probs"], second["probs"], options)
    if options.final_epochs:
        _stage(
            job,
            "final",
            "Stage 3 of 3: learn once more, on the new split",
            options,
            lambda: _final_stage(job, options, noisy2, second["probs"]),
        )
    probs = (first["probs"] + second["probs"]) / 2 if options.evidence == "mean" else second["probs"]
    scores = {"stage1_loss": _losses(job, first["probs"]), "stage2_loss": _losses(job, second["probs"])}
    if options.mixture == "published":
        scores |= {
            name: noisy[job.own].double().cpu().numpy()
            for name, noisy in (("stage1_noisy", noisy1), (PUBLISHED_SPLIT, noisy2))
        }
    return evidence_from_probs(
        probs.cpu().numpy(),
        job.samples.labels[job.own].cpu().numpy(),
        stages={"stage1": found1 | {"labelled": int(labelled.sum())}, "stage2": found2},
        scores=scores,
    )


def _stage(
    job: Job, name: str, title: str, options: Options, train: Callable[[], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Train a stage, unless an earlier run that was stopped later has done it; it leaves tables behind."""
    left_behind = job.finished(name)
    if left_behind is not None:
        return left_behind
    with job.stage(name, title, _passes(job, options)[name]):
        return job.finish(name, train())


def _passes(job: Job, options: Options) -> dict[str, int]:
    """Return how often each stage sees every sample."""
    views = len(job.samples.inputs.views())
    warmup = _SSL_WARMUP_EPOCHS if options.ssl_warmup else 0
    passes = {"stage1": options.stage1_epochs + views, "stage2": options.stage2_epochs + warmup + views}
    return passes | ({"final": options.final_epochs + warmup} if options.final_epochs else {})


def _relabelling_stage(job: Job, options: Options) -> dict[str, Tensor]:
    """Train on the given labels; from `relabel_from` on, on the mean of the network's own recent predictions.

    L = L_c + a L_A + b L_H with L_c = -(1/B) sum_i sum_c t_ic ln p_ic; t = y for q epochs, then the mean of the
    predictions of the last ten epochs.
    """
    state = job.new_state("stage1")
    targets = F.one_hot(job.samples.labels[job.own], job.n_classes).float()  # (M, C)
    relabels = options.relabel_from > 0
    if relabels:
        window = torch.zeros(_PSEUDO_LABEL_WINDOW, *targets.shape, dtype=torch.float16, device=job.device)
        state.tables = {"targets": targets, "window": window}
    remember = recorder(job, state, epochs=options.stage1_epochs, record=options.record)
    job.resume("stage1", state)
    lr_at = learning_rate(job, options, epochs=options.stage1_epochs, at=options.stage1_milestones)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        remember(batch, logits)
        if relabels:
            seen = torch.softmax(logits.detach().float(), dim=1)
            state.tables["window"][state.epoch % _PSEUDO_LABEL_WINDOW, batch.row] = seen.half()
            return soft_cross_entropy(logits, state.tables["targets"][batch.row]) + _regulariser(logits, options)
        return F.cross_entropy(logits.float(), batch.labels, reduction="none") + _regulariser(logits, options)

    while state.epoch < options.stage1_epochs:
        job.train_epoch("stage1", state, loss, lr_at, epochs=options.stage1_epochs)
        if relabels and state.epoch >= options.relabel_from:
            seen_epochs = state.tables["window"][: min(state.epoch, _PSEUDO_LABEL_WINDOW)]
            relabelled = seen_epochs.float().mean(dim=0)
            keep = _or_trusted(job, torch.zeros(len(job.samples), dtype=torch.bool, device=job.device))
            state.tables["targets"] = torch.where(keep[job.own, None], targets, relabelled)
        job.checkpoint("stage1", state)
    return _read_out(job, "stage1", state, options)


def _semi_supervised_stage(
    job: Job, options: Options, stage: str, labelled: Tensor, probs: Tensor
) -> dict[str, Tensor]:
    """Train a fresh network: given labels on the labelled side, soft or pseudo-labels on the other."""
    state = _learnt_on_split(job, options, stage, labelled, probs)
    return _read_out(job, stage, state, options)


def _final_stage(job: Job, options: Options, noisy: Tensor, probs: Tensor) -> dict[str, Tensor]:
    """Train the network whose accuracy S2 reports: from scratch, on the split of stage 2's posterior at gamma 2."""
    labelled = _or_trusted(job, _labelled_side(job, noisy, probs, options.stage2_threshold))
    _learnt_on_split(job, options, "final", labelled, probs)
    return {"labelled": labelled[job.own].float()[:, None]}


def _learnt_on_split(job: Job, options: Options, stage: str, labelled: Tensor, probs: Tensor) -> StageState:
    """Return the state of a fresh network after a semi-supervised training; what it learnt last is shown."""
    is_final = stage == "final"
    epochs = options.final_epochs if is_final else options.stage2_epochs
    milestones = options.final_milestones if is_final else options.stage2_milestones
    state = job.new_state(stage)
    state.tables = {"targets": _first_targets(job, options, stage, labelled, probs)}
    if options.stage2 == "pseudo-labels":
        state.tables["seen"] = torch.zeros_like(state.tables["targets"])
    remember = recorder(job, state, epochs=epochs, record=0.0 if is_final else options.record)
    job.resume(stage, state)
    if options.ssl_warmup and not state.epoch:
        _warm_up(job, options, stage, state, labelled)
    lr_at = learning_rate(job, options, epochs=epochs, at=milestones)
    while state.epoch < epochs:
        if options.stage2 == "pseudo-labels":
            draw = torch_generator(job.seed, "mixup", stage, state.epoch)
            job.train_epoch(stage, state, _mixup_loss(state, options, remember, draw), lr_at, epochs=epochs)
            draw = torch_generator(job.seed, "reset", stage, state.epoch)
            _renew_pseudo_labels_(state, options, labelled, draw, own=job.own)
        else:
            job.train_epoch(stage, state, _soft_loss(state, options, remember), lr_at, epochs=epochs)
        if is_final or not options.final_epochs:  # else this network only prepares the last one
            job.show(stage, state.epoch, epochs, state.model)
        job.checkpoint(stage, state)
    return state


def _labelled_side(job: Job, noisy: Tensor, probs: Tensor, threshold: float) -> Tensor:
    """Return (N,) where w = p(noisy | loss) <= gamma, the threshold.

    Deviation from S2: the published table sometimes calls every sample noisy (spec of the mixture: a broad noisy
    component); stage 2 would then learn from random labels alone. Where fewer samples than classes are left, the half
    with the lower losses is kept instead, and said.
    """
    labelled = noisy <= threshold
    kept = int(labelled.sum())
    if kept >= job.n_classes:
        return labelled
    text = f"{kept} samples have p(noisy) of {threshold} or less: the half with the lower losses is kept"
    job.on_event(Said("warning", text))
    losses = job.gathered(torch.from_numpy(_losses(job, probs))).to(job.device)
    return losses <= losses.median()


def _or_trusted(job: Job, labelled: Tensor) -> Tensor:
    """Return (N,) what is labelled, and what the user vouches for whatever its loss."""
    return labelled if job.trusted is None else labelled | job.trusted


def _first_targets(job: Job, options: Options, stage: str, labelled: Tensor, probs: Tensor) -> Tensor:
    """Return (M, C): one-hot given labels on the labelled side; elsewhere the last stage's view, or random labels."""
    given = F.one_hot(job.samples.labels[job.own], job.n_classes).float()
    if options.stage2 == "soft-targets":
        elsewhere = probs
    else:
        own_stream = () if stage == "stage2" else (stage,)
        draw = torch_generator(job.seed, "first-pseudo-labels", *own_stream)
        random_labels = torch.randint(job.n_classes, (len(labelled),), generator=draw)[job.own].to(given.device)
        elsewhere = F.one_hot(random_labels, job.n_classes).float()
    return torch.where(labelled[job.own, None], given, elsewhere)


def _soft_loss(state: StageState, options: Options, remember: Record) -> LossFn:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        remember(batch, logits)
        return soft_cross_entropy(logits, state.tables["targets"][batch.row]) + _regulariser(logits, options)

    return loss


def _mixup_loss(state: StageState, options: Options, remember: Record, draw: torch.Generator) -> LossFn:
    """Return the loss of S2's stages 2 and 3: one forward that records predictions, one on mixed images that learns.

    L = l CE(t_a, p) + (1 - l) CE(t_b, p) + a L_A + b L_H, p the prediction on l x_a + (1 - l) x_b, l ~ Beta(1, 1).

    Both forwards are in train mode, so both move the running statistics of batch norm, as published.
    """

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            unmixed = model(batch.inputs)
            state.tables["seen"][batch.row] = torch.softmax(unmixed.float(), dim=1)
            remember(batch, unmixed)
        B = len(batch.index)  # noqa: N806
        weight = float(torch.rand(1, generator=draw))  # Beta(1, 1) is uniform; one weight per batch
        partner = torch.randperm(B, generator=draw).to(batch.index.device)
        targets = state.tables["targets"][batch.row]
        logits = model(mix(batch.inputs, partner, weight))
        losses = soft_cross_entropy(logits, mix(targets, partner, weight)) + _regulariser(logits, options)
        return losses if B >= _SMALLEST_MIXED_BATCH else losses * 0.0

    return loss


def _renew_pseudo_labels_(
    state: StageState, options: Options, labelled: Tensor, draw: torch.Generator, *, own: slice
) -> None:
    """Give the suspect side this epoch's predictions, and a fresh random share of it uniform labels."""
    seen, targets = state.tables["seen"], state.tables["targets"]
    reset = torch.rand(len(labelled), generator=draw)[own].to(seen.device) < options.uniform_reset
    renewed = torch.where(reset[:, None], torch.full_like(seen, 1.0 / seen.shape[1]), seen)
    state.tables["targets"] = torch.where(labelled[own, None], targets, renewed)


def _warm_up(job: Job, options: Options, stage: str, state: StageState, labelled: Tensor) -> None:
    """Train on the labelled side alone, label the other side by the result, and restart optimiser and schedule."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        losses = F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")
        kept = labelled[batch.index].float()
        return losses * kept / kept.mean().clamp_min(1.0 / len(kept))

    for _ in range(_SSL_WARMUP_EPOCHS):
        job.train_epoch(stage, state, loss, lambda _: options.peak_lr, epochs=_SSL_WARMUP_EPOCHS)
    predicted = job.predict(stage, state.model, ("plain",))
    state.tables["targets"] = torch.where(labelled[job.own, None], state.tables["targets"], predicted)
    fresh = job.new_state(stage)
    state.optimizer.load_state_dict(fresh.optimizer.state_dict())
    state.epoch, state.step = 0, 0


def _regulariser(logits: Tensor, options: Options) -> Tensor | float:
    """Return the weighted class prior and entropy terms of the batch (S2's code: 0.8 prior, 0.4 entropy)."""
    total: Tensor | float = 0.0
    if options.prior_weight:
        total = total + options.prior_weight * prior_term(logits)
    if options.entropy_weight:
        total = total + options.entropy_weight * entropy_term(logits)
    return total


def _read_out(job: Job, stage: str, state: StageState, options: Options) -> dict[str, Tensor]:
    """Return (M, C) probabilities for the mixture's fit and for everything else.

    As published, fit and scores come from two passes with different augmentation; the default reads the image and
    its mirror image once, which is less noisy and the same every time, and averages that with what was recorded.
    """
    if options.losses == "augmented":
        fit_probs = job.predict(stage, state.model, ("augmented",), "fit")
        return {"fit_probs": fit_probs, "probs": job.predict(stage, state.model, ("augmented",), "score")}
    probs = with_recorded(job.predict(stage, state.model, job.samples.inputs.views()), state)
    return {"fit_probs": probs, "probs": probs.clone()}


def _split(job: Job, fit_probs: Tensor, probs: Tensor, options: Options) -> tuple[Tensor, dict[str, Any]]:
    """Return (N,) p(noisy) of every sample under a mixture fitted to the losses of all, and that mixture as data.

    Without evidence (constant losses) nothing is noisy.
    """
    fit_losses, losses = (
        job.gathered(torch.from_numpy(_losses(job, table))).numpy() for table in (fit_probs, probs)
    )  # (N,)
    mixture = fit_beta_mixture(fit_losses, method="robust" if options.mixture == "likelihood" else "published")
    if mixture is None:
        job.on_event(
            Said("warning", "no evidence for or against any label: the losses are all alike, or fewer than ten")
        )
        return torch.zeros(len(losses), device=job.device), {"mixture": None}
    posterior_of = published_posterior if options.mixture == "published" else noisy_posterior
    posterior = posterior_of(mixture, losses)
    return torch.from_numpy(posterior).to(job.device, torch.float32), {
        "mixture": mixture.to_dict(),
        "noise_rate": float(posterior.mean()),
    }


def _losses(job: Job, probs: Tensor) -> Any:
    """Return (M,) cross-entropies in nats of the given labels of this rank's samples."""
    given = job.samples.labels[job.own].cpu().numpy()
    picked = probs.cpu().numpy()[np.arange(len(given)), given].astype(np.float64)
    return -np.log(np.maximum(picked, 1e-12))


def _published(
    stage1: tuple[int, int, tuple[int, ...]],
    stage2: tuple[int, tuple[int, ...]],
    final: tuple[int, tuple[int, ...]],
    threshold: float,
    train: TrainSettings,
    *,
    image_size: int = 32,
    backbone: str = "preact-resnet18",
) -> PublishedSchedule:
    """Return a row: of stage 1 the epochs, q and the milestones, of the others epochs and milestones, gamma 1."""
    options = {
        "schedule": "milestones",
        "peak_lr": 0.1,
        "stage1_epochs": stage1[0],
        "stage1_milestones": stage1[2],
        "relabel_from": stage1[1],
        "prior_weight": 0.8,
        "entropy_weight": 0.4,
        "stage1_threshold": threshold,
        "stage2_epochs": stage2[0],
        "stage2_milestones": stage2[1],
        "stage2": "pseudo-labels",
        "mixture": "published",
        "losses": "augmented",
        "record": 0.0,
        "evidence": "last",
    }
    classifier = {"final_epochs": final[0], "final_milestones": final[1]}
    return PublishedSchedule(options, train, image_size=image_size, backbone=backbone, classifier=classifier)


# S2, arXiv:1912.08741, and the constants of its published code.
_STAGE1, _STAGE2, _FINAL = (100, 40, (45, 80)), (175, (100, 150)), (300, (150, 225))
_IMAGENET = TrainSettings(normalise="imagenet")
PAPER = {
    "cifar10": _published((130, 70, (75, 110)), _STAGE2, _FINAL, 0.1, TrainSettings(normalise="cifar10")),
    "cifar100": _published(_STAGE1, _STAGE2, _FINAL, 0.1, TrainSettings(normalise="cifar100")),
    "imagenet32": _published(_STAGE1, _STAGE2, _FINAL, 0.05, _IMAGENET),
    "imagenet64": _published(_STAGE1, _STAGE2, _FINAL, 0.05, replace(_IMAGENET, crop_padding=8), image_size=64),
    "webvision": _published(
        _STAGE1,
        (150, (100, 125)),
        (200, (150, 175)),
        0.05,
        replace(_IMAGENET, crop_padding=0, crop_margin=32, framing="whole"),
        image_size=224,
        backbone="resnet18",
    ),
}
