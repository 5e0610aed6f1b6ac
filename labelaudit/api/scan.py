"""`labelaudit scan`: from a dataset to a finished audit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelaudit.classifier.finish import finish_scan, finishing_recipe, own_settings
from labelaudit.core.audits import HOME, Audit
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe, from_dict, recipe_from_dict
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import tuned_here, within_budget
from labelaudit.scanning.prepare import Prepared, plain_paths, prepare
from labelaudit.scanning.record import opening_facts, ranks_fact, recorded
from labelaudit.scanning.scan import audit_to_go_on_with, follow, run_scan
from labelaudit.training.device import choose_rank_device
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
            return follow(source, root, ranks)
        unfinished = audit_to_go_on_with(source, root, ranks, on_event, resume=resume)
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
            run_scan(audit, prepared, log, stop_at, ranks, root=root, finish=finish_scan)
        return audit


def _finishing(prepared: Prepared, method: str, ranks: Ranks, *, overrides: Mapping[str, str]) -> Recipe:
    if ranks.size > 1:
        raise ConfigError("--finish works in one process.", hint="Scan with torchrun, then `labelaudit train`.")
    return finishing_recipe(prepared, method, overrides=overrides)
