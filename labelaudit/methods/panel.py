"""Panel: networks trained alike on the given labels, each with a few known-wrong labels planted, judge every label.

The planted labels show what a wrong label looks like on this dataset, with this network, at this budget: the policy
learns from them what a score means (judging/known_wrong.py). Each network gets others, so that every sample is
judged by one that was taught its given label. Later networks get half of theirs along the confusions that earlier ones
saw, because people's mistakes are not uniform. The steps of docs/methods/panel.md are `plant`, `learn` and
`undo_confusions`; the fourth, calibrating, is no training and is done in judging/.

Source:
    Planting: after the threshold samples of Pleiss et al. 2020, "AUM", arXiv:2001.10528, with existing classes instead
    of an extra one. Holding back: the term of Liu et al. 2020 (ELR), arXiv:2007.00151 (S0), eq. 6. What was tried
    instead and why this is the default: docs/methods/panel.md and docs/adr/0010-panel.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.arrays import IntN, Table
from labelaudit.core.evidence import Evidence, Judges, Witness, evidence_from_probs
from labelaudit.core.recipe import require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.losses import clamped_softmax, elr_term, moved_averages
from labelaudit.functional.schedules import one_cycle
from labelaudit.judging.confusions import (
    confident_counts,
    directed_transitions,
    log_odds_of_wrong,
    undone,
)
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn
from labelaudit.training.job import Job
from labelaudit.training.stages import Record, recorder, with_recorded

SUMMARY = "networks that each learn a few known-wrong labels besides, and so can say what a wrong label looks like"

_FEWEST_PLANTED = 300  # labels in each network, where that is not too large a share
_LARGEST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the panel; why these defaults: docs/methods/panel.md."""

    networks: int = 2
    epochs: int = 24  # of each network
    peak_lr: float = 0.1  # highest rate of the one-cycle schedule
    planted: float | None = None  # share of the labels made wrong in each network; None = 300, at least 2 %, at most 20
    along: float = 0.5  # share of the planted labels that follow the confusions seen so far
    elr_weight: float = 0.0  # lambda; holds a network back that could learn every label by heart
    elr_momentum: float = 0.7  # beta
    record: float = 0.33  # share of the epochs, the last ones, whose training passes join the evidence

    def __post_init__(self) -> None:
        """Check ranges."""
        require(1 <= self.networks <= 20, "method.networks", self.networks, "1 to 20")
        require(self.epochs >= 1, "method.epochs", self.epochs, "1 or more")
        require(0 < self.peak_lr <= 10, "method.peak_lr", self.peak_lr, "above 0, at most 10")
        if self.planted is not None:
            require(0 < self.planted <= 0.5, "method.planted", self.planted, "above 0, at most 0.5")
        require(0 <= self.along <= 1, "method.along", self.along, "0 to 1")
        require(self.elr_weight >= 0, "method.elr_weight", self.elr_weight, "0 or more")
        require(0 <= self.elr_momentum < 1, "method.elr_momentum", self.elr_momentum, "0 to 1, below 1")
        require(0 <= self.record <= 1, "method.record", self.record, "0 to 1")


def training_passes(options: Options) -> float:
    """Return how often each sample goes forward and back, to estimate the time; a plain forward counts a third."""
    return options.networks * (options.epochs + 1 / 3)


def run(job: Job, options: Options) -> Evidence:
    """Train the networks one after the other and return what they say of every sample of this rank."""
    names = [f"network{number + 1}" for number in range(options.networks)]
    passes = options.epochs + len(job.samples.inputs.views())
    job.plan(dict.fromkeys(names, passes))
    taught: list[NDArray[np.int64]] = []  # (N,) each
    opinions: list[NDArray[np.float32]] = []  # (M, C) each
    for number, name in enumerate(names):
        labels = plant(job, options, taught, opinions)
        left_behind = job.finished(name)
        if left_behind is None:
            with job.stage(name, f"Network {number + 1} of {options.networks}", passes):
                samples = replace(job.samples, labels=torch.from_numpy(labels).to(job.device))
                left_behind = job.finish(name, {"probs": learn(replace(job, samples=samples), options, name)})
        opinions.append(left_behind["probs"].cpu().numpy())
        taught.append(labels)
    return undo_confusions(job, taught, opinions)


