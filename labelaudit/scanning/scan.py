"""The engine of a scan: read the samples, train on them, judge, write the findings; and which scan goes on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelaudit.core.audits import HOME, Audit, audits_of
from labelaudit.core.dataset import fingerprint
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.events import Event, EventSink, Said, WorkPlanned, ignore
from labelaudit.core.evidence import Evidence
from labelaudit.core.files import empty
from labelaudit.core.findings import build_findings, write_findings
from labelaudit.core.neighbours import NAME as NEIGHBOURS_NAME
from labelaudit.core.recipe import Recipe, recipe_from_dict
from labelaudit.gate.near import NEAR_NAME, near_arrays
from labelaudit.scanning.encode import with_vectors
from labelaudit.scanning.learn import judge_dataset, run_method
from labelaudit.scanning.load import Loaded, Watch, load_inputs, watch_images, watch_tables, with_changes
from labelaudit.scanning.network import with_features
from labelaudit.scanning.pace import shortened, threads
from labelaudit.scanning.prepare import prepare, prepare_again
from labelaudit.scanning.rates import training_passes
from labelaudit.scanning.recipes import described
from labelaudit.scanning.record import (
    AuditLog,
    is_running,
    opening_facts,
    peak_memory_mib,
    ranks_fact,
    recorded,
    write_judges,
)
from labelaudit.scanning.request import Prepared, Request
from labelaudit.scanning.results import judged_results
from labelaudit.scanning.several import require_alone, scan_pairs
from labelaudit.scanning.similar import neighbour_arrays
from labelaudit.training.device import choose_rank_device
from labelaudit.training.kept_networks import KeptNetworks
from labelaudit.training.ranks import ALONE, Ranks, join_ranks, launched_ranks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Finish:
    """How a scan trains a classifier on what it suggests, before it ends; the room above fills it in."""

    recipe_for: Callable[[Prepared], Recipe] | None  # None: no classifier was asked for
    train: Callable[
        [Audit, Recipe, Prepared, Loaded, EventSink, float, Ranks], Mapping[str, Any]
    ]  # float: when to stop
    follow: Callable[[Audit, Recipe, Prepared, Loaded, Ranks], None]  # on the other ranks


def scan_dataset(
    request: Request, *, root: Path | str, resume: bool, stop_at: float, on_event: EventSink, finish: Finish
) -> Audit:
    """Return the finished audit of a dataset: a new one, or a stopped one that goes on.

    Args:
        request: what was asked for; of a scan that goes on, only its source counts.
        root: folder that gets `.labelaudit/`.
        resume: go on with the last unfinished scan of the source.
        stop_at: seconds of the monotonic clock after which the first epoch that ends is the last.
        on_event: told what happens.
        finish: trains a classifier as well, where one is asked for or the stopped scan wanted one.
    """
    here = launched_ranks()
    with join_ranks(choose_rank_device(request.device, here.local_rank, here.size)) as ranks:
        if not ranks.is_main:
            return _follow(request.source, root, ranks, finish)
        stopped = _audit_to_go_on_with(request.source, root, ranks, on_event, resume=resume)
        tables = watch_tables(request.source, request.data)  # as they are before they are read
        audit, prepared = (
            _new(request, root, ranks, finish) if stopped is None else _gone_on_with(stopped, request, ranks)
        )
        with recorded(audit, on_event) as log:
            told = {"audit": str(audit.path), "recipe": prepared.recipe.to_dict(), "finish": audit.meta.get("finish")}
            ranks.from_main(told)
            _run(audit, prepared, log, stop_at, ranks, root=root, finish=finish, tables=tables)
        return audit


def scan_again(old: Audit, source: Path, recipe: Recipe, *, device: torch.device, on_event: EventSink) -> Audit:
    """Return a new audit of a dataset as it is now, beside the old one; what people decided goes with it.

    Args:
        old: the audit that it follows.
        source: where its dataset is now.
        recipe: of the old one, its paths set right for where the dataset is now.
        device: where to look.
        on_event: told what happens.

    Raises:
        DataError: data that cannot be audited.
    """
    root = old.home.parent
    tables = watch_tables(source, recipe.data)
    prepared = prepare_again(source, recipe, several=True)
    prepared = replace(prepared, device=device, why=f"the recipe of {old.path.name} ({recipe.name})")
    as_before = {"source": old.fact("source"), "recipe": old.fact("recipe"), "updated_from": old.path.name}
    audit = Audit.create(root, method=recipe.method, facts=opening_facts(source, prepared, ALONE) | as_before)
    if old.decisions_path.exists():
        shutil.copyfile(old.decisions_path, audit.decisions_path)
    with recorded(audit, on_event) as log:
        _run(audit, prepared, log, math.inf, ALONE, root=root, finish=None, tables=tables)
    return audit


def _new(request: Request, root: Path | str, ranks: Ranks, finish: Finish) -> tuple[Audit, Prepared]:
    """Return a new audit, with everything settled that it is to be made with."""
    prepared = prepare(request, rates=Path(root) / HOME / "cache" / "rates.json", several=True)
    require_alone(prepared, ranks=ranks.size, finishes=finish.recipe_for is not None)
    facts = opening_facts(request.source, prepared, ranks)
    if finish.recipe_for is not None:
        facts["finish"] = finish.recipe_for(prepared).to_dict()
    return Audit.create(root, method=prepared.recipe.method, facts=facts), prepared


def _gone_on_with(stopped: Audit, request: Request, ranks: Ranks) -> tuple[Audit, Prepared]:
    """Return a stopped audit that runs again, and its own settings."""
    prepared = prepare_again(request.source, stopped.recipe, several=True)
    stopped.update(status="running", error=None, **ranks_fact(ranks))
    return stopped, prepared


def _follow(source: Path | str, root: Path | str, ranks: Ranks, finish: Finish) -> Audit:
    """Train along with rank 0, which alone writes, maybe on another machine; return the audit that it names."""
    told = ranks.from_main(None)
    prepared = prepare_again(source, recipe_from_dict(told["recipe"]))
    audit = Audit(told["audit"])
    loaded, _ = _learn(audit, prepared, ignore, math.inf, ranks, root=root)
    if told["finish"] is not None:
        finish.follow(audit, recipe_from_dict(told["finish"]), prepared, loaded, ranks)
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
        cache = Path(root) / HOME / "cache" / "vectors"
        loaded = with_vectors(loaded, prepared, on_event, cache=cache, ranks=ranks)
        prepared = _within_time(audit, prepared, on_event, ranks)
        evidence = run_method(
            loaded,
            prepared,
            checkpoints=audit.checkpoints_path,
            on_event=on_event,
            stop_at=stop_at,
            ranks=ranks,
            on_classifier=kept,
        )
    if kept is not None and loaded.inputs is not None and loaded.dataset.kind != "texts":
        if lost := kept.lost():
            on_event(
                Said("warning", f"the networks of {shorten(lost)} were removed while the scan ran: no model keeps them")
            )
        write_judges(audit.path, kept, loaded, prepared, fingerprint=stamp)
    return loaded, evidence


def _within_time(audit: Audit, prepared: Prepared, on_event: EventSink, ranks: Ranks) -> Prepared:
    """Return the scan with the epochs that a budget leaves time for, now that the samples are read."""
    recipe = recipe_from_dict(ranks.from_main(shortened(prepared).recipe.to_dict())) if ranks.size > 1 else None
    in_time = shortened(prepared) if recipe is None else replace(prepared, recipe=recipe)
    if ranks.is_main and in_time.recipe != prepared.recipe:
        audit.update(recipe=in_time.recipe.to_dict())  # so that a scan that goes on trains as long
        length = described(in_time.recipe.method, in_time.recipe.options)
        budget = prepared.limit.text if prepared.limit else ""
        on_event(Said("note", f"reading took its time: {length}, to keep --budget {budget}"))
    return in_time


def _run(
    audit: Audit,
    prepared: Prepared,
    log: AuditLog,
    stop_at: float,
    ranks: Ranks,
    *,
    root: Path | str,
    finish: Finish | None,
    tables: Watch,
) -> None:
    """Scan and write everything down; `finish` is called where the audit wants a classifier as well."""
    log(Said("note", prepared.why))
    if prepared.dataset.pairs_of is not None:
        scan_pairs(audit, prepared, log, root=root)
        return
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    recipe = prepared.recipe
    finishing = recipe_from_dict(audit.meta["finish"]) if "finish" in audit.meta else None
    on_event = log if finishing is None else _planning_finish(log, finishing, len(prepared.dataset))
    images = watch_images(prepared.dataset)
    loaded, evidence = _learn(audit, prepared, on_event, stop_at, ranks, root=root)
    loaded = with_changes(loaded, prepared.dataset, tables, images, log)
    verdicts = judge_dataset(loaded, evidence, recipe)
    audit.write_arrays("evidence", **evidence.arrays())
    if loaded.near_hashes is not None:
        audit.write_arrays(NEAR_NAME, **near_arrays(loaded.dataset, loaded.near_hashes))
    neighbours = neighbour_arrays(loaded, verdicts)
    if neighbours is not None:
        audit.write_arrays(NEIGHBOURS_NAME, **neighbours)
    frame = build_findings(
        loaded.dataset, evidence, verdicts.judged, content_hashes=loaded.content_hashes, details=loaded.details
    )
    write_findings(frame, audit.findings_path)
    finished = {}
    if finish is not None and finishing is not None:
        finished = {"finish": finish.train(audit, finishing, prepared, loaded, log, stop_at, ranks) or None}
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
    empty(audit.checkpoints_path)


def _planning_finish(on_event: EventSink, recipe: Recipe, n: int) -> EventSink:
    """Return a sink that adds the finishing to the work that a scan of n samples plans, for the time left."""

    def passed_on(event: Event) -> None:
        if isinstance(event, WorkPlanned):
            passes = round(training_passes(recipe) * n)
            event = WorkPlanned((*event.stages, ("finish", passes)))
        on_event(event)

    return passed_on


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
