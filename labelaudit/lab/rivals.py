"""What people would use instead, on the same samples, the same network and the same number of training images.

Rivals that need the same training share it: a family trains once, and its time counts for each of its rivals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from labelaudit.core.dataset import IntN
from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.lab.obvious import cross_validate_elsewhere
from labelaudit.lab.opinion import Opinion
from labelaudit.lab.rivals_by_folds import (
    FOLDS,
    argmax_opinion,
    cleanlab_opinion,
    cross_validated_probs,
    epochs_per_fold,
    require_cleanlab,
)
from labelaudit.lab.rivals_by_learning import (
    elr_opinion,
    margins_opinion,
    neighbours_opinion,
    small_loss_opinion,
    train_plainly,
)
from labelaudit.lab.rivals_on_vectors import Vectors, boosting_probs, logistic_probs
from labelaudit.training.batches import Pixels
from labelaudit.training.job import Job


@dataclass(frozen=True, slots=True)
class Contest:
    """What every rival starts from."""

    make_job: Callable[[int], Job]  # number of classes -> job on the noisy samples
    n_classes: int
    given: IntN  # (N,)
    passes: int  # what the scan had: how often each sample went forward and back
    peak_lr: float  # highest learning rate of the scan
    backbone: str
    vectors: Tensor | None = None  # (N, D) what the scan looked at first, or the rows of a table

    def job(self) -> Job:
        """Return a job with the classes of the dataset."""
        return self.make_job(self.n_classes)


@dataclass(frozen=True, slots=True)
class Finished:
    """A rival's opinion and what it cost."""

    opinion: Opinion
    seconds: float  # of training and of judging, on the clock
    images: int  # samples that went forward and back


Family = Callable[[Contest, Collection[str]], dict[str, Finished]]


def run_rivals(contest: Contest, names: Sequence[str]) -> dict[str, Finished]:
    """Run the rivals of one family, see `families`, and return their opinions by name."""
    return RIVALS[names[0]](contest, names)


def families(names: Sequence[str]) -> list[list[str]]:
    """Return the rivals in groups that share their training."""
    groups: dict[Family, list[str]] = {}
    for name in names:
        groups.setdefault(RIVALS[name], []).append(name)
    return list(groups.values())


def resolve_rivals(names: Sequence[str], *, images: bool) -> list[str]:
    """Return the rivals that are asked for, each once; "all" stands for every one that the data allows.

    Args:
        names: keys of `RIVALS`, or "all".
        images: whether the samples are images.

    Raises:
        ConfigError: an unknown rival, one that needs images, or one whose package is not installed.
    """
    every = [name for name in RIVALS if name not in (_NEEDS_TABLES if images else _NEEDS_IMAGES)]
    asked = list(dict.fromkeys(each for name in names for each in (every if name == "all" else [name])))
    for name in asked:
        if name not in RIVALS:
            known = f"Known: {', '.join(RIVALS)}, all."
            raise ConfigError(f"rival {name!r} is not known.", hint=did_you_mean(name, RIVALS) or known)
        if name in _NEEDS_IMAGES and not images:
            raise ConfigError(f"rival {name!r} is for images.", hint="Leave it out, or name --rival cleanlab.")
        if name in _NEEDS_TABLES and images:
            raise ConfigError(
                f"rival {name!r} is for tables.", hint="Leave it out, or name --rival embeddings-cleanlab."
            )
    if any("cleanlab" in name for name in asked):
        require_cleanlab()
    return asked


def _cross_validation(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    epochs = epochs_per_fold(contest.passes)
    started = time.monotonic()
    probs = cross_validated_probs(contest.job(), epochs=epochs, peak_lr=contest.peak_lr)
    trained = time.monotonic() - started
    judges = {"cleanlab": cleanlab_opinion, "argmax": argmax_opinion}
    images = _fold_images(contest, epochs)
    return {name: _timed(partial(judges[name], contest.given, probs), trained, images) for name in names}


def _plain_training(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    started = time.monotonic()
    probs, features = train_plainly(contest.job(), passes=contest.passes, peak_lr=contest.peak_lr)
    trained = time.monotonic() - started
    judges: dict[str, Callable[[], Opinion]] = {
        "small-loss": lambda: small_loss_opinion(contest.given, probs),
        "neighbours": lambda: neighbours_opinion(contest.given, features(), probs),
    }
    return {name: _timed(judges[name], trained, contest.passes * len(contest.given)) for name in names}


def _margins(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    job = contest.make_job(contest.n_classes + 1)
    images = 2 * max(1, round(contest.passes / 2)) * len(contest.given)
    judge = partial(margins_opinion, job, passes=contest.passes, peak_lr=contest.peak_lr)
    return {name: _timed(judge, 0.0, images) for name in names}


def _early_learning(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    judge = partial(elr_opinion, contest.job(), passes=contest.passes, peak_lr=contest.peak_lr)
    return {name: _timed(judge, 0.0, contest.passes * len(contest.given)) for name in names}


def _obvious(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    job = contest.job()
    inputs = job.samples.inputs
    if not isinstance(inputs, Pixels):
        raise ConfigError("rival 'cleanlab-obvious' is for images.", hint="Name --rival cleanlab.")
    epochs = epochs_per_fold(contest.passes)
    probs, trained = cross_validate_elsewhere(
        inputs,
        contest.given,
        backbone=contest.backbone,
        n_classes=contest.n_classes,
        device=job.device,
        folds=FOLDS,
        epochs=epochs,
        peak_lr=contest.peak_lr,
        batch_size=job.samples.batch_size,
        seed=job.seed,
    )
    images = _fold_images(contest, epochs)
    return {name: _timed(partial(cleanlab_opinion, contest.given, probs), trained, images) for name in names}


def _on_vectors(contest: Contest, names: Collection[str]) -> dict[str, Finished]:
    if contest.vectors is None:
        raise ConfigError(
            f"rival {min(names)!r} needs vectors.", hint="Scan with a method that looks first, or a table."
        )
    judge = partial(_opinion_on_vectors, contest.given, contest.vectors.cpu().numpy(), seed=contest.job().seed)
    return {name: _timed(partial(judge, name), 0.0, 0) for name in names}


def _opinion_on_vectors(given: IntN, vectors: Vectors, name: str, *, seed: int) -> Opinion:
    probs = {"embeddings-cleanlab": logistic_probs, "boosting-cleanlab": boosting_probs}[name]
    return cleanlab_opinion(given, probs(vectors, given, seed=seed))


def _timed(judge: Callable[[], Opinion], trained: float, images: int) -> Finished:
    """Return an opinion with the seconds of the training that it shares and of its own."""
    started = time.monotonic()
    opinion = judge()
    return Finished(opinion, trained + time.monotonic() - started, images)


def _fold_images(contest: Contest, epochs: int) -> int:
    return round(epochs * (FOLDS - 1) * len(contest.given))


RIVALS: dict[str, Family] = {
    "cleanlab": _cross_validation,
    "argmax": _cross_validation,
    "small-loss": _plain_training,
    "neighbours": _plain_training,
    "aum": _margins,
    "elr": _early_learning,
    "cleanlab-obvious": _obvious,
    "embeddings-cleanlab": _on_vectors,
    "boosting-cleanlab": _on_vectors,
}
_NEEDS_IMAGES = ("cleanlab-obvious",)
_NEEDS_TABLES = ("boosting-cleanlab",)
