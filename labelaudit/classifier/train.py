"""The engine of a training: which labels and network, then load, train, test and write the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelaudit.classifier.data import TrainingData, find_training_data
from labelaudit.classifier.labels import (
    LABEL_KINDS,
    LabelKind,
    require_classes_left,
    training_labels,
)
from labelaudit.classifier.run import TrainingRun
from labelaudit.classifier.shared import labels_from_main
from labelaudit.classifier.targets import targets_of, with_labels
from labelaudit.classifier.tested import Tested, load_test, read_test
from labelaudit.core.audits import HOME, Audit, find_audit
from labelaudit.core.dataset import Dataset, fingerprint
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.files import plain
from labelaudit.core.model_facts import ModelFacts, model_facts_from_dict
from labelaudit.core.recipe import DataSettings, ModelSettings, from_dict, recipe_from_dict
from labelaudit.core.shown import in_shell
from labelaudit.scanning.learn import precision_for, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.network import with_features
from labelaudit.scanning.pace import threads
from labelaudit.scanning.prepare import prepare, prepare_again
from labelaudit.scanning.record import model_facts, opening_facts, recorded
from labelaudit.scanning.request import Prepared, Request
from labelaudit.training.device import choose_rank_device
from labelaudit.training.job import Classifier
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.model_file import StoredModel, build_networks, write_model
from labelaudit.training.ranks import ALONE, Ranks, join_ranks, launched_ranks

DEFAULT_METHOD = "elr+"
_CONFUSION = "confusion.csv"


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training."""

    path: Path  # the model file
    facts: ModelFacts
    labels: str  # what was trained on, for people

    def __repr__(self) -> str:
        return f"<Trained {self.path}: {self.facts.method}, {len(self.facts.classes):,} classes, {self.labels}>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"schema": 1, "path": str(self.path), **{k: v for k, v in self.facts.to_dict().items() if k != "schema"}}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a training was asked to learn and to be tested on."""

    source: Path | str | None  # an audit or a dataset; None = the latest audit here or above
    root: Path | str  # folder that has `.labelaudit/`
    labels: str | None = None  # None = suggested with an audit, else given
    test: Path | str | None = None
    test_embeddings: Path | str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training does, beside its recipe; enough to go on with it."""

    source: str
    root: str
    audit: str | None
    labels: LabelKind
    test: str | None = None
    test_embeddings: str | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """A training that can begin: its folder, what it does, and with which data and recipe."""

    run: TrainingRun
    plan: Plan
    prepared: Prepared


def train_dataset(
    wanted: Wanted,
    request: Request,
    *,
    out: Path | str,
    overwrite: bool,
    resume: bool,
    stop_at: float,
    on_event: EventSink,
) -> Trained:
    """Return the model of a new training, or of a stopped one that goes on, by all ranks that are at work.

    Args:
        wanted: what to train on, and what to test on.
        request: the settings; those of a training that goes on are its own.
        out: folder for the model.
        overwrite: replace the model that it has.
        resume: go on with its stopped training.
        stop_at: seconds of the monotonic clock after which the first epoch that ends is the last.
        on_event: told what happens, on rank 0.
    """
    here = launched_ranks()
    with join_ranks(choose_rank_device(request.device, here.local_rank, here.size)) as ranks:
        if not ranks.is_main:
            return _follow(ranks)
        training = (
            stopped_training(out)
            if resume
            else new_training(wanted, request, out=out, overwrite=overwrite, ranks=ranks)
        )
        run, plan = training.run, training.plan
        told = {"source": plan.source, "root": plan.root, "checkpoints": str(run.checkpoints_path)}
        ranks.from_main(told | {"recipe": training.prepared.recipe.to_dict()})
        trained = run_training(training, stop_at=stop_at, on_event=on_event, ranks=ranks)
        ranks.from_main({"path": str(trained.path), "facts": trained.facts.to_dict(), "labels": trained.labels})
        return trained


def _follow(ranks: Ranks) -> Trained:
    """Train along with rank 0, which alone writes, maybe on another machine; return what it has written."""
    told = ranks.from_main(None)
    prepared = prepare_again(told["source"], recipe_from_dict(told["recipe"]))
    loaded = _load(prepared, told["root"], ignore, ranks)
    _require_same_samples(fingerprint(loaded.dataset, loaded.content_hashes), ranks)
    train_along(prepared, loaded, Path(told["checkpoints"]), ranks)
    done = ranks.from_main(None)
    return Trained(Path(done["path"]), model_facts_from_dict(done["facts"], source=done["path"]), done["labels"])


def new_training(
    wanted: Wanted, request: Request, *, out: Path | str, overwrite: bool, ranks: Ranks = ALONE
) -> Training:
    """Return a new training, with everything settled that it is to be made with.

    Args:
        wanted: what to train on, and what to test on.
        request: the settings; data and network that are left open are the audit's.
        out: folder for the model.
        overwrite: replace the model that it has.
        ranks: who shares the work.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be trained on.
    """
    found = find_training_data(wanted.source, wanted.root, request.data)
    plan = _plan(found, wanted)
    request = dataclasses.replace(
        request,
        source=plan.source,
        data=found.settings,
        model=_model_settings(found, request),
        method=_method(request.method, plan.labels),
        for_classifier=True,
    )
    prepared = prepare(request, rates=Path(plan.root) / HOME / "cache" / "rates.json", decided=_is_decided(found.audit))
    if plan.test is not None:
        _read_test(plan, prepared)  # a mistake in it must not wait until the samples are read
    facts = opening_facts(plan.source, prepared, ranks) | {"plan": dataclasses.asdict(plan)}
    return Training(TrainingRun.create(out, facts, overwrite=overwrite), plan, prepared)


def stopped_training(out: Path | str) -> Training:
    """Return the stopped training of a folder, with its own settings; ConfigError where there is none."""
    run = TrainingRun.stopped(out)
    plan = from_dict(Plan, run.meta["plan"], prefix="plan.")
    prepared = prepare_again(plan.source, recipe_from_dict(run.meta["recipe"]))
    run.update(status="running", error=None)
    return Training(run, plan, prepared)


def _plan(found: TrainingData, wanted: Wanted) -> Plan:
    """Return what to train on; without a word on the labels they are as suggested where there is an audit."""
    kind = wanted.labels or ("given" if found.audit is None else "suggested")
    if kind not in LABEL_KINDS:
        hint = did_you_mean(kind, LABEL_KINDS) or f"Known: {', '.join(LABEL_KINDS)}."
        raise ConfigError(f"--labels {kind!r} is not known.", hint=hint)
    if kind != "given" and found.audit is None:
        raise ConfigError(
            f"--labels {kind} needs a finished audit of {found.source}.",
            hint=f"Run `labelaudit scan {in_shell(found.source)}` first, or train on --labels given.",
        )
    return Plan(
        source=found.source,
        root=str(found.root),
        audit=None if found.audit is None else str(found.audit.path),
        labels=kind,
        test=None if wanted.test is None else str(wanted.test),
        test_embeddings=None if wanted.test_embeddings is None else str(wanted.test_embeddings),
    )


def _method(method: str | None, kind: LabelKind) -> str:
    """Return the method that was named, or the one that the kind of labels has; ConfigError where the two differ."""
    if kind in ("given", "suggested"):
        return method or DEFAULT_METHOD
    if method not in (None, "split"):
        raise ConfigError(
            f"--labels {kind} has a method of its own, not {method}.", hint="Leave --method or --labels out."
        )
    return "split"


def _model_settings(found: TrainingData, request: Request) -> ModelSettings:
    """Return the network that was asked for, by itself or with a recipe, else the audit's."""
    if found.audit is None or request.recipe is not None or request.model != ModelSettings():
        return request.model
    stored = (found.audit.meta.get("recipe") or {}).get("model") or {}
    return ModelSettings(stored.get("backbone", "auto"), stored.get("weights", "none"))


