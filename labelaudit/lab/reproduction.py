"""A published setting from its data to its accuracy, which is tested after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from labelaudit.core.audits import HOME
from labelaudit.core.dataset import Dataset, IntN, fingerprint
from labelaudit.core.errors import ConfigError, DataError, TrainingError
from labelaudit.core.events import EpochTested, EventSink, Said
from labelaudit.core.evidence import PUBLISHED_SPLIT, Evidence
from labelaudit.core.recipe import ModelSettings
from labelaudit.lab.epoch_accuracy import EpochAccuracy, accuracies, append_epoch, read_epochs
from labelaudit.lab.planting import small_classifier
from labelaudit.lab.probes import probed_levels
from labelaudit.lab.published_data import Sources, Split, imagenet_order, read_published_split, with_published_noise
from labelaudit.lab.published_schedules import published_recipe, schedule_title, starts_from_weights
from labelaudit.lab.published_tables import Setting
from labelaudit.lab.reproduction_folder import Detected, Reproduction, Run, add_result
from labelaudit.noise.matrices import FloatND
from labelaudit.noise.spec import NoiseSpec
from labelaudit.scanning.learn import make_job, precision_for, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.network import read_model_weights
from labelaudit.scanning.pace import threads, tuned_here
from labelaudit.scanning.paper import published_schedules
from labelaudit.scanning.prepare import dataset_facts, require_trusted
from labelaudit.scanning.recipes import recipe_for, resolved
from labelaudit.scanning.request import Prepared, Request, settle
from labelaudit.sources.arrays import read_matrix
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.device import choose_device, describe_device
from labelaudit.training.job import Classifier
from labelaudit.training.tested import shares_right

_TEST_BATCH = 512  # images
# A barely trained classifier confuses all classes alike: that whose confusions are planted sees half of the samples.
_SHARE_OF_CONFUSION, _STEPS_OF_CONFUSION = 0.5, 6_000
_CALLED_WRONG = 0.5  # of the published posterior after stage 2, above which S2 calls a label wrong: its gamma 2


@dataclass(frozen=True, slots=True)
class Changes:
    """What the user wants otherwise than published."""

    weights: str | None = None  # where networks start: none, default or a file; None = as published, or an error
    backbone: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)  # `key=value` settings
    probes: bool = False  # probe the last network's features, level by level

    def described(self, setting: Setting) -> str:
        """Return "backbone=small, epochs=3" where something is otherwise than published, as weights need not be."""
        has_weights = self.weights not in (None, "none")
        weights = None if has_weights == starts_from_weights(setting) else self.weights
        own = {"weights": weights, "backbone": self.backbone, **self.overrides}
        return ", ".join(f"{key}={value}" for key, value in own.items() if value is not None)


def run_setting(
    setting: Setting,
    sources: Sources,
    run: Run,
    *,
    device: str,
    stop_at: float,
    on_event: EventSink,
    changes: Changes | None = None,
) -> Reproduction:
    """Run a published setting to its end, or to `stop_at`; add a row to the results beside the run, and return it.

    Args:
        setting: what was published.
        sources: the user's copies of its data.
        run: a new one, or one to go on with.
        device: auto, cpu, cuda, cuda:1, mps.
        stop_at: seconds of the monotonic clock; the run stops at the end of the first epoch after it.
        on_event: told what happens.
        changes: what is wanted otherwise than published.

    Raises:
        ConfigError: the paper started from weights, and none are given.
        DataError: the data is not that of the setting.
        StopAsked: `stop_at` is over; a KeyboardInterrupt.
        TrainingError: the method shows no classifier.
    """
    changes = changes or Changes()
    _require_weights(setting, changes, on_event)
    prepared, split, other_test = _prepared(setting, sources, run, choose_device(device), changes, on_event)
    on_event(Said("note", prepared.why))
    for remark in split.train.remarks:
        on_event(Said(remark.level, remark.text))
    loaded = _load(split.train, prepared, on_event)
    tests = [
        None if each is None else _test_samples(each, prepared, loaded, on_event) for each in (split.test, other_test)
    ]
    held_out = None if split.held_out is None else _test_samples(split.held_out, prepared, loaded, on_event)
    run.begin(prepared.recipe, stamp=fingerprint(loaded.dataset, loaded.content_hashes))

    last: list[Classifier] = []
    look = _tester(run, tests, held_out, last, on_event, compiled=prepared.recipe.train.compile == "yes")
    with threads(prepared.recipe.train.threads), run.timed():
        evidence = run_method(
            loaded, prepared, checkpoints=run.checkpoints, on_event=on_event, stop_at=stop_at, on_classifier=look
        )
    curve = read_epochs(run.curve)
    if not curve:
        raise TrainingError(f"method {setting.method!r} shows no classifier: there is nothing to test.")
    test = tests[0]
    levels = _levels(setting, split, loaded, prepared, last, test, on_event) if changes.probes else ()
    done = Reproduction(
        setting=setting,
        accuracy=accuracies(curve),
        seed=run.seed,
        epochs_scale=run.epochs_scale,
        wrong=split.wrong,
        train_samples=len(loaded.dataset),
        test_samples=0 if test is None else len(test),
        seconds=run.seconds,
        recipe=prepared.recipe.name,
        schedule=schedule_title(setting),
        changes=changes.described(setting),
        device=describe_device(prepared.device),
        results=run.folder.parent / "results.csv",
        detected=_detected(split, loaded, evidence),
        levels=levels,
    )
    add_result(done)
    run.finish()
    return done


def _tester(
    run: Run,
    tests: Sequence[Samples | None],
    held_out: Samples | None,
    last: list[Classifier],
    on_event: EventSink,
    *,
    compiled: bool,
) -> Callable[[Classifier], None]:
    """Return what tests a classifier after every epoch, writes the accuracies down, and keeps it in `last`."""

    def shares(shown: Classifier, samples: Samples | None) -> tuple[float | None, float | None]:
        return (None, None) if samples is None else shares_right(shown.models, samples, compiled=compiled)

    def look(shown: Classifier) -> None:
        last[:] = [shown]
        (right, top5), other = (shares(shown, each) for each in tests)
        chosen_by, _ = shares(shown, held_out)
        append_epoch(
            run.curve, EpochAccuracy(shown.stage, shown.epoch, shown.epochs, right or 0.0, chosen_by, top5, *other)
        )
        on_event(EpochTested(shown.stage, shown.epoch, shown.epochs, right or 0.0))

    return look


def _require_weights(setting: Setting, changes: Changes, on_event: EventSink) -> None:
    """Never train from scratch in silence what the paper did not."""
    if not starts_from_weights(setting):
        return
    if changes.weights is None:
        raise ConfigError(
            f"{setting.name}: the paper started from ImageNet's weights.",
            hint="Give --weights default (torchvision's), a file, or none: that starts from scratch, and is said.",
        )
    if changes.weights == "none":
        text = "from scratch, where the paper started from ImageNet's weights: not to be compared"
        on_event(Said("warning", f"{setting.name}: {text}"))


def _detected(split: Split, loaded: Loaded, evidence: Evidence) -> Detected | None:
    """Return what DRPL's published posterior keeps and calls wrong; None for other methods, or where images failed."""
    noisy = evidence.scores.get(PUBLISHED_SPLIT)
    if noisy is None:
        return None
    called = noisy > _CALLED_WRONG
    if split.is_wrong is None or len(split.is_wrong) != len(loaded.dataset) or split.is_wrong.all():
        return Detected(None, None, float(called.mean()))
    kept_wrong = float((~called)[split.is_wrong].mean()) if split.is_wrong.any() else None
    return Detected(float((~called)[~split.is_wrong].mean()), kept_wrong, float(called.mean()))


