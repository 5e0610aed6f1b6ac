"""`labelaudit train`: the classifier to go home with, on labels that an audit and people have mended."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelaudit.api.load import load
from labelaudit.classifier.data import TrainingData, find_training_data
from labelaudit.classifier.labels import (
    LABEL_KINDS,
    LabelKind,
    require_classes_left,
    training_labels,
)
from labelaudit.classifier.run import TrainingRun
from labelaudit.classifier.targets import targets_of, with_labels
from labelaudit.classifier.tested import Tested, load_test, read_test
from labelaudit.core.audits import HOME, Audit
from labelaudit.core.dataset import Dataset, fingerprint
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.files import plain
from labelaudit.core.model_facts import ModelFacts
from labelaudit.core.recipe import DataSettings, ModelSettings, from_dict, recipe_from_dict
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import tuned_here, within_budget
from labelaudit.scanning.frozen import with_features
from labelaudit.scanning.judges import model_facts
from labelaudit.scanning.learn import precision_for, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.prepare import Prepared, plain_paths, prepare
from labelaudit.scanning.record import AuditLog, opening_facts, recorded
from labelaudit.scanning.tuning import threads
from labelaudit.training.job import Classifier
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.model_file import StoredModel, build_networks, write_model
from labelaudit.training.ranks import ALONE, launched_ranks

DEFAULT_METHOD = "elr+"
_CONFUSION = "confusion.csv"


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training."""

    path: Path  # the model file
    facts: ModelFacts
    labels: str  # what was trained on, for people

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"schema": 1, "path": str(self.path), **{k: v for k, v in self.facts.to_dict().items() if k != "schema"}}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training does, beside its recipe; enough to go on with it."""

    source: str
    root: str
    audit: str | None
    labels: LabelKind
    test: str | None = None
    test_embeddings: str | None = None


def train(
    source: Path | str | None = None,
    *,
    out: Path | str = "model",
    labels: str | None = None,
    method: str | None = None,
    test: Path | str | None = None,
    test_embeddings: Path | str | None = None,
    recipe: Path | str | None = None,
    backbone: str = "auto",
    weights: Path | str = "none",
    budget: str | None = None,
    epochs_scale: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    overrides: Mapping[str, str] | None = None,
    root: Path | str = ".",
    overwrite: bool = False,
    resume: bool = False,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
    **data: Any,
) -> Trained:
    """Train a classifier and write `model.safetensors` and a model card.

    Args:
        source: an audit, or a dataset; None = the latest audit here or above. Of a dataset, the newest finished audit
            below `root` is used.
        out: folder for the model.
        labels: given; suggested, an audit's confident suggestions applied; soft, its probabilities; split, its kept
            labels and for the others the network's own predictions. None = suggested with an audit, else given. What
            people decided goes first.
        method: see `labelaudit.api.methods`; None = elr+. Soft and split have their own.
        test: labelled data to test on after every epoch: its split called test where there is one, else all of it.
        test_embeddings: of the rows of `test`, where the dataset is a table with embeddings.
        recipe: as in `scan`.
        backbone: as in `scan`; "auto" = the audit's.
        weights: as in `scan`.
        budget: as in `scan`.
        epochs_scale: as in `scan`.
        seed: as in `scan`.
        device: as in `scan`.
        overrides: as in `scan`.
        root: folder that has `.labelaudit/`.
        overwrite: replace the model that `out` has.
        resume: go on with the stopped training of `out`; its settings are used.
        stop_after: as in `scan`.
        on_event: told what happens; the default says nothing.
        **data: fields of `DataSettings` that differ from the audit's.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be trained on.
        TrainingError: the loss stopped being a number.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    if budget is not None:
        parse_duration(budget)
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    if launched_ranks().size > 1:
        raise ConfigError("train works in one process.", hint="Start it without torchrun.")
    if resume:
        run = TrainingRun.stopped(out)
        plan = from_dict(Plan, run.meta["plan"], prefix="plan.")
        prepared = prepare(plan.source, recipe=recipe_from_dict(run.meta["recipe"]))
        run.update(status="running", error=None)
    else:
        found = find_training_data(source, root, from_dict(DataSettings, plain_paths(data), prefix="data."))
        plan = _plan(found, labels, test, test_embeddings)
        prepared = prepare(
            plan.source,
            recipe=None if recipe is None else str(recipe),
            data=found.settings,
            model=_model_settings(found, backbone, str(weights), by_recipe=recipe is not None),
            seed=seed,
            device=device,
            method=_method(method, plan.labels),
            epochs_scale=epochs_scale,
            overrides=overrides,
            decided=found.audit is not None
            and any(known.decision != "open" for known in read_decisions(found.audit).known.values()),
        )
        if plan.test is not None:
            _read_test(plan, prepared)  # a mistake in it must not wait until the data is read
        if budget is not None and recipe is None:
            prepared = within_budget(prepared, budget)
        prepared = tuned_here(prepared, Path(plan.root) / HOME / "cache" / "rates.json")
        facts = opening_facts(plan.source, prepared, ALONE) | {"plan": dataclasses.asdict(plan)}
        run = TrainingRun.create(out, facts, overwrite=overwrite)
    with recorded(run, on_event) as log:
        log(Said("note", prepared.why))
        return _run(run, plan, prepared, log, stop_at)