def _is_decided(audit: Audit | None) -> bool:
    """Whether people decided on labels: then there is something to trust."""
    return audit is not None and any(known.decision != "open" for known in read_decisions(audit).known.values())


def run_training(training: Training, *, stop_at: float, on_event: EventSink, ranks: Ranks = ALONE) -> Trained:
    """Load the samples, train on them, and return the model that was written.

    Args:
        training: that can begin.
        stop_at: seconds of the monotonic clock after which the first epoch that ends is the last.
        on_event: told what happens.
        ranks: who shares the work; the others follow.

    Raises:
        DataError: the data changed, or leaves nothing to train on.
        TrainingError: the loss stopped being a number.
    """
    run, plan, prepared = training.run, training.plan, training.prepared
    with recorded(run, on_event) as log:
        log(Said("note", prepared.why))
        for remark in prepared.dataset.remarks:
            log(Said(remark.level, remark.text))
        loaded = _load(prepared, plan.root, log, ranks)
        stamp = fingerprint(loaded.dataset, loaded.content_hashes)
        _require_same_data(run, stamp)
        _require_same_samples(stamp, ranks)
        run.update(fingerprint=stamp)
        audit = None if plan.audit is None else find_audit(plan.audit)
        cache = _pixels(plan.root)
        return train_on(run, plan, prepared, loaded, audit, log, stop_at=stop_at, cache=cache, ranks=ranks)