def _levels(
    setting: Setting,
    split: Split,
    loaded: Loaded,
    prepared: Prepared,
    last: list[Classifier],
    test: Samples | None,
    on_event: EventSink,
) -> tuple[tuple[str, float], ...]:
    """Return the accuracy of linear probes on the last network's features, level by level."""
    if not last or test is None or split.true is None or len(split.true) != len(loaded.dataset):
        on_event(Said("warning", f"{setting.name}: no true labels, or no network at hand, to probe with"))
        return ()
    if loaded.inputs is None:
        raise DataError(f"{loaded.dataset.source}: there is nothing to probe.")
    samples = make_job(loaded.inputs, loaded.dataset, prepared, checkpoints=None, on_event=on_event).samples
    rows = np.flatnonzero(split.true >= 0)
    true = torch.from_numpy(split.true[rows]).to(prepared.device)
    right = replace(samples, inputs=samples.inputs.take(torch.from_numpy(rows)), labels=true)
    return probed_levels(last[0].models[0], right, test, seed=prepared.recipe.seed)


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
    setting: Setting, sources: Sources, run: Run, device: torch.device, changes: Changes, on_event: EventSink
) -> tuple[Prepared, Split, Dataset | None]:
    """Return the published recipe, the samples with their noise, and the other test set if there is one."""
    clean = read_published_split(setting, sources, seed=run.seed)
    prepared = _with_recipe(setting, clean.train, device, run, changes)
    of_classifier = small_classifier(
        lambda: _load(clean.train, prepared, on_event),
        prepared,
        on_event,
        share_of_confusion=_SHARE_OF_CONFUSION,
        steps_of_confusion=max(1, round(_STEPS_OF_CONFUSION * run.epochs_scale)),
    )

    def evidence(spec: NoiseSpec, rows: IntN) -> FloatND:
        if sources.confusion is None:
            return of_classifier(spec, rows)
        return read_confusion(setting, sources.confusion, spec.n_classes)

    split = with_published_noise(
        setting, clean.train, clean.test, seed=run.seed, labels=sources.labels, evidence=evidence
    )
    prepared = replace(prepared, dataset=split.train)
    return prepared if run.recipe is not None else tuned_here(prepared), split, clean.other_test


