"""From loaded samples to evidence and verdicts: what a scan and a benchmark share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labelaudit.core.dataset import Dataset, Probabilities
from labelaudit.core.errors import TrainingError
from labelaudit.core.events import EventSink, Said
from labelaudit.core.evidence import Evidence, joined
from labelaudit.core.recipe import Recipe
from labelaudit.core.seeds import numpy_generator
from labelaudit.judging.out_of_sample import evidence_on_unseen
from labelaudit.judging.policy import Verdicts, judge
from labelaudit.methods.registry import leans_on_trusted, read_options, require_method
from labelaudit.scanning.encode import with_vectors
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.network import network_builder
from labelaudit.scanning.request import Prepared, TimeLimit
from labelaudit.training.batches import Inputs, Samples, VectorInputs
from labelaudit.training.device import choose_precision, describe_device, keep_freed_memory
from labelaudit.training.job import Classifier, Job, Targets
from labelaudit.training.pace import pace_for
from labelaudit.training.ranks import ALONE, Ranks, require_work_for_all
from labelaudit.training.room import Room
from labelaudit.training.timetable import Timetable


def judge_dataset(loaded: Loaded, evidence: Evidence, recipe: Recipe) -> Verdicts:
    """Return what the evidence means for the samples of a loaded dataset."""
    dataset = loaded.dataset
    return judge(
        evidence,
        dataset.given,
        settings=recipe.policy,
        trusted=dataset.trusted,
        conflict=loaded.conflict,
        class_counts=dataset.class_counts(),
        check_trusted=not leans_on_trusted(recipe.method),
    )


def run_method(
    loaded: Loaded,
    prepared: Prepared,
    *,
    checkpoints: Path | None,
    on_event: EventSink,
    stop_at: float = math.inf,
    ranks: Ranks = ALONE,
    on_classifier: Callable[[Classifier], None] | None = None,
    targets: Targets | None = None,
) -> Evidence:
    """Train the recipe's method on loaded samples; probabilities need no training.

    Args:
        loaded: the samples.
        prepared: how.
        checkpoints: folder from where a stopped run goes on; None keeps nothing.
        on_event: told what happens.
        stop_at: seconds of the monotonic clock after which the first epoch that ends is the last.
        ranks: who shares the work.
        on_classifier: shown the networks after every epoch.
        targets: what to train on instead of one label a sample, on the samples' device.
    """
    dataset, recipe = loaded.dataset, prepared.recipe
    if isinstance(dataset.content, Probabilities) or loaded.inputs is None:
        probs = np.asarray(dataset.content.values)  # type: ignore[union-attr]
        draw = numpy_generator(recipe.seed, "other labels")
        return evidence_on_unseen(probs, dataset.given, dataset.n_classes, draw=draw, name="probabilities")
    method = require_method(recipe.method)
    options = read_options(recipe)
    job = make_job(loaded.inputs, dataset, prepared, checkpoints=checkpoints, on_event=on_event, ranks=ranks)
    try:
        seen = with_vectors(loaded, prepared, on_event, ranks=ranks).vectors
        job = replace(job, stop_at=stop_at, on_classifier=on_classifier, targets=targets, vectors=seen)
        evidence = method.run(job, options)
        evidence = of_all_ranks(evidence, job)
        if job.timetable is not None and (kept_time := job.timetable.describe()):
            on_event(Said("warning", kept_time))
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{describe_device(prepared.device)} has too little memory for {recipe.model.backbone} "
            f"and batches of {recipe.train.batch_size}.",
            hint=f"Scan again with -o train.batch_size={max(2, recipe.train.batch_size // 2)}, or smaller images.",
        ) from error
    finally:
        if job.pace is not None:
            job.pace.end()
    return evidence


def make_job(
    inputs: Inputs,
    dataset: Dataset,
    prepared: Prepared,
    *,
    checkpoints: Path | None,
    on_event: EventSink,
    ranks: Ranks = ALONE,
) -> Job:
    """Return the job of a recipe on a device.

    Raises:
        ConfigError: the batches are too small to be divided among the ranks.
    """
    recipe, device = prepared.recipe, prepared.device
    require_work_for_all(ranks, len(dataset), recipe.train.batch_size)
    if device.type == "cpu":
        keep_freed_memory()
    precision = precision_for(inputs, recipe, device)
    compiles = recipe.train.compile == "yes"  # for so many threads
    labels = torch.from_numpy(dataset.given).to(device)
    return Job(
        samples=Samples(inputs, labels, recipe.train.batch_size, precision, recipe.seed, ranks),
        n_classes=dataset.n_classes,
        build_model=network_builder(recipe, inputs, dataset.n_classes, device, on_event),
        train=recipe.train,
        precision=precision,
        seed=recipe.seed,
        trusted=torch.from_numpy(dataset.trusted).to(device) if dataset.trusted.any() else None,
        checkpoints=checkpoints,
        on_event=on_event,
        pace=None if compiles else pace_for(recipe.train.threads, is_alone=ranks.size == 1, device=device),
        room=Room(on_event, may_change=ranks.size == 1),
        timetable=None if ranks.size > 1 else timetable_for(prepared.limit, now=time.monotonic()),
    )


def timetable_for(limit: TimeLimit | None, *, now: float) -> Timetable | None:
    """Return what keeps a training within a limit; None where there is none.

    Args:
        limit: of the whole scan.
        now: seconds of the monotonic clock.
    """
    if limit is None:
        return None
    after = min(max(_JUDGING_SHARE * (limit.ends_at - now), _JUDGING_S), _JUDGING_MOST_S)
    return Timetable(limit.ends_at - after, limit.text)


# Of the time that is left when training begins, for judging and writing what it finds; chosen, not measured.
_JUDGING_SHARE, _JUDGING_S, _JUDGING_MOST_S = 0.06, 2.0, 60.0


def precision_for(inputs: Inputs, recipe: Recipe, device: torch.device) -> torch.dtype:
    """Return what the networks compute in; a perceptron gains nothing from bf16."""
    is_small = isinstance(inputs, VectorInputs)
    return torch.float32 if is_small else choose_precision(device, recipe.train.precision)


def of_all_ranks(own: Evidence, job: Job) -> Evidence:
    """Return the evidence on all samples, from every rank's evidence on its own."""

    def gathered(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return job.gathered(torch.from_numpy(values[0])).numpy()

    return joined([own], together=gathered)
