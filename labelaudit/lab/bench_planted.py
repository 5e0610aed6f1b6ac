"""The bench of planted errors: what our scan and its rivals find of them, a row at a time."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelaudit.core.dataset import IntN, fingerprint
from labelaudit.core.errors import ConfigError, count
from labelaudit.core.events import EpochFinished, Event, EventSink, Said
from labelaudit.core.findings import Action
from labelaudit.core.recipe import Recipe
from labelaudit.lab.bench_rows import add_row, find_row, make_revision, read_results
from labelaudit.lab.label_files import read_labels_file
from labelaudit.lab.opinion import Opinion, figures
from labelaudit.lab.planting import Planted, plant_noise, require_noise, small_classifier, with_noise
from labelaudit.lab.rivals import Contest, Finished, families, resolve_rivals, run_rivals
from labelaudit.scanning.encode import with_vectors
from labelaudit.scanning.learn import judge_dataset, make_job, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.network import with_features
from labelaudit.scanning.pace import threads, tuned_here
from labelaudit.scanning.prepare import dataset_facts
from labelaudit.scanning.recipes import recipe_for, resolved
from labelaudit.scanning.request import Prepared, default_method
from labelaudit.training.batches import VectorInputs
from labelaudit.training.device import describe_device
from labelaudit.training.job import Job


def bench_planted(
    prepared: Prepared,
    *,
    noise: Sequence[str],
    labels_files: Sequence[str],
    tail: float,
    samples: int | None,
    rivals: Sequence[str],
    seeds: int,
    results: Path,
    fresh: bool,
    on_event: EventSink,
) -> pd.DataFrame:
    """Return one row per noise, seed and method; `labelaudit.api.bench` says what the arguments are.

    Args:
        prepared: the samples, whose labels count as the truth, and the recipe to scan them with.
        noise: as in `bench`.
        labels_files: as in `bench`.
        tail: as in `bench`.
        samples: as in `bench`.
        rivals: as in `bench`.
        seeds: as in `bench`.
        results: file of rows.
        fresh: as in `bench`.
        on_event: told what happens.
    """
    is_pixels = prepared.dataset.kind == "images" and prepared.recipe.model.frozen != "yes"
    names = resolve_rivals(rivals, images=is_pixels)
    if names and prepared.dataset.kind == "probs":
        raise ConfigError("rivals need samples to train on, not probabilities.")
    for text in noise:
        require_noise(text, prepared.dataset)  # before anything slow begins
    loaded = load_inputs(prepared.dataset, prepared.recipe, prepared.device, on_event)
    loaded = with_features(loaded, prepared.recipe, prepared.device, on_event)
    loaded = with_vectors(loaded, prepared, on_event)  # once for all settings
    plans = [_planted_noise(text, tail, samples) for text in noise] + [
        _read_labels(text, loaded) for text in labels_files
    ]
    store = _Store(results, fingerprint(loaded.dataset, loaded.content_hashes), fresh=fresh)
    revisions = {
        plan.setting: _revision(prepared, plan) for plan in plans
    }  # what is asked for, not what it is tuned to
    prepared = tuned_here(prepared)
    on_event(Said("note", prepared.why))
    rows = []
    try:
        with threads(prepared.recipe.train.threads):
            for plan, seed in itertools.product(plans, range(seeds)):
                mine = replace(prepared, recipe=replace(prepared.recipe, seed=seed))
                key = {"data": store.data, "setting": plan.setting, "seed": seed, "revision": revisions[plan.setting]}
                rows += _one_setting(plan, key, mine, loaded, names, store, on_event)
    except KeyboardInterrupt as stop:
        text = f"{count(len(store.written), 'new row')} in {results}; the same command goes on from there"
        raise KeyboardInterrupt(text) from stop
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One kind of noise, still to be planted."""

    setting: str  # part of the key, and what is shown
    plant: Callable[[Loaded, Prepared, EventSink], Planted]
    digest: str = ""  # of the file that the noise comes from


