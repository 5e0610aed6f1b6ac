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
from labelaudit.api.inputs import Loaded, load_inputs
from labelaudit.api.network import network_builder
from labelaudit.api.prepare import Prepared, prepare, resolved
from labelaudit.core.audits import Audit, list_audits
from labelaudit.core.dataset import Dataset, Probabilities, Vectors, fingerprint
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
from labelaudit.training.batches import Inputs, Samples
from labelaudit.training.device import choose_precision, describe_device, keep_freed_memory
from labelaudit.training.job import Job


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
    unfinished = _unfinished_audit(root, source)
    if resume:
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
        audit = Audit.create(root, method=prepared.recipe.method, facts=_opening_facts(source, prepared))
    else:
        audit = unfinished
        prepared = prepare(source, recipe=recipe_from_dict(audit.meta["recipe"]))
        audit.update(status="running", error=None)
    with _recorded(audit, on_event) as log:
        log(Said("note", prepared.why))
        _run(audit, prepared, log, stop_at)
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
) -> Verdicts:
    """Train the recipe's method on loaded samples; probabilities need no training."""
    dataset, recipe = loaded.dataset, prepared.recipe
    if isinstance(dataset.content, Probabilities) or loaded.inputs is None:
        return verdicts_from_probs(np.asarray(dataset.content.values), dataset.given)  # type: ignore[union-attr]
    method = require_method(recipe.method)
    options = from_dict(method.Options, recipe.options, prefix="method.")
    job = make_job(loaded.inputs, dataset, prepared, checkpoints=checkpoints, on_event=on_event)
    verdicts: Verdicts = method.run(replace(job, stop_at=stop_at), options)
    return verdicts


def make_job(
    inputs: Inputs, dataset: Dataset, prepared: Prepared, *, checkpoints: Path | None, on_event: EventSink
) -> Job:
    """Return the job of a recipe on a device."""
    recipe, device = prepared.recipe, prepared.device
    if device.type == "cpu":
        keep_freed_memory()
    is_vectors = isinstance(dataset.content, Vectors)
    precision = torch.float32 if is_vectors else choose_precision(device, recipe.train.precision)
    labels = torch.from_numpy(dataset.given).to(device)
    return Job(
        samples=Samples(inputs, labels, recipe.train.batch_size, precision, recipe.seed),
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


def _run(audit: Audit, prepared: Prepared, log: _Log, stop_at: float) -> None:
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    recipe = prepared.recipe
    loaded = load_inputs(prepared.dataset, recipe, prepared.device, log, cache=audit.home / "cache" / "pixels")
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    _require_same_data(audit, stamp)
    audit.update(fingerprint=stamp)
    verdicts = run_method(loaded, prepared, checkpoints=audit.checkpoints_path, on_event=log, stop_at=stop_at)
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


def _opening_facts(source: Path | str, prepared: Prepared) -> dict[str, Any]:
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
    except LabelAuditError as error:
        audit.fail(error.problem)
        raise
    except BaseException as error:
        audit.fail(f"{type(error).__name__}: {error}")
        raise
