"""cleanlab and "argmax differs": rivals that judge out-of-sample probabilities of five folds."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from labelaudit.core.dataset import IntN
from labelaudit.core.errors import ConfigError
from labelaudit.core.installed import pip_install
from labelaudit.lab.opinion import Opinion, Probs, best_other
from labelaudit.lab.plain_classifier import announced, restricted, train_classifier
from labelaudit.training.job import Job

FOLDS = 5


def epochs_per_fold(passes: int) -> int:
    """Return the epochs of a fold so that all folds together see each sample so many times: each leaves a fifth out."""
    return max(1, round(passes / (FOLDS - 1)))


def cross_validated_probs(job: Job, *, epochs: int, peak_lr: float) -> Probs:
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
    views = job.samples.inputs.views()
    with announced(job, "folds", "Rival: five folds", passes=epochs * (FOLDS - 1) + len(views)):
        for fold, (train, held_out) in enumerate(splits):
            job_in, job_out = (replace(restricted(job, rows), on_event=job.on_event) for rows in (train, held_out))
            state = train_classifier(job_in, f"fold{fold}", epochs=epochs, peak_lr=peak_lr)
            probs[held_out] = job_out.predict(f"fold{fold}", state.model, views).cpu().numpy()
    return probs


def require_cleanlab() -> None:
    """Raise ConfigError where cleanlab is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        raise ConfigError("cleanlab is not installed.", hint=pip_install("bench"))


def cleanlab_opinion(given: IntN, probs: Probs) -> Opinion:
    """Return cleanlab's default filter and its self-confidence ranking."""
    require_cleanlab()
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    quality = np.asarray(get_label_quality_scores(given, probs), dtype=np.float64)
    joint = np.asarray(estimate_joint(given, probs))
    return Opinion(
        score=1.0 - quality,
        # one job: its worker processes would be forks of a process that has threads and signal handlers
        flagged=np.asarray(find_label_issues(given, probs, n_jobs=1), dtype=bool),
        suggested=best_other(probs, given),
        noise_rate=float(1.0 - np.trace(joint) / joint.sum()),
        clean_prob=np.clip(quality, 0.0, 1.0),
    )


def argmax_opinion(given: IntN, probs: Probs) -> Opinion:
    """Return "wrong where the most probable label is another one"."""
    differs = probs.argmax(axis=1) != given
    confidence = np.asarray(probs[np.arange(len(given)), given], dtype=np.float64)
    return Opinion(
        score=1.0 - confidence,
        flagged=differs,
        suggested=best_other(probs, given),
        noise_rate=float(differs.mean()),
        clean_prob=np.clip(confidence, 0.0, 1.0),
    )