class _Store:
    """The results file, and what was added to it."""

    def __init__(self, path: Path, data: str, *, fresh: bool) -> None:
        self.path, self.data = path, data
        self.written: list[Mapping[str, Any]] = []
        self._before = read_results(path)
        if fresh:
            self._before = self._before.iloc[:0]

    def find(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        return find_row(self._before, key)

    def add(self, row: Mapping[str, Any]) -> None:
        add_row(self.path, row)
        self.written.append(row)


def _one_setting(
    plan: _Plan,
    key: Mapping[str, Any],
    prepared: Prepared,
    loaded: Loaded,
    rivals: Sequence[str],
    store: _Store,
    on_event: EventSink,
) -> list[dict[str, Any]]:
    """Return the rows of one noise and seed: ours, then the rivals'; those that are known are not run."""
    ours = _own_name(prepared.recipe, prepared.dataset.kind)
    rows = {name: store.find({**key, "method": name}) for name in (ours, *rivals)}
    missing = [name for name, row in rows.items() if row is None]
    title = f"{plan.setting}, seed {prepared.recipe.seed}"
    if len(missing) < len(rows):
        on_event(Said("note", f"{title}: {len(rows) - len(missing)} of {len(rows)} rows were in {store.path}"))
    if not missing:
        return [row for row in rows.values() if row is not None]

    planted = plan.plant(loaded, prepared, on_event)
    noisy = with_noise(loaded, planted)
    scanned = _for_samples(prepared, noisy)
    about = _about(prepared, noisy, planted)
    on_event(Said("note", f"{title}: {int(planted.wrong.sum()):,} of {len(planted.given):,} labels are wrong"))

    def keep(name: str, finished: Finished) -> dict[str, Any]:
        measured = figures(finished.opinion, planted.given, planted.true)
        row = {**key, "method": name, **about, **measured, "seconds": finished.seconds, "images": finished.images}
        store.add(row)
        on_event(Said("note", f"{title}, {name}: {_in_short(row)}"))
        return row

    own = rows[ours]
    if own is None:
        rows[ours] = own = keep(ours, _scan(scanned, noisy, on_event))
    contest = _contest(scanned, noisy, passes=max(1, round(own["images"] / len(planted.given))), on_event=on_event)
    for family in families([name for name in missing if name != ours]):
        on_event(Said("note", f"{title}: {' and '.join(family)}, {contest.passes} passes over the samples"))
        for name, finished in run_rivals(contest, family).items():
            rows[name] = keep(name, finished)
    return [row for row in rows.values() if row is not None]


def _own_name(recipe: Recipe, kind: str) -> str:
    """Return "labelaudit fast", with the method where it is not the recipe's own."""
    return f"labelaudit {recipe.name}" + (
        "" if recipe.method == default_method(recipe.name, kind) else f" {recipe.method}"
    )


def _scan(prepared: Prepared, loaded: Loaded, on_event: EventSink) -> Finished:
    """Scan, and return our opinion with the images that were trained on."""
    epochs = 0

    def count_epoch(event: Event) -> None:
        nonlocal epochs
        epochs += isinstance(event, EpochFinished)
        on_event(event)

    started = time.monotonic()
    evidence = run_method(loaded, prepared, checkpoints=None, on_event=count_epoch)
    verdicts = judge_dataset(loaded, evidence, prepared.recipe)
    seconds = time.monotonic() - started
    opinion = Opinion(
        score=1.0 - verdicts.clean_prob.astype(np.float32).astype(np.float64),
        flagged=np.asarray(verdicts.action != Action.KEEP, dtype=bool),
        suggested=verdicts.suggested,
        noise_rate=verdicts.noise_rate,
        clean_prob=verdicts.clean_prob,
        interval=None if verdicts.noise.is_point else (verdicts.noise.low, verdicts.noise.high),
    )
    return Finished(opinion, seconds, epochs * len(loaded.dataset))


def _contest(prepared: Prepared, loaded: Loaded, *, passes: int, on_event: EventSink) -> Contest:
    def job_with(n_classes: int) -> Job:
        assert loaded.inputs is not None  # probabilities have no rivals
        extra = tuple(f"extra {number}" for number in range(n_classes - loaded.dataset.n_classes))
        dataset = replace(loaded.dataset, classes=(*loaded.dataset.classes, *extra))
        return make_job(loaded.inputs, dataset, prepared, checkpoints=None, on_event=on_event)

    return Contest(
        make_job=job_with,
        n_classes=loaded.dataset.n_classes,
        given=loaded.dataset.given,
        passes=passes,
        peak_lr=float(prepared.recipe.options.get("peak_lr", 0.1)),
        backbone=prepared.recipe.model.backbone,
        vectors=loaded.inputs.values if isinstance(loaded.inputs, VectorInputs) else loaded.vectors,
    )


def _planted_noise(text: str, tail: float, samples: int | None) -> _Plan:
    def planted(loaded: Loaded, prepared: Prepared, on_event: EventSink) -> Planted:
        evidence = small_classifier(lambda: loaded, prepared, on_event)
        seed = prepared.recipe.seed
        return plant_noise(loaded.dataset, text, seed=seed, evidence=evidence, tail=tail, samples=samples)

    file = Path(text.rpartition(":")[2]).expanduser()
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    drawn = ("" if tail == 1.0 else f", tail {tail:g}") + ("" if samples is None else f", {samples} samples")
    return _Plan(text.strip() + drawn, planted, digest)


def _read_labels(text: str, loaded: Loaded) -> _Plan:
    given: IntN = read_labels_file(text, loaded.dataset)
    every = np.arange(len(given))
    planted = Planted(every, every, given, loaded.dataset.given, loaded.dataset.classes)
    return _Plan(Path(text).name, lambda *_: planted, hashlib.sha256(given.tobytes()).hexdigest())


def _for_samples(prepared: Prepared, loaded: Loaded) -> Prepared:
    """Return the recipe that a scan of just these samples would choose, for the pixels that are loaded."""
    same_size = len(loaded.dataset) == len(prepared.dataset) and loaded.dataset.n_classes == prepared.dataset.n_classes
    if same_size or prepared.asked is None:
        return prepared
    facts = dataset_facts(loaded.dataset, device=prepared.device.type)
    chosen, why = recipe_for(facts, prepared.asked)
    mine = prepared.recipe
    speed = {name: getattr(mine.train, name) for name in ("precision", "threads", "compile")}  # as tuned
    kept = replace(chosen, seed=mine.seed, data=mine.data, train=replace(chosen.train, **speed))
    return replace(prepared, recipe=resolved(kept, loaded.dataset), why=why)


def _revision(prepared: Prepared, plan: _Plan) -> str:
    """Return a text that differs for other settings, devices and code; the seed is a key of its own."""
    recipe = replace(prepared.recipe, seed=0).to_dict()
    return make_revision({"recipe": recipe, "device": describe_device(prepared.device), "labels": plan.digest})


def _about(prepared: Prepared, loaded: Loaded, planted: Planted) -> dict[str, Any]:
    """Return the columns that describe the setting of a row."""
    return {
        "source": str(prepared.dataset.source),
        "samples": len(planted.given),
        "classes": loaded.dataset.n_classes,
        "wrong": planted.rate,
        "device": describe_device(prepared.device),
    }


def _in_short(row: Mapping[str, Any]) -> str:
    named = ", ".join(f"{name} {row[name]:.4f}" for name in ("auroc", "ap", "p_at_k", "f1"))
    return f"{named}, {row['seconds']:.0f} s"
