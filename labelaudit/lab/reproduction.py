"""A published setting from its data to its accuracy, which is tested after every epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from labelaudit.core.audits import HOME
from labelaudit.core.dataset import Dataset, IntN, fingerprint
from labelaudit.core.errors import ConfigError, DataError, TrainingError
from labelaudit.core.events import EpochTested, EventSink, Said
from labelaudit.lab.epoch_accuracy import EpochAccuracy, accuracies, append_epoch, read_epochs
from labelaudit.lab.planting import small_classifier
from labelaudit.lab.published_data import Split, read_published_split, with_published_noise
from labelaudit.lab.published_tables import Setting
from labelaudit.lab.reproduction_folder import Reproduction, Run, add_result
from labelaudit.noise.matrices import FloatND
from labelaudit.noise.spec import NoiseSpec
from labelaudit.scanning.learn import precision_for, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.pace import threads, tuned_here
from labelaudit.scanning.paper import published_schedules
from labelaudit.scanning.prepare import dataset_facts, require_trusted
from labelaudit.scanning.recipes import recipe_for, resolved
from labelaudit.scanning.request import Prepared, Request, settle
from labelaudit.sources.arrays import read_matrix
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.device import choose_device, describe_device
from labelaudit.training.job import Classifier
from labelaudit.training.tested import share_right

# S4 = Arazo et al. 2019, arXiv:1904.11238, Table 2: cross-entropy and mixup, which have no paper of their own here.
_BASELINE = {
    "schedule": "milestones",
    "epochs": "300",
    "peak_lr": "0.1",
    "milestones": "100,250",
    "model.backbone": "preact-resnet18",
    "data.image_size": "32",
    "train.batch_size": "128",
    "train.weight_decay": "1e-4",
    "train.nesterov": "false",
    "train.crop_padding": "4",
    "train.flip": "true",
    "train.normalise": "cifar10",
}
_BASELINES = {"ce": _BASELINE, "mixup": {**_BASELINE, "alpha": "32"}}
_ROWS = {  # of the published schedules; the others are called as their dataset
    "cifar10n": "cifar10",
    "cifar100n": "cifar100",
    "tinyimagenet": "imagenet64",
    "webvision50": "webvision",
    "webvision-mini": "webvision",
}
_TEST_BATCH = 512  # images
_UNMIXED = ("static-soft", "static-hard", "dy-s", "dy-h")  # variants of bootstrapping with a schedule of their own


@dataclass(frozen=True, slots=True)
class Sources:
    """The user's copy of a published dataset, and where its noise comes from."""

    data: Path  # in its published layout, or folders of classes below train/ and test/
    labels: str | None  # "FILE" or "FILE:COLUMN" of noisy labels made by people
    confusion: str | None  # file of a confusion matrix; None = that of a small classifier


def run_setting(
    setting: Setting, sources: Sources, run: Run, *, device: str, stop_at: float, on_event: EventSink
) -> Reproduction:
    """Run a published setting to its end, or to `stop_at`; add a row to the results beside the run, and return it.

    Args:
        setting: what was published.
        sources: the user's copy of its data.
        run: a new one, or one to go on with.
        device: auto, cpu, cuda, cuda:1, mps.
        stop_at: seconds of the monotonic clock; the run stops at the end of the first epoch after it.
        on_event: told what happens.

    Raises:
        DataError: the data is not that of the setting.
        StopAsked: `stop_at` is over; a KeyboardInterrupt.
        TrainingError: the method shows no classifier.
    """
    prepared, split = _prepared(setting, sources, run, choose_device(device), on_event)
    on_event(Said("note", prepared.why))
    for remark in split.train.remarks:
        on_event(Said(remark.level, remark.text))
    loaded = _load(split.train, prepared, on_event)
    test = _test_samples(split.test, prepared, loaded, on_event)
    held_out = None if split.held_out is None else _test_samples(split.held_out, prepared, loaded, on_event)
    run.begin(prepared.recipe, stamp=fingerprint(loaded.dataset, loaded.content_hashes))

    compiled = prepared.recipe.train.compile == "yes"

    def look(shown: Classifier) -> None:
        chosen_by = None if held_out is None else share_right(shown.models, held_out, compiled=compiled)
        right = share_right(shown.models, test, compiled=compiled)
        append_epoch(run.curve, EpochAccuracy(shown.stage, shown.epoch, shown.epochs, right, chosen_by))
        on_event(EpochTested(shown.stage, shown.epoch, shown.epochs, right))

    with threads(prepared.recipe.train.threads), run.timed():
        run_method(
            loaded, prepared, checkpoints=run.checkpoints, on_event=on_event, stop_at=stop_at, on_classifier=look
        )
    curve = read_epochs(run.curve)
    if not curve:
        raise TrainingError(f"method {setting.method!r} shows no classifier: there is nothing to test.")
    done = Reproduction(
        setting=setting,
        accuracy=accuracies(curve),
        seed=run.seed,
        epochs_scale=run.epochs_scale,
        wrong=split.wrong,
        train_samples=len(loaded.dataset),
        test_samples=len(test),
        seconds=run.seconds,
        recipe=prepared.recipe.name,
        device=describe_device(prepared.device),
        results=run.folder.parent / "results.csv",
    )
    add_result(done)
    run.finish()
    return done