def read_confusion(setting: Setting, path: str, n_classes: int) -> FloatND:
    """Return a (C, C) confusion matrix of a file, rows and columns as the setting numbers its classes.

    Args:
        setting: of ImageNet32 or ImageNet64, whose files may hold all 1,000 classes in the order of their numbers; what
            is trained on alone may be in the order of `imagenet_classes`.
        path: .npy, Parquet or CSV file.
        n_classes: C.

    Raises:
        DataError: the matrix has another number of classes.
    """
    order = imagenet_order(setting)
    is_whole = len(order) == n_classes
    try:
        values = np.asarray(read_matrix(path, "--confusion", rows=1000 if is_whole else n_classes).values, np.float64)
    except DataError:
        if n_classes == 1000 or not is_whole:
            raise
        values = np.asarray(read_matrix(path, "--confusion", rows=n_classes).values, np.float64)
    if values.shape[0] != values.shape[1]:
        raise DataError(f"{path}: shape {values.shape}; a confusion matrix is square.")
    return values[np.ix_(order, order)] if is_whole and len(values) == 1000 else values


def _with_recipe(setting: Setting, dataset: Dataset, device: torch.device, run: Run, changes: Changes) -> Prepared:
    if run.recipe is not None:
        return Prepared(dataset, run.recipe, f"the recipe of the run that goes on ({run.recipe.name})", device)
    require_trusted(setting.method, dataset)
    name, overrides = published_recipe(setting)
    weights = changes.weights or "none"
    if name.startswith("paper:"):  # weights would bring ImageNet's normalisation with them
        training = published_schedules(setting.method)[name.removeprefix("paper:")].train
        overrides = {"train.normalise": training.normalise, **overrides}
    overrides = overrides | ({"model.backbone": changes.backbone} if changes.backbone else {}) | dict(changes.overrides)
    request = Request(
        dataset.source,
        model=ModelSettings(weights=weights, frozen="no"),
        recipe=name,
        seed=run.seed,
        device=str(device),
        method=setting.method,
        epochs_scale=run.epochs_scale,
        overrides=overrides,
        for_classifier=True,
    )
    asked = settle(request)
    recipe, why = recipe_for(dataset_facts(dataset, device=device.type), asked)
    if setting.schedule:
        scaled = "" if run.epochs_scale == 1 else f"; schedule scaled to {run.epochs_scale:g}"
        title = schedule_title(setting)
        recipe, why = replace(recipe, name=title), f"the schedule of {title}{scaled}"
    prepared = Prepared(dataset, resolved(recipe, dataset), why, device, asked)
    if weights == "default":
        try:
            read_model_weights(prepared.recipe)
        except OSError as error:
            raise ConfigError(
                f"the weights of {prepared.recipe.model.backbone} cannot be fetched: {error}.",
                hint="Fetch them elsewhere and name the file with --weights FILE.",
            ) from error
    return prepared
