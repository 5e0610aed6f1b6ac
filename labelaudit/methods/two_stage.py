"""Two stages: look first, then learn. Heads on vectors relabel, networks learn from the split, and both are witnesses.

Stage 1 asks linear heads and neighbours, on vectors that already know something, about every label; none of them has
seen the label that it speaks of. A label that they dispute clearly is not believed. Stage 2 trains networks on the
samples themselves: on the given label where it is believed, on what stage 1 thinks elsewhere. Networks and heads see
differently, so that their mistakes are not the same; what both dispute is a suspect (judging/disputes.py).

Source:
    The two stages: Ortego et al. 2020, "Towards Robust Learning with Different Label Noise Distributions",
    arXiv:1912.08741 (S2), sections III-B and III-C: relabel all samples, split by a mixture on the loss against the
    given labels, learn with soft labels on the noisy side. Deviations: stage 1 is out of fold on vectors instead of a
    network of its own, and `split` may be by disputes: docs/benchmarks.md has both measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from labelaudit.core.arrays import BoolN, FloatNC, IntN
from labelaudit.core.evidence import Evidence, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.functional.losses import soft_cross_entropy
from labelaudit.functional.schedules import one_cycle
from labelaudit.judging.beta_mixture import fit_beta_mixture, noisy_posterior
from labelaudit.judging.confusions import taught_witness
from labelaudit.judging.disputes import read_disputes
from labelaudit.training.batches import Batch
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.probing import Opinion, look, mean_opinion, unseen_evidence
from labelaudit.training.probing import Options as ProbeOptions
from labelaudit.training.stages import Record, recorder, with_recorded

SUMMARY = "heads on pretrained vectors relabel, networks learn from the split, and both are heard"
LOOKS_FIRST = True


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the two stages; why these defaults: docs/methods/two-stage.md."""

    networks: int = 2  # of the second stage
    epochs: int = 24  # of each network
    peak_lr: float = 0.1  # highest rate of the one-cycle schedule
    split: Literal["disputes", "mixture"] = "disputes"  # by what given labels are not believed in the second stage
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence
    trees: int = 0  # of a forest that looks as well; 300 for tables

    def __post_init__(self) -> None:
        """Check ranges."""
        require(1 <= self.networks <= 20, "method.networks", self.networks, "1 to 20")
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")
        require(0 <= self.trees <= 10_000, "method.trees", self.trees, "0 to 10000")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    return options.networks * (options.epochs + 1 / 3)


def run(job: Job, options: Options) -> Evidence:
    """Run both stages and return what heads and networks say of every sample of this rank."""
    names = [f"network{number + 1}" for number in range(options.networks)]
    passes = options.epochs + len(job.samples.inputs.views())
    job.plan(dict.fromkeys(names, passes))
    opinion = look(job, ProbeOptions(trees=options.trees))
    heads = unseen_evidence(opinion, job.samples.labels.cpu().numpy(), job.n_classes, seed=job.seed)
    targets = relabel(job, opinion, heads, split=options.split)
    probs = torch.zeros_like(targets[job.own])
    for number, name in enumerate(names):
        left_behind = job.finished(name)
        if left_behind is None:
            with job.stage(name, f"Network {number + 1} of {options.networks}", passes):
                left_behind = job.finish(name, {"probs": learn(job, options, name, targets)})
        probs += left_behind["probs"].to(probs) / options.networks
    return hear_both(job, opinion, heads.part(job.own), probs.cpu().numpy())


def relabel(job: Job, opinion: Opinion, heads: Evidence, *, split: Literal["disputes", "mixture"]) -> Tensor:
    """Return (N, C) what networks are to learn: given labels that are believed, the opinion of the heads elsewhere.

    Trusted samples are as any other, so that what is said of them tells how far the scan can be believed.
    """
    given, n_classes = job.samples.labels.cpu().numpy(), job.n_classes
    doubted = _disputed(heads, given, n_classes) if split == "disputes" else _noisy(opinion, given)
    targets = np.eye(n_classes, dtype=np.float32)[given]
    targets[doubted] = np.exp(opinion.log_probs[doubted])
    return torch.from_numpy(targets).to(job.device)


def _disputed(heads: Evidence, given: IntN, n_classes: int) -> BoolN:
    """Return (N,) which labels the heads would rather not believe."""
    every = np.ones(len(given), dtype=np.bool_)
    disputes = read_disputes(heads.witnesses, given, np.bincount(given, minlength=n_classes), counted=every)
    return ~every if disputes is None else disputes.wrong() > 0.5


def _noisy(opinion: Opinion, given: IntN) -> BoolN:
    """Return (N,) which losses belong to the noisy component of a beta mixture."""
    losses = -opinion.log_probs[np.arange(len(given)), given].astype(np.float64)
    mixture = fit_beta_mixture(losses, method="robust")
    return np.zeros(len(given), dtype=np.bool_) if mixture is None else noisy_posterior(mixture, losses) > 0.5


def learn(job: Job, options: Options, stage: str, targets: Tensor) -> Tensor:
    """Train one network on (N, C) targets; the result is (M, C), what it thinks of this rank's samples.

    That is the mean of its predictions at the end and of those that it made while it trained in the last epochs.
    """
    state = job.new_state(stage)
    remember = recorder(job, state, epochs=options.epochs, record=options.record)
    job.resume(stage, state)
    lr_at = partial(one_cycle, total=options.epochs * job.samples.steps(), peak=options.peak_lr)
    while state.epoch < options.epochs:
        job.train_epoch(stage, state, _loss(targets, remember), lr_at, epochs=options.epochs)
        job.show(stage, state.epoch, options.epochs, state.model)
        job.checkpoint(stage, state)
    return with_recorded(job.predict(stage, state.model, job.samples.inputs.views()), state)


def _loss(targets: Tensor, record: Record) -> LossFn:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        record(batch, logits)
        return soft_cross_entropy(logits, targets[batch.index])

    return loss


def hear_both(job: Job, opinion: Opinion, heads: Evidence, probs: FloatNC) -> Evidence:
    """Return the evidence of heads and networks.

    Args:
        job: the scan.
        opinion: of the heads, on all N samples.
        heads: their evidence, on this rank's M.
        probs: (M, C) of the networks.
    """
    given = job.samples.labels[job.own].cpu().numpy()
    network = taught_witness(probs, given, job.n_classes, summed=job.summed)
    return evidence_from_probs(
        mean_opinion([opinion.log_probs[job.own], np.log(np.maximum(probs, _LEAST))]),
        given,
        stages=heads.stages,
        witnesses={**heads.witnesses, "network": network},
    )


_LEAST = 1e-6  # probability: one network alone shall not rule a class out