def _test_samples(dataset: Dataset, prepared: Prepared, train: Loaded, on_event: EventSink) -> Samples:
    """Return the samples that every epoch is tested on, normalised as the training samples are."""
    loaded = _load(dataset, prepared, on_event)
    if not isinstance(loaded.inputs, Pixels) or not isinstance(train.inputs, Pixels):
        raise DataError(f"{dataset.source}: published settings are of images; these are {dataset.kind}.")
    inputs = replace(loaded.inputs, scale=train.inputs.scale, shift=train.inputs.shift)
    labels = torch.from_numpy(loaded.dataset.given).to(prepared.device)
    return Samples(inputs, labels, _TEST_BATCH, precision_for(inputs, prepared.recipe, prepared.device), seed=0)


def _load(dataset: Dataset, prepared: Prepared, on_event: EventSink) -> Loaded:
    return load_inputs(dataset, prepared.recipe, prepared.device, on_event, cache=Path(HOME) / "cache" / "pixels")


def _prepared(
    setting: Setting, sources: Sources, run: Run, device: torch.device, on_event: EventSink
) -> tuple[Prepared, Split]:
    """Return the published recipe and the samples with their noise."""
    clean, test = read_published_split(setting, sources.data, seed=run.seed)
    prepared = _with_recipe(setting, clean, device, run)
    of_classifier = small_classifier(lambda: _load(clean, prepared, on_event), prepared, on_event)

    def evidence(spec: NoiseSpec, rows: IntN) -> FloatND:
        if sources.confusion is None:
            return of_classifier(spec, rows)
        return np.asarray(read_matrix(sources.confusion, "--confusion", rows=spec.n_classes).values, dtype=np.float64)

    split = with_published_noise(setting, clean, test, seed=run.seed, labels=sources.labels, evidence=evidence)
    prepared = replace(prepared, dataset=split.train)
    return prepared if run.recipe is not None else tuned_here(prepared), split


def _with_recipe(setting: Setting, dataset: Dataset, device: torch.device, run: Run) -> Prepared:
    if run.recipe is not None:
        return Prepared(dataset, run.recipe, f"the recipe of the run that goes on ({run.recipe.name})", device)
    require_trusted(setting.method, dataset)
    name, overrides = published_recipe(setting)
    request = Request(
        dataset.source,
        recipe=name,
        seed=run.seed,
        device=str(device),
        method=setting.method,
        epochs_scale=run.epochs_scale,
        overrides=overrides,
    )
    asked = settle(request)
    recipe, why = recipe_for(dataset_facts(dataset, device=device.type), asked)
    if setting.method in _BASELINES:
        scaled = "" if run.epochs_scale == 1 else f"; schedule scaled to {run.epochs_scale:g}"
        recipe, why = replace(recipe, name="S4 Table 2"), f"the schedule of S4 Table 2{scaled}"
    return Prepared(dataset, resolved(recipe, dataset), why, device, asked)


def published_recipe(setting: Setting) -> tuple[str, dict[str, str]]:
    """Return the recipe of a setting as `settle` takes it: its name, and settings on top.

    Raises:
        ConfigError: the method has no published schedule for such data.
    """
    options = dict(setting.options)
    if setting.method in _BASELINES:
        return "fast", {**_BASELINES[setting.method], **options}
    rows = published_schedules(setting.method)
    base = _ROWS.get(setting.dataset, setting.dataset)
    kinds = ["-asym"] * setting.noise.startswith("asym") + ["-unmixed"] * (options.get("variant") in _UNMIXED)
    row = next((base + kind for kind in [*kinds, ""] if base + kind in rows), None)
    if row is None:
        raise ConfigError(
            f"{setting.name}: {setting.method} has no published schedule for {base}.",
            hint=f"It has some for {', '.join(rows) or 'nothing'}.",
        )
    return f"paper:{row}", options