def _plan(found: TrainingData, labels: str | None, test: Path | str | None, test_embeddings: Path | str | None) -> Plan:
    kind = labels or ("given" if found.audit is None else "suggested")
    if kind not in LABEL_KINDS:
        hint = did_you_mean(kind, LABEL_KINDS) or f"Known: {', '.join(LABEL_KINDS)}."
        raise ConfigError(f"--labels {kind!r} is not known.", hint=hint)
    if kind != "given" and found.audit is None:
        raise ConfigError(
            f"--labels {kind} needs a finished audit of {found.source}.",
            hint=f"Run `labelaudit scan {found.source}` first, or train on --labels given.",
        )
    return Plan(
        source=found.source,
        root=str(found.root),
        audit=None if found.audit is None else str(found.audit.path),
        labels=kind,
        test=None if test is None else str(test),
        test_embeddings=None if test_embeddings is None else str(test_embeddings),
    )


def _method(method: str | None, kind: LabelKind) -> str:
    if kind in ("given", "suggested"):
        return method or DEFAULT_METHOD
    if method not in (None, "split"):
        raise ConfigError(
            f"--labels {kind} has a method of its own, not {method}.", hint="Leave --method or --labels out."
        )
    return "split"


def _model_settings(found: TrainingData, backbone: str, weights: str, *, by_recipe: bool) -> ModelSettings:
    """Return the network that was asked for, else the audit's."""
    asked = ModelSettings(backbone, weights)
    if found.audit is None or by_recipe or asked != ModelSettings():
        return asked
    stored = found.audit.meta["recipe"].get("model") or {}
    return ModelSettings(stored.get("backbone", "auto"), stored.get("weights", "none"))


def _run(run: TrainingRun, plan: Plan, prepared: Prepared, log: AuditLog, stop_at: float) -> Trained:
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    cache = Path(plan.root) / HOME / "cache" / "pixels"
    loaded = load_inputs(prepared.dataset, prepared.recipe, prepared.device, log, cache=cache)
    loaded = with_features(loaded, prepared.recipe, prepared.device, log)
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    _require_same_data(run, stamp)
    run.update(fingerprint=stamp)
    audit = None if plan.audit is None else load(plan.audit)
    return train_on(run, plan, prepared, loaded, audit, log, stop_at=stop_at, cache=cache)


def train_on(
    run: TrainingRun,
    plan: Plan,
    prepared: Prepared,
    loaded: Loaded,
    audit: Audit | None,
    log: EventSink,
    *,
    stop_at: float,
    cache: Path | None = None,
) -> Trained:
    """Train on loaded samples, write the model, and return it.

    Args:
        run: gets the model.
        plan: which labels, and what to test on.
        prepared: the recipe.
        loaded: the samples with their given labels.
        audit: with the labels that the plan wants.
        log: told what happens.
        stop_at: seconds of the monotonic clock.
        cache: of decoded pixels, for the test data.
    """
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    chosen = training_labels(loaded.dataset, loaded.content_hashes, audit, plan.labels)
    require_classes_left(chosen, loaded.dataset)
    log(Said("note", f"labels: {chosen.describe()}"))
    learnt = with_labels(loaded, chosen)
    device, recipe = prepared.device, prepared.recipe
    facts = model_facts(learnt, prepared, 1, labels=plan.labels, fingerprint=stamp)
    tested = None
    if plan.test is not None and learnt.inputs is not None:
        dataset, settings = _read_test(plan, prepared)
        test = load_test(dataset, settings, facts, loaded.frozen, device, log, cache=cache)
        precision = precision_for(learnt.inputs, recipe, device)
        tested = Tested(test, precision, run.checkpoints_path / "tests.json", log)
    kept = KeptNetworks(run.checkpoints_path)

    def watch(shown: Classifier) -> None:
        kept(shown)
        if tested is not None:
            tested(shown)

    with threads(recipe.train.threads):
        run_method(
            learnt,
            prepared,
            checkpoints=run.checkpoints_path,
            on_event=log,
            stop_at=stop_at,
            on_classifier=watch,
            targets=targets_of(chosen, device),
        )
    networks = kept.every()
    if not networks:
        raise ConfigError(
            f"method {recipe.method!r} trains no classifier that could be kept.", hint="Use --method elr+."
        )
    metrics: dict[str, Any] = {"labels": dict(chosen.counts or {})}
    model = StoredModel(replace(facts, networks=len(networks)), networks, loaded.frozen)
    if tested is not None:
        built = build_networks(model, device)
        metrics["test"] = tested.report(built, facts)
        tested.write_confusion(built, facts, run.path / _CONFUSION)
    model = replace(model, facts=replace(model.facts, metrics=plain(metrics)))
    write_model(run.model_path, model)
    run.finish(metrics)
    return Trained(run.model_path, model.facts, chosen.describe())


def _read_test(plan: Plan, prepared: Prepared) -> tuple[Dataset, DataSettings]:
    if plan.test is None:
        raise ValueError("nothing to test on")
    stored = prepared.recipe.data
    # What is trusted belongs to the training data; a trusted folder would be tested on, too.
    settings = dataclasses.replace(stored, embeddings=plan.test_embeddings, trusted=None, trusted_per_class=None)
    if stored.embeddings is not None and plan.test_embeddings is None:
        raise ConfigError(
            "--test needs the embeddings of its rows.", hint="Give them with --test-embeddings, .npy or Parquet."
        )
    return read_test(plan.test, settings), settings


def _require_same_data(run: TrainingRun, stamp: str) -> None:
    before = run.meta.get("fingerprint")
    if before not in (None, stamp):
        raise DataError(
            f"the data changed since the training began: fingerprint {before} then, {stamp} now.",
            hint="Train again without --resume.",
        )
