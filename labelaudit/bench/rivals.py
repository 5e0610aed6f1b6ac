"""What people would use instead, on the same samples, the same network and the same number of training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import BoolN, IntN
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import ignore
from labelaudit.core.verdicts import FloatN
from labelaudit.functional.schedules import one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.job import Job

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rival says of every sample."""

    score: FloatN  # (N,) higher = more likely wrong
    flagged: BoolN  # (N,)
    suggested: IntN  # (N,) the label it would give
    noise_rate: float


def cross_validated_probs(job: Job, *, epochs: int, peak_lr: float) -> NDArray[np.float64]:
    """Return (N, C) probabilities of each sample from a network that was not trained on it.

    Five stratified folds, annealed cross-entropy, mirror images averaged: everything that the scan's own first stage
    does for a better ranking is done here too.

    Args:
        job: samples, network and settings.
        epochs: of each fold.
        peak_lr: highest rate of the one-cycle schedule.
    """
    given = job.samples.labels.cpu().numpy()
    probs = np.zeros((len(given), job.n_classes))
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=job.seed).split(given, given)
    for fold, (train, held_out) in enumerate(splits):
        job_in = _restricted(job, train)
        state = job_in.new_state(f"fold{fold}")
        steps = job_in.samples.steps() * epochs
        for _ in range(epochs):
            job_in.train_epoch(f"fold{fold}", state, _cross_entropy, _annealed(steps, peak_lr), epochs=epochs)
        job_out = _restricted(job, held_out)
        views = job.samples.inputs.views()
        probs[held_out] = job_out.predict(f"fold{fold}", state.model, views).cpu().numpy()
    return probs


def cleanlab_opinion(given: IntN, probs: NDArray[np.float64]) -> Opinion:
    """Return cleanlab's default filter and its self-confidence ranking.

    Raises:
        ConfigError: cleanlab is not installed.
    """
    try:
        from cleanlab.count import estimate_joint
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise ConfigError("cleanlab is not installed.", hint="pip install 'labelaudit[bench]'") from error
    quality = np.asarray(get_label_quality_scores(given, probs), dtype=np.float64)
    joint = np.asarray(estimate_joint(given, probs))
    return Opinion(
        score=1.0 - quality,
        flagged=np.asarray(find_label_issues(given, probs), dtype=bool),
        suggested=probs.argmax(axis=1),
        noise_rate=float(1.0 - np.trace(joint) / joint.sum()),
    )


def argmax_opinion(given: IntN, probs: NDArray[np.float64]) -> Opinion:
    """Return "wrong where the most probable label is another one"."""
    differs = probs.argmax(axis=1) != given
    return Opinion(
        score=1.0 - probs[np.arange(len(given)), given],
        flagged=differs,
        suggested=probs.argmax(axis=1),
        noise_rate=float(differs.mean()),
    )


RIVALS: dict[str, Callable[[IntN, NDArray[np.float64]], Opinion]] = {
    "cleanlab": cleanlab_opinion,
    "argmax": argmax_opinion,
}


def _restricted(job: Job, rows: IntN) -> Job:
    """Return the job on some of its samples, in their order, silent and without checkpoints."""
    index = torch.from_numpy(rows).to(job.device)
    samples = replace(job.samples, inputs=job.samples.inputs.take(index), labels=job.samples.labels[index])
    return replace(job, samples=samples, checkpoints=None, on_event=ignore)


def _cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")


def _annealed(steps: int, peak_lr: float) -> Callable[[int], float]:
    return lambda step: one_cycle(step, steps, peak=peak_lr)