def plant(
    job: Job, options: Options, taught: list[NDArray[np.int64]], opinions: list[NDArray[np.float32]]
) -> NDArray[np.int64]:
    """Choose (N,) labels for the next network: the given ones, and some that are known to be wrong.

    Args:
        job: the scan.
        options: its settings.
        taught: (N,) labels that each earlier network learnt.
        opinions: (M, C) probabilities of each earlier network.
    """
    given = job.samples.labels.cpu().numpy()
    N, C = len(given), job.n_classes  # noqa: N806
    free = np.arange(N) if job.trusted is None else np.flatnonzero(~job.trusted.cpu().numpy())
    share = np.clip(_FEWEST_PLANTED / max(N, 1), 0.02, _LARGEST_SHARE) if options.planted is None else options.planted
    size = min(round(float(share) * N), len(free) // options.networks)
    for earlier in taught:  # nobody's label is replaced twice: somebody must be taught it
        free = free[earlier[free] == given[free]]
    draw = numpy_generator(job.seed, "planted", len(taught))
    confused = _confusions(job, taught, opinions)  # (C, C)
    even = (1.0 - np.eye(C)) / max(C - 1, 1)
    size_along = 0 if confused is None else round(options.along * size)
    evenly = draw.choice(free, size - size_along, replace=False)
    labels = given.copy()
    labels[evenly] = _drawn(even[given[evenly]], draw)
    if confused is not None and size_along:
        rest = np.setdiff1d(free, evenly)
        weight = confused.sum(axis=1)[given[rest]] / np.bincount(given[rest], minlength=C)[given[rest]]
        along = draw.choice(rest, size_along, replace=False, p=weight / weight.sum())
        labels[along] = _drawn(confused[given[along]], draw)
    return labels


def learn(job: Job, options: Options, stage: str) -> Tensor:
    """Train one network on the labels of the job; the result is (M, C), what it thinks of this rank's samples.

    That is the mean of its predictions at the end and of those that it made while it trained in the last epochs.
    """
    state = job.new_state(stage)
    remember = recorder(job, state, epochs=options.epochs, record=options.record)
    if options.elr_weight:
        state.tables["targets"] = torch.zeros(len(job.samples.labels[job.own]), job.n_classes, device=job.device)
    job.resume(stage, state)
    loss = _loss(options, state, remember)
    lr_at = partial(one_cycle, total=options.epochs * job.samples.steps(), peak=options.peak_lr)
    while state.epoch < options.epochs:
        job.train_epoch(stage, state, loss, lr_at, epochs=options.epochs)
        job.show(stage, state.epoch, options.epochs, state.model)
        job.checkpoint(stage, state)
    return with_recorded(job.predict(stage, state.model, job.samples.inputs.views()), state)


def _drawn(weights: Table, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return (P,) a label for each of P rows of (C,) weights."""
    reached = weights.cumsum(axis=1)
    return np.asarray((draw.random((len(weights), 1)) * reached[:, -1:] < reached).argmax(axis=1))


def _confusions(job: Job, taught: list[NDArray[np.int64]], opinions: list[NDArray[np.float32]]) -> Table | None:
    """Weigh how much is taken for what: (C, C), true class by given label; None = nobody has looked yet.

    What flows in one direction, where there is such a thing; otherwise what looks alike. The same on every rank, and
    nowhere 0 beside the diagonal.
    """
    if not opinions:
        return None
    given, C = job.samples.labels[job.own].cpu().numpy(), job.n_classes  # noqa: N806
    probs, _ = _together(job, taught, opinions)
    transitions = directed_transitions(_counts(job, probs, given))
    if transitions is not None:
        confused = transitions * np.bincount(job.samples.labels.cpu().numpy(), minlength=C)[:, None]
    else:
        confused = np.zeros((C, C))
        for label in range(C):
            confused[:, label] = probs[given == label].sum(axis=0, dtype=np.float64)
        confused = job.summed(confused)
    np.fill_diagonal(confused, 0.0)
    confused = confused + 1e-3 * max(float(confused.sum()), 1e-6) * (1.0 - np.eye(C))
    return np.asarray(job.ranks.from_main(confused.tolist()))


def _together(
    job: Job, taught: list[NDArray[np.int64]], opinions: list[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (M, C) the mean opinion of those who were taught the given label, and (J, M) who that was.

    Where nobody was, all are asked.
    """
    given = job.samples.labels[job.own].cpu().numpy()
    kept = np.stack([each[job.own] == given for each in taught])
    weights = np.where(kept.any(axis=0), kept, 1.0).astype(np.float32)
    probs = np.zeros_like(opinions[0])
    for each, weight in zip(opinions, weights, strict=True):
        probs += each * weight[:, None]
    return probs / weights.sum(axis=0)[:, None], weights


def _counts(job: Job, probs: NDArray[np.float32], given: NDArray[np.int64]) -> Table:
    return confident_counts(probs, given, job.n_classes, summed=job.summed)


def _loss(options: Options, state: StageState, record: Record) -> LossFn:
    """Return cross-entropy, with ELR's term where the network is to be held back."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        record(batch, logits)
        losses = F.cross_entropy(logits, batch.labels, reduction="none")
        if not options.elr_weight:
            return losses
        probs, targets = clamped_softmax(logits), state.tables["targets"]
        moved = moved_averages(targets[batch.row], probs, momentum=options.elr_momentum)
        targets[batch.row] = moved  # before it is used, as in ELR
        return losses + options.elr_weight * elr_term(probs, moved)

    return loss


def undo_confusions(job: Job, taught: list[NDArray[np.int64]], opinions: list[NDArray[np.float32]]) -> Evidence:
    """Make evidence of opinions, less the confusions that flow in one direction, if there are any.

    Args:
        job: the scan.
        taught: (N,) labels that each network learnt.
        opinions: (M, C) probabilities of each network.
    """
    given = job.samples.labels[job.own].cpu().numpy()
    labels = np.stack([each[job.own] for each in taught])  # (J, M)
    probs, weights = _together(job, taught, opinions)
    predicted = probs.argmax(axis=1).astype(np.int32)
    transitions = directed_transitions(_counts(job, probs, given))
    if transitions is not None:
        probs = undone(probs, transitions).astype(np.float32)
        scores = [
            log_odds_of_wrong(undone(p, transitions), own, transitions) for p, own in zip(opinions, labels, strict=True)
        ]
    else:
        scores = [-evidence_from_probs(p, own).scores["margin"] for p, own in zip(opinions, labels, strict=True)]
    judges = Judges(np.stack(scores).astype(np.float32), labels.astype(np.int32))
    evidence = (judges.scores * weights).sum(axis=0) / weights.sum(axis=0)
    is_directed = transitions is not None
    network = Witness(evidence.astype(np.float32), predicted, is_taught=True, is_directed=is_directed)
    undone_ones = None if transitions is None else np.round(transitions, 4).tolist()
    return evidence_from_probs(
        probs,
        given,
        stages={"panel": {"transitions": undone_ones}},
        scores={"evidence": evidence.astype(np.float64)},
        judges=judges,
        witnesses={"network": network} if _has_resisted(job, judges, given) else {},
    )


def _has_resisted(job: Job, judges: Judges, given: IntN) -> bool:
    """Whether the networks dispute planted labels; those that learnt them by heart would agree with any label.

    The same on every rank.

    Args:
        job: the scan.
        judges: scores of the (J, M) labels that networks were taught.
        given: (M,) labels.
    """
    planted = judges.labels != given
    caught, number = job.summed(np.array([[float((judges.scores[planted] > 0).sum()), float(planted.sum())]]))[0]
    return bool(caught >= _FEWEST_CAUGHT * number)


_FEWEST_CAUGHT = 0.5  # share of the planted labels that networks must dispute to be heard
