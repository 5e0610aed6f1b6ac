"""`labelaudit scan`: from a dataset to a finished audit."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelaudit.classifier.finish import finish_scan, finishing_recipe, own_settings, planning_finish
from labelaudit.core.audits import HOME, Audit, audits_of
from labelaudit.core.dataset import fingerprint
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import build_findings, write_findings
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe, from_dict, recipe_from_dict
from labelaudit.gate.near import NEAR_NAME, near_arrays
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import tuned_here, within_budget
from labelaudit.scanning.frozen import with_features
from labelaudit.scanning.judges import write_judges
from labelaudit.scanning.learn import judge_dataset, run_method
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.prepare import Prepared, plain_paths, prepare
from labelaudit.scanning.record import AuditLog, is_running, opening_facts, peak_memory_mib, ranks_fact, recorded
from labelaudit.scanning.results import judged_results
from labelaudit.scanning.tuning import threads
from labelaudit.training.device import choose_rank_device
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.ranks import Ranks, join_ranks, launched_ranks


def scan(
    source: Path | str,
    *,
    recipe: Path | str | None = None,
    backbone: str = "auto",
    weights: Path | str = "none",
    seed: int = 0,
    device: str = "auto",
    method: str | None = None,
    epochs_scale: float = 1.0,
    budget: str | None = None,
    finish: str | None = None,
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
        seed: on a CPU, the same seed and number of threads give the same findings, byte for byte.
        device: auto, cpu, cuda, cuda:1, mps.
        method: who looks, see `labelaudit.api.methods`; None = the recipe's, panel unless it says otherwise.
        epochs_scale: shortens the schedule, for a quick look: 0.1 trains a tenth of the epochs.
        budget: time for the scan, "5m", "1h" or "max": network, image size and epochs are fitted to it by measuring
            this machine; a recipe that is named wins over it.
        finish: a method that then trains a classifier on what the scan suggests; it is in the audit's folder `finish`.
            Its own settings are `finish.KEY` in `overrides`.
        overrides: `key=value` settings that win over the recipe, e.g. `{"epochs": "10"}`.
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
    of_scan, of_finish = own_settings(overrides or {}) if finish is not None else (overrides, {})
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    here = launched_ranks()
    with join_ranks(choose_rank_device(device, here.local_rank, here.size)) as ranks:
        if not ranks.is_main:
            return _follow(source, root, ranks)
        unfinished = _audit_to_go_on_with(source, root, ranks, on_event, resume=resume)
        if unfinished is not None:
            audit, prepared = unfinished, prepare(source, recipe=recipe_from_dict(unfinished.meta["recipe"]))
            audit.update(status="running", error=None, **ranks_fact(ranks))
        else:
            prepared = prepare(
                source,
                recipe=None if recipe is None else str(recipe),
                data=from_dict(DataSettings, plain_paths(data), prefix="data."),
                model=ModelSettings(backbone, str(weights)),
                seed=seed,
                device=device,
                method=method,
                epochs_scale=epochs_scale,
                overrides=of_scan,
            )
            if budget is not None and recipe is None:
                prepared = within_budget(prepared, budget)
            elif budget is not None:
                on_event(Said("note", f"the recipe {recipe} wins over the budget {budget}"))
            finishing = None if finish is None else _finishing(prepared, finish, ranks, overrides=of_finish)
            prepared = tuned_here(prepared, Path(root) / HOME / "cache" / "rates.json")
            facts = opening_facts(source, prepared, ranks)
            if finishing is not None:
                facts["finish"] = replace(finishing, train=prepared.recipe.train).to_dict()
            audit = Audit.create(root, method=prepared.recipe.method, facts=facts)
        with recorded(audit, on_event) as log:
            ranks.from_main({"audit": str(audit.path), "recipe": prepared.recipe.to_dict()})
            log(Said("note", prepared.why))
            _run(audit, prepared, log, stop_at, ranks, root=root)
        return audit


def _finishing(prepared: Prepared, method: str, ranks: Ranks, *, overrides: Mapping[str, str]) -> Recipe:
    if ranks.size > 1:
        raise ConfigError("--finish works in one process.", hint="Scan with torchrun, then `labelaudit train`.")
    return finishing_recipe(prepared, method, overrides=overrides)


def _follow(source: Path | str, root: Path | str, ranks: Ranks) -> Audit:
    """Train along with rank 0, which alone writes, maybe on another machine; return the audit that it names."""
    told = ranks.from_main(None)
    prepared = prepare(source, recipe=recipe_from_dict(told["recipe"]))
    audit = Audit(told["audit"])
    _learn(audit, prepared, ignore, math.inf, ranks, root=root)
    return audit


def _learn(
    audit: Audit, prepared: Prepared, on_event: EventSink, stop_at: float, ranks: Ranks, *, root: Path | str
) -> tuple[Loaded, Evidence]:
    """Read the samples and train on them: what every rank does."""
    with ranks.in_turn():  # the first on a machine decodes, with all its cores; the others find the pixels
        loaded = load_inputs(
            prepared.dataset, prepared.recipe, prepared.device, on_event, cache=Path(root) / HOME / "cache" / "pixels"
        )
    loaded = with_features(loaded, prepared.recipe, prepared.device, on_event, ranks=ranks)
    stamp = fingerprint(loaded.dataset, loaded.content_hashes)
    if ranks.is_main:
        _require_same_data(audit, stamp)
        audit.update(fingerprint=stamp)
    first = ranks.from_main(stamp)
    if stamp != first:
        raise DataError(f"the data is not that of rank 0: fingerprint {stamp} here, {first} there.")
    kept = KeptNetworks(audit.checkpoints_path) if ranks.is_main else None
    with threads(prepared.recipe.train.threads):
        evidence = run_method(
            loaded,
            prepared,
            checkpoints=audit.checkpoints_path,
            on_event=on_event,
            stop_at=stop_at,
            ranks=ranks,
            on_classifier=kept,
        )
    if kept is not None and loaded.inputs is not None:
        write_judges(audit.path, kept, loaded, prepared, fingerprint=stamp)
    return loaded, evidence


def _run(audit: Audit, prepared: Prepared, log: AuditLog, stop_at: float, ranks: Ranks, *, root: Path | str) -> None:
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    recipe = prepared.recipe
    finishing = recipe_from_dict(audit.meta["finish"]) if "finish" in audit.meta else None
    on_event = log if finishing is None else planning_finish(log, finishing, len(prepared.dataset))
    loaded, evidence = _learn(audit, prepared, on_event, stop_at, ranks, root=root)
    verdicts = judge_dataset(loaded, evidence, recipe)
    audit.write_arrays("evidence", **evidence.arrays())
    if loaded.near_hashes is not None:
        audit.write_arrays(NEAR_NAME, **near_arrays(loaded.dataset, loaded.near_hashes))
    frame = build_findings(
        loaded.dataset, evidence, verdicts.judged, content_hashes=loaded.content_hashes, details=loaded.details
    )
    write_findings(frame, audit.findings_path)
    finished = {}
    if finishing is not None:
        finished = {"finish": finish_scan(audit, finishing, prepared, loaded, log, stop_at=stop_at) or None}
    audit.update(warnings=log.warnings)
    audit.finish(
        {
            **judged_results(verdicts, loaded.dataset.classes),
            "stages": evidence.stages,
            "seconds": log.seconds,
            "peak_memory_mib": peak_memory_mib(),
            **finished,
        }
    )
    for file in audit.checkpoints_path.iterdir():
        file.unlink()


def _is_restart_of(audit: Audit, ranks: Ranks) -> bool:
    """Whether torchrun started the ranks anew in the middle of this audit."""
    return ranks.restarts > 0 and audit.meta.get("ranks", {}).get("launch") == ranks.launch


def _audit_to_go_on_with(
    source: Path | str, root: Path | str, ranks: Ranks, on_event: EventSink, *, resume: bool
) -> Audit | None:
    """Return the stopped audit of this source if it is to be resumed; else say that there is one.

    Raises:
        ConfigError: it is to be resumed, and there is none.
    """
    stopped = stopped_audit(root, source)
    if stopped is None:
        if resume:
            raise ConfigError(
                f"there is no stopped scan of {source} in {Path(root).absolute()}:"
                " it is still running, it has finished, or there was none.",
                hint="Leave --resume out to start one.",
            )
        return None
    if resume or _is_restart_of(stopped, ranks):
        return stopped
    on_event(Said("note", f"an earlier scan of {source} was stopped; --resume goes on with it"))
    return None


def stopped_audit(root: Path | str, source: Path | str) -> Audit | None:
    """Return the newest audit of this source if it was stopped and can go on; damaged ones are passed over."""
    newest = next(audits_of(source, root), None)
    may_go_on = newest is not None and newest.status in ("running", "interrupted") and not is_running(newest)
    return newest if may_go_on else None


def _require_same_data(audit: Audit, stamp: str) -> None:
    before = audit.meta.get("fingerprint")
    if before not in (None, stamp):
        raise DataError(
            f"the data changed since the scan began: fingerprint {before} then, {stamp} now.",
            hint="Scan again without --resume.",
        )
