"""Rivals that watch a network learn: small loss with a Gaussian mixture, neighbours' labels, AUM, ELR's target."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import BoolN, IntN
from labelaudit.core.evidence import FloatN
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.losses import clamped_softmax, elr_term, moved_averages
from labelaudit.lab.opinion import Opinion, Probs, best_other
from labelaudit.lab.plain_classifier import announced, features_of, train_classifier
from labelaudit.training.batches import Batch
from labelaudit.training.job import Job

# Li et al. 2020, arXiv:2002.07394 (DivideMix), published code: losses scaled to 0..1, ten steps, a floor on variances.
_MIXTURE = {"n_components": 2, "max_iter": 10, "tol": 1e-2, "reg_covar": 5e-4}
_NEIGHBOURS = 10  # Zhu et al. 2022, arXiv:2110.06283 (SimiFeat), k of its experiments
_THRESHOLD_PERCENTILE = 99  # Pleiss et al. 2020, arXiv:2001.10528 (AUM)
# S0, arXiv:2007.00151, published settings of CIFAR-10 (symmetric) and of CIFAR-100: momentum beta, weight lambda.
_ELR, _ELR_MANY_CLASSES = (0.7, 3.0), (0.9, 7.0)
_MANY_CLASSES = 100


def small_loss_opinion(given: IntN, probs: Probs) -> Opinion:
    """Return the small-loss rule: the posterior of a two-component Gaussian mixture on the losses.

    Args:
        given: (N,) labels.
        probs: (N, C) of the trained network, images not augmented.
    """
    losses = -np.log(np.maximum(probs[np.arange(len(given)), given].astype(np.float64), 1e-12))
    scaled = ((losses - losses.min()) / max(float(np.ptp(losses)), 1e-12))[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten steps need not converge
        mixture = GaussianMixture(**_MIXTURE, random_state=0).fit(scaled)
    clean = mixture.predict_proba(scaled)[:, mixture.means_.ravel().argmin()]
    return Opinion(
        score=losses,
        flagged=clean <= 0.5,
        suggested=best_other(probs, given),
        noise_rate=float(1.0 - clean.mean()),
        clean_prob=np.clip(clean, 0.0, 1.0),
    )


def neighbours_opinion(given: IntN, features: Tensor, probs: Probs) -> Opinion:
    """Return "wrong where the nearest neighbours mostly have another label", each weighted by its cosine similarity.

    Args:
        given: (N,) labels.
        features: (N, D) of the trained network.
        probs: (N, C) of the same network, for suggestions where no neighbour has another label.
    """
    unit = F.normalize(features, dim=1)
    votes = np.zeros_like(probs, dtype=np.float64)
    for start in range(0, len(given), _ROWS_AT_ONCE):
        similarity = unit[start : start + _ROWS_AT_ONCE] @ unit.T
        own = torch.arange(len(similarity), device=unit.device)
        similarity[own, own + start] = -torch.inf
        nearest = similarity.topk(min(_NEIGHBOURS, len(given) - 1), dim=1)
        weights, index = nearest.values.clamp_min(1e-6).cpu().numpy(), nearest.indices.cpu().numpy()
        rows = np.repeat(np.arange(start, start + len(index)), index.shape[1])
        np.add.at(votes, (rows, given[index.ravel()]), weights.ravel())
    votes /= votes.sum(axis=1, keepdims=True)
    agreement = votes[np.arange(len(given)), given]
    flagged = votes.argmax(axis=1) != given
    return Opinion(
        score=1.0 - agreement,
        flagged=flagged,
        suggested=best_other(votes + 1e-6 * probs, given),
        noise_rate=float(flagged.mean()),
        clean_prob=np.clip(agreement, 0.0, 1.0),
    )


_ROWS_AT_ONCE = 1024  # (1024, N) similarities in memory


def margins_opinion(job: Job, *, passes: int, peak_lr: float) -> Opinion:
    """Return AUM: the margin of the given label's logit over the largest other one, averaged over a training.

    Some samples get the label of a class that does not exist; a sample whose margin is no better than that of 99 % of
    them is flagged. Because those cannot be judged in the same training, there are two, each with half of the passes
    and with other threshold samples; a sample's margin is the mean over the trainings that judged it.

    Args:
        job: with one class more than the dataset has, the last one.
        passes: over the samples, both trainings together.
        peak_lr: highest rate of the one-cycle schedule.

    Source:
        Pleiss et al. 2020, arXiv:2001.10528: N / (C + 1) threshold samples. Deviation: the whole
        schedule is averaged over, which is annealed here, where they stop at the first drop of the rate.
    """
    given = job.samples.labels.cpu().numpy()
    N, extra = len(given), job.n_classes - 1  # noqa: N806
    order = numpy_generator(job.seed, "threshold samples").permutation(N)
    size = max(1, N // job.n_classes)
    margin, flagged, judged = np.zeros(N), np.zeros(N, dtype=bool), np.zeros(N)
    probs = np.zeros((N, extra))
    for number in range(2):
        chosen = order[number * size : (number + 1) * size]
        found, own_probs = _margins(job, chosen, number, epochs=max(1, round(passes / 2)), peak_lr=peak_lr)
        threshold = np.percentile(found[chosen], _THRESHOLD_PERCENTILE)
        others = np.setdiff1d(np.arange(N), chosen)
        margin[others] += found[others]
        flagged[others] |= found[others] <= threshold
        judged[others] += 1
        probs += own_probs[:, :extra]
    return Opinion(
        score=-margin / judged,
        flagged=flagged,
        suggested=best_other(probs, given),
        noise_rate=float(flagged.mean()),
    )


def elr_opinion(job: Job, *, passes: int, peak_lr: float) -> Opinion:
    """Return ELR's detector: wrong where the running average of the predictions has another label on top.

    Source:
        S0, arXiv:2007.00151: the loss, and the detector of its published page. Deviation: the schedule is one-cycle.
    """
    momentum, weight = _ELR if job.n_classes < _MANY_CLASSES else _ELR_MANY_CLASSES
    targets = torch.zeros(len(job.samples), job.n_classes, device=job.device)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        probs = clamped_softmax(logits)
        averages = moved_averages(targets[batch.index], probs, momentum=momentum)
        targets[batch.index] = averages
        return F.cross_entropy(logits, batch.labels, reduction="none") + weight * elr_term(probs, averages)

    with announced(job, "elr", "Rival: ELR", passes=passes):
        train_classifier(job, "elr", epochs=passes, peak_lr=peak_lr, loss_fn=loss)
    given, probs = job.samples.labels.cpu().numpy(), targets.cpu().numpy().astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    flagged: BoolN = probs.argmax(axis=1) != given
    confidence: FloatN = np.clip(probs[np.arange(len(given)), given], 0.0, 1.0)
    return Opinion(
        score=1.0 - confidence,
        flagged=flagged,
        suggested=best_other(probs, given),
        noise_rate=float(flagged.mean()),
        clean_prob=confidence,
    )


def train_plainly(job: Job, *, passes: int, peak_lr: float) -> tuple[Probs, Callable[[], Tensor]]:
    """Return (N, C) probabilities of a network trained on the given labels, and what returns its (N, D) features."""
    views = job.samples.inputs.views()
    with announced(job, "plain", "Rival: plain training", passes=passes + len(views)):
        state = train_classifier(job, "plain", epochs=passes, peak_lr=peak_lr)
        probs = job.predict("plain", state.model, views).cpu().numpy()
    return probs, lambda: features_of(job, state.model)


def _margins(job: Job, chosen: IntN, number: int, *, epochs: int, peak_lr: float) -> tuple[FloatN, Probs]:
    """Return (N,) mean margins over a training with some threshold samples, and the mean (N, C) probabilities."""
    labels = job.samples.labels.clone()
    labels[torch.from_numpy(chosen).to(job.device)] = job.n_classes - 1
    margins = torch.zeros(len(labels), device=job.device)
    seen = torch.zeros(len(labels), job.n_classes, device=job.device)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        mine = labels[batch.index]
        with torch.no_grad():
            own = logits.gather(1, mine[:, None])[:, 0]
            others = logits.scatter(1, mine[:, None], -torch.inf)
            margins[batch.index] += own - others.amax(dim=1)
            seen[batch.index] += torch.softmax(logits, dim=1)
        return F.cross_entropy(logits, mine, reduction="none")

    with announced(job, f"margins{number}", f"Rival: AUM, training {number + 1} of 2", passes=epochs):
        train_classifier(job, f"margins{number}", epochs=epochs, peak_lr=peak_lr, loss_fn=loss)
    return (margins / epochs).double().cpu().numpy(), (seen / epochs).cpu().numpy()
