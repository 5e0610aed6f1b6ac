"""`labelaudit scan`: from a dataset to a finished audit."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

from labelaudit.api.budget import fit_budget, parse_duration
from labelaudit.api.frozen import with_features
from labelaudit.api.inputs import Loaded, load_inputs
from labelaudit.api.network import network_builder
from labelaudit.api.prepare import Prepared, prepare, resolved
from labelaudit.core.audits import Audit, list_audits
from labelaudit.core.dataset import Dataset, Probabilities, fingerprint
from labelaudit.core.errors import ConfigError, DataError, LabelAuditError, StopAsked
from labelaudit.core.events import (
    EpochFinished,
    Event,
    EventSink,
    Said,
    SamplesDone,
    StageFinished,
    StageStarted,
    event_record,
    ignore,
)
from labelaudit.core.findings import build_findings, write_findings
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe, from_dict, recipe_from_dict, with_overrides
from labelaudit.core.verdicts import Verdicts, verdicts_from_probs
from labelaudit.functional.policy import Judgements, judge
from labelaudit.methods.registry import require_method
from labelaudit.sources.urls import resolve_source
from labelaudit.training.batches import Inputs, Samples, VectorInputs
from labelaudit.training.device import choose_precision, choose_rank_device, describe_device, keep_freed_memory
from labelaudit.training.job import Job
from labelaudit.training.ranks import ALONE, RankLost, Ranks, join_ranks, launched_ranks


def scan(
    source: Path | str,
    *,
    recipe: str | None = None,
    backbone: str = "auto",
    weights: str = "none",
    seed: int = 0,
    device: str = "auto",
    budget: str | None = None,
    overrides: Mapping[str, str] | None = None,
    root: Path | str = ".",
    resume: bool = False,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
    **data: Any,
) -> Audit:
    """Find the labels that are probably wrong, and return the finished audit.

    Args:
        source: a folder with one sub-folder per class, or a table (CSV, TSV, Parquet, JSONL).
        recipe: fast, paper, paper:ROW, or a TOML file; None chooses.
        backbone: name of the network; "auto" lets the recipe choose.
        weights: none, default (torchvision's, fetched), or a file.
        seed: same seed, same machine, same findings.
        device: auto, cpu, cuda, cuda:1, mps.
        budget: time for the scan, "5m", "1h" or "max": network, image size and epochs are fitted to it by measuring
            this machine; a recipe that is named wins over it.
        overrides: `key=value` settings that win over the recipe, e.g. `{"stage1_epochs": "10"}`.
        root: folder that gets `.labelaudit/`.
        resume: go on with the last unfinished scan of this source; its settings are used.
        stop_after: stop at the end of the first epoch after this time, "9m"; the audit is then interrupted and can be
            resumed.
        on_event: told what happens; the default says nothing.
        **data: fields of `DataSettings`, e.g. `label_column="species"`.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be audited.
        TrainingError: the loss stopped being a number.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    if budget is not None:
        parse_duration(budget)  # a mistake in it must not wait until the data is read
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    here = launched_ranks()
    with join_ranks(choose_rank_device(device, here.local_rank, here.size)) as ranks:
        if not ranks.is_main:
            return _follow(source, ranks)
        unfinished = _unfinished_audit(root, source)
        if resume or _is_restart_of(unfinished, ranks):
            _require_unfinished(unfinished, root, source)
        elif unfinished is not None:
            on_event(Said("note", f"an earlier scan of {source} was stopped; --resume goes on with it"))
            unfinished = None
        if unfinished is None:
            prepared = prepare(
                source,
                recipe=recipe,
                data=from_dict(DataSettings, data, prefix="data."),
                model=ModelSettings(backbone, weights),
                seed=seed,
                device=device,
                overrides=overrides,
            )
            if budget is not None and recipe is None:
                prepared = _within_budget(prepared, budget, overrides or {})
            audit = Audit.create(root, method=prepared.recipe.method, facts=_opening_facts(source, prepared, ranks))
        else:
            audit = unfinished
            prepared = prepare(source, recipe=recipe_from_dict(audit.meta["recipe"]))
            audit.update(status="running", error=None, **_ranks_fact(ranks))
        with _recorded(audit, on_event) as log:
            ranks.from_main({"audit": str(audit.path), "recipe": prepared.recipe.to_dict()})
            log(Said("note", prepared.why))
            _run(audit, prepared, log, stop_at, ranks)
        return audit


def judge_dataset(loaded: Loaded, verdicts: Verdicts, recipe: Recipe) -> Judgements:
    """Return what the evidence means for the samples of a loaded dataset."""
    dataset = loaded.dataset
    return judge(
        verdicts,
        dataset.given,
        settings=recipe.policy,
        trusted=dataset.trusted,
        conflict=loaded.conflict,
        class_counts=dataset.class_counts(),
    )


def run_method(
    loaded: Loaded,
    prepared: Prepared,
    *,
    checkpoints: Path | None,
    on_event: EventSink,
    stop_at: float = math.inf,
    ranks: Ranks = ALONE,
) -> Verdicts:
    """Train the recipe's method on loaded samples; probabilities need no training."""
    dataset, recipe = loaded.dataset, prepared.recipe
    if isinstance(dataset.content, Probabilities) or loaded.inputs is None:
        return verdicts_from_probs(np.asarray(dataset.content.values), dataset.given)  # type: ignore[union-attr]
    method = require_method(recipe.method)
    options = from_dict(method.Options, recipe.options, prefix="method.")
    job = make_job(loaded.inputs, dataset, prepared, checkpoints=checkpoints, on_event=on_event, ranks=ranks)
    verdicts: Verdicts = method.run(replace(job, stop_at=stop_at), options)
    return verdicts


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
    _require_work_for_all(ranks, len(dataset), recipe.train.batch_size)
    if device.type == "cpu":
        keep_freed_memory()
    is_small = isinstance(inputs, VectorInputs)  # a perceptron gains nothing from bf16
    precision = torch.float32 if is_small else choose_precision(device, recipe.train.precision)
    labels = torch.from_numpy(dataset.given).to(device)
    return Job(
        samples=Samples(inputs, labels, recipe.train.batch_size, precision, recipe.seed, ranks),
        n_classes=dataset.n_classes,
        build_model=network_builder(recipe, inputs, dataset.n_classes, device, on_event),
        train=recipe.train,
        precision=precision,
        seed=recipe.seed,
        checkpoints=checkpoints,
        on_event=on_event,
    )


def _within_budget(prepared: Prepared, budget: str, overrides: Mapping[str, str]) -> Prepared:
    """Return the scan with a recipe fitted to a time; settings that were named still win."""
    fit = fit_budget(prepared, parse_duration(budget))
    if fit is None:
        return prepared
    recipe = resolved(with_overrides(fit.recipe, overrides), prepared.dataset)
    return replace(prepared, recipe=recipe, why=f"budget {budget}: {fit.why}")


def _follow(source: Path | str, ranks: Ranks) -> Audit:
    """Train along with rank 0, which alone writes; return the audit that it says it writes to."""
    told = ranks.from_main(None)
    prepared = prepare(source, recipe=recipe_from_dict(told["recipe"]))
    audit = Audit(told["audit"])
    _learn(audit, prepared, ignore, math.inf, ranks)
    return audit


def _learn(
    audit: Audit, prepared: Prepared, on_event: EventSink, stop_at: float, ranks: Ranks
) -> tuple[Loaded, Verdicts]:
    """Read the samples and train on them: what every rank does."""
    with ranks.in_turn():  # the first on a machine decodes, with all its cores; the others find the pixels
        loaded = load_inputs(
            prepared.dataset, prepared.recipe, prepared.device, on_event, cache=audit.home / "cache" / "pixels"
        )
    loaded = with_features(loaded, prepared.recipe, prepared.device, on_event)
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    if ranks.is_main:
        _require_same_data(audit, stamp)
        audit.update(fingerprint=stamp)
    first = ranks.from_main(stamp)
    if stamp != first:
        raise DataError(f"the data is not that of rank 0: fingerprint {stamp} here, {first} there.")
    verdicts = run_method(
        loaded, prepared, checkpoints=audit.checkpoints_path, on_event=on_event, stop_at=stop_at, ranks=ranks
    )
    return loaded, verdicts


def _run(audit: Audit, prepared: Prepared, log: _Log, stop_at: float, ranks: Ranks) -> None:
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    recipe = prepared.recipe
    loaded, verdicts = _learn(audit, prepared, log, stop_at, ranks)
    judgements = judge_dataset(loaded, verdicts, recipe)
    audit.write_arrays("verdicts", **verdicts.arrays())
    frame = build_findings(
        loaded.dataset,
        content_hashes=loaded.content_hashes,
        clean_prob=judgements.clean_prob,
        suggested=judgements.suggested,
        suggested_prob=judgements.suggested_prob,
        given_prob=verdicts.given_probs,
        loss=verdicts.losses,
        action=judgements.action.tolist(),
        issue=judgements.issue.tolist(),
        detail=loaded.details,
        top_labels=verdicts.top_labels,
        top_probs=verdicts.top_probs,
    )
    write_findings(frame, audit.findings_path)
    audit.update(warnings=log.warnings)
    audit.finish(
        {
            "noise_rate": judgements.noise_rate,
            "mixture": judgements.mixture,
            "stages": verdicts.stages,
            "seconds": log.seconds,
            "peak_memory_mib": _peak_memory_mib(),
        }
    )
    for file in audit.checkpoints_path.iterdir():
        file.unlink()


def _peak_memory_mib() -> int | None:
    """Return the most memory this process has held, None where the system does not tell (Windows)."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (2**20 if sys.platform == "darwin" else 2**10))  # bytes on macOS, KiB elsewhere


def _ranks_fact(ranks: Ranks) -> dict[str, Any]:
    """Return who works on the scan, for audit.json; nothing for a process alone."""
    return {"ranks": {"size": ranks.size, "launch": ranks.launch}} if ranks.launch else {}


def _is_restart_of(audit: Audit | None, ranks: Ranks) -> bool:
    """Whether torchrun started the ranks anew in the middle of this audit."""
    return audit is not None and ranks.restarts > 0 and audit.meta.get("ranks", {}).get("launch") == ranks.launch


def _require_work_for_all(ranks: Ranks, n: int, batch_size: int) -> None:
    smallest = min(n, batch_size) // ranks.size
    if ranks.size > 1 and smallest < _SMALLEST_PART:
        raise ConfigError(
            f"{ranks.size} ranks would work on {smallest} samples each of a batch of {min(n, batch_size)}:"
            f" expected {_SMALLEST_PART} or more.",
            hint="Start fewer processes, or make the batches larger: -o train.batch_size=512.",
        )


_SMALLEST_PART = 8  # samples; DRPL skips mixed batches below 6, and smaller parts spend their time on waiting


def _opening_facts(source: Path | str, prepared: Prepared, ranks: Ranks) -> dict[str, Any]:
    """Return what audit.json says from the start."""
    dataset = prepared.dataset
    return {
        "source": str(source),
        "recipe": prepared.recipe.to_dict(),
        "why": prepared.why,
        "seed": prepared.recipe.seed,
        "device": describe_device(prepared.device),
        "dataset": {
            "kind": dataset.kind,
            "samples": len(dataset),
            "classes": list(dataset.classes),
            "split": dataset.split,
            "set_aside": len(dataset.set_aside),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": np.__version__,
        },
        "threads": torch.get_num_threads(),
        **_ranks_fact(ranks),
    }


def _unfinished_audit(root: Path | str, source: Path | str) -> Audit | None:
    """Return the newest audit of this source if it was stopped and can go on."""
    wanted = resolve_source(source)
    for audit in reversed(list_audits(root)):
        meta = audit.meta
        if resolve_source(meta["source"]) == wanted:
            return audit if meta["status"] in ("running", "interrupted") else None
    return None


def _require_unfinished(audit: Audit | None, root: Path | str, source: Path | str) -> None:
    if audit is None:
        raise ConfigError(
            f"there is no unfinished scan of {source} in {Path(root).absolute()}.",
            hint="Leave --resume out to start one.",
        )


def _require_same_data(audit: Audit, stamp: str) -> None:
    before = audit.meta.get("fingerprint")
    if before not in (None, stamp):
        raise DataError(
            f"the data changed since the scan began: fingerprint {before} then, {stamp} now.",
            hint="Scan again without --resume.",
        )


@dataclass
class _Log:
    """Passes events on, and keeps those that belong in the audit."""

    audit: Audit
    on_event: EventSink
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    place: str = "reading the data"

    def __call__(self, event: Event) -> None:
        if isinstance(event, Said) and event.level == "warning":
            self.warnings.append(event.text)
        if isinstance(event, StageStarted):
            self.place = event.title
        if isinstance(event, EpochFinished):
            self.place = f"{event.stage}, after epoch {event.epoch} of {event.epochs}"
        if isinstance(event, StageFinished):
            self.seconds[event.stage] = round(event.seconds, 3)
        if not isinstance(event, SamplesDone):
            self.audit.append_event(event_record(event))
        self.on_event(event)


@contextmanager
def _recorded(audit: Audit, on_event: EventSink) -> Iterator[_Log]:
    """Leave the audit in a state that says how the scan ended, however it ends."""
    log = _Log(audit, on_event)
    try:
        yield log
    except KeyboardInterrupt as stop:
        by = "as asked for with --stop-after" if isinstance(stop, StopAsked) else "by the user"
        audit.interrupt(f"stopped {by}: {log.place}")
        raise
    except RankLost as error:
        audit.interrupt(error.problem)
        raise
    except LabelAuditError as error:
        audit.fail(error.problem)
        raise
    except BaseException as error:
        audit.fail(f"{type(error).__name__}: {error}")
        raise