def _load(prepared: Prepared, root: Path | str, on_event: EventSink, ranks: Ranks) -> Loaded:
    with ranks.in_turn():  # the first on a machine decodes, with all its cores; the others find the pixels
        loaded = load_inputs(prepared.dataset, prepared.recipe, prepared.device, on_event, cache=_pixels(root))
    return with_features(loaded, prepared.recipe, prepared.device, on_event, ranks=ranks)


def _pixels(root: Path | str) -> Path:
    return Path(root) / HOME / "cache" / "pixels"


def _require_same_samples(stamp: str, ranks: Ranks) -> None:
    first = ranks.from_main(stamp)
    if stamp != first:
        raise DataError(f"the data is not that of rank 0: fingerprint {stamp} here, {first} there.")


def train_along(prepared: Prepared, loaded: Loaded, checkpoints: Path, ranks: Ranks) -> None:
    """Train what rank 0 trains in `train_on`, which tests, keeps and writes it.

    Args:
        prepared: the recipe.
        loaded: the samples with their given labels.
        checkpoints: folder of rank 0's.
        ranks: who shares the work.
    """
    labels = labels_from_main(None, ranks)
    if labels is None:
        return
    targets = targets_of(labels, prepared.device)
    learnt = with_labels(loaded, labels)
    with threads(prepared.recipe.train.threads):
        run_method(learnt, prepared, checkpoints=checkpoints, on_event=ignore, ranks=ranks, targets=targets)


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
    ranks: Ranks = ALONE,
) -> Trained:
    """Train on loaded samples, write the model, and return it; other ranks call `train_along`.

    Args:
        run: gets the model.
        plan: which labels, and what to test on.
        prepared: the recipe.
        loaded: the samples with their given labels.
        audit: with the labels that the plan wants.
        log: told what happens.
        stop_at: seconds of the monotonic clock.
        cache: of decoded pixels, for the test data.
        ranks: who shares the work.
    """
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    chosen = training_labels(loaded.dataset, loaded.content_hashes, audit, plan.labels)
    try:
        require_classes_left(chosen, loaded.dataset)
    except DataError:
        labels_from_main(None, ranks)
        raise
    labels_from_main(chosen, ranks)
    log(Said("note", f"labels: {chosen.describe()}"))
    learnt = with_labels(loaded, chosen)
    device, recipe = prepared.device, prepared.recipe
    facts = model_facts(learnt, prepared, 1, labels=plan.labels, fingerprint=stamp)
    tested = _tested(run, plan, prepared, learnt, facts, log, cache=cache)
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
            ranks=ranks,
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


def _tested(
    run: TrainingRun,
    plan: Plan,
    prepared: Prepared,
    learnt: Loaded,
    facts: ModelFacts,
    log: EventSink,
    *,
    cache: Path | None,
) -> Tested | None:
    """Return what tests the classifiers, None where the plan names no test data."""
    if plan.test is None or learnt.inputs is None:
        return None
    dataset, settings = _read_test(plan, prepared)
    test = load_test(dataset, settings, facts, learnt.frozen, prepared.device, log, cache=cache)
    precision = precision_for(learnt.inputs, prepared.recipe, prepared.device)
    return Tested(test, precision, run.checkpoints_path / "tests.json", log)


def _read_test(plan: Plan, prepared: Prepared) -> tuple[Dataset, DataSettings]:
    """Return the labelled data that a plan tests on, and how it is read; ConfigError where its embeddings are missing.

    The settings are those of the training data, without what is trusted there.
    """
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
