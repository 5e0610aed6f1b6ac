"""An ordinary classifier, trained as a user would: annealed cross-entropy on the given labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import IntN
from labelaudit.core.events import ignore
from labelaudit.functional.schedules import one_cycle
from labelaudit.training.batches import Batch
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import LossFn, outputs
from labelaudit.training.job import Job
from labelaudit.training.models import without_classifier


def train_classifier(job: Job, stage: str, *, epochs: int, peak_lr: float, loss_fn: LossFn | None = None) -> StageState:
    """Return a network after so many epochs of a one-cycle schedule.

    Args:
        job: samples, network and settings.
        stage: name of its random streams.
        epochs: passes over the samples.
        peak_lr: highest rate of the schedule.
        loss_fn: as in `Job.train_epoch`; None is the cross-entropy of the given labels.
    """
    state = job.new_state(stage)
    lr_at = annealed(job.samples.steps() * epochs, peak_lr)
    for _ in range(epochs):
        job.train_epoch(stage, state, loss_fn or cross_entropy, lr_at, epochs=epochs)
    return state


@contextmanager
def announced(job: Job, stage: str, title: str, *, passes: int) -> Iterator[None]:
    """Report what is trained inside as one stage of so many passes over the samples, with its time left."""
    job.plan({stage: passes})
    with job.stage(stage, title, passes):
        yield


def restricted(job: Job, rows: IntN) -> Job:
    """Return the job on some of its samples, in their order, silent and without checkpoints."""
    index = torch.from_numpy(rows).to(job.device)
    samples = replace(job.samples, inputs=job.samples.inputs.take(index), labels=job.samples.labels[index])
    return replace(job, samples=samples, checkpoints=None, on_event=ignore)


def features_of(job: Job, model: nn.Module) -> Tensor:
    """Return (N, D) what the last layer of a trained network is given for each sample, without augmentation."""
    bare = job.build_model("features")
    bare.load_state_dict(model.state_dict())
    batches = job.samples.in_order("plain")
    return outputs(
        without_classifier(bare), batches, len(job.samples), precision=job.precision, on_samples=lambda _: None
    )


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Return (B,) cross-entropies of the given labels."""
    return F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")


def annealed(steps: int, peak_lr: float) -> Callable[[int], float]:
    """Return the one-cycle rate of so many steps as a function of the step."""
    return lambda step: one_cycle(step, steps, peak=peak_lr)
