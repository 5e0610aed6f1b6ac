"""`labelaudit scan --finish METHOD`: train the classifier in the same go, on what the scan has just suggested."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labelaudit.classifier.run import TrainingRun
from labelaudit.classifier.train import Plan, train_along, train_on
from labelaudit.core.audits import Audit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import Event, EventSink, Said, StageStarted, WorkPlanned
from labelaudit.core.recipe import Recipe
from labelaudit.methods.registry import FINISHERS, require_method
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.prepare import dataset_facts, require_trusted
from labelaudit.scanning.recipes import known_options, recipe_for, resolved
from labelaudit.scanning.request import Prepared
from labelaudit.training.ranks import Ranks

FOLDER = "finish"  # in the audit
_STAGE = "finish"  # begins the names of its stages
_PREFIX = "finish."  # of its settings: -o finish.epochs=10


def own_settings(overrides: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the `key=value` settings of the scan, and those of the finishing: `finish.epochs` is its `epochs`."""
    of_finish = {key: value for key, value in overrides.items() if key.startswith(_PREFIX)}
    of_scan = {key: value for key, value in overrides.items() if key not in of_finish}
    return of_scan, {key.removeprefix(_PREFIX): value for key, value in of_finish.items()}


def finishing_recipe(prepared: Prepared, method: str, *, overrides: Mapping[str, str]) -> Recipe:
    """Return the recipe that trains the classifier after a scan: its data, network and training, another method.

    Args:
        prepared: the scan; settings of it that the other method has, too, hold for both.
        method: that trains.
        overrides: settings of the finishing alone.

    Raises:
        ConfigError: the method does not exist or trains no classifier, or there is nothing to train on.
    """
    module = require_method(method)
    if method in FINISHERS:
        raise ConfigError(
            f"--finish {method}: it has labels of its own.", hint="Scan, then `labelaudit train --labels split`."
        )
    if not getattr(module, "TRAINS_CLASSIFIER", True):
        raise ConfigError(f"--finish {method}: it trains no classifier.", hint="Use --finish elr+.")
    if prepared.dataset.kind == "probs" or prepared.asked is None:
        raise ConfigError(
            f"--finish {method}: probabilities train no classifier.", hint="Leave --probs or --finish out."
        )
    scan, asked = prepared.recipe, prepared.asked
    late = {key: value for key, value in asked.overrides.items() if "." in key and not key.startswith("method.")}
    own = {key.removeprefix("method."): value for key, value in asked.overrides.items() if key not in late}
    asked = replace(
        asked, method=method, for_classifier=True, overrides={**late, **known_options(method, own), **overrides}
    )
    require_trusted(method, prepared.dataset)
    recipe, _ = recipe_for(dataset_facts(prepared.dataset, device=prepared.device.type), asked)
    return resolved(replace(recipe, data=scan.data, model=scan.model, train=scan.train), prepared.dataset)


def finish_scan(
    audit: Audit, recipe: Recipe, prepared: Prepared, loaded: Loaded, log: EventSink, stop_at: float, ranks: Ranks
) -> Mapping[str, Any]:
    """Train on what the audit suggests, with the samples at hand, and return what audit.json says about it.

    The model is in a folder of the audit. A finishing that was stopped goes on. Where the suggestions leave nothing to
    train on, a warning says so and the scan stands alone: empty is returned.

    Args:
        audit: its findings are written; it has not finished.
        recipe: of `finishing_recipe`.
        prepared: of the scan.
        loaded: the scan's samples: nothing is read or decoded again.
        log: told what happens.
        stop_at: seconds of the monotonic clock.
        ranks: who shares the work; the others call `finish_along`.
    """
    folder = audit.folder(FOLDER)
    plan = Plan(source=str(audit.fact("source")), root="", audit=str(audit.path), labels="suggested")
    if (folder / "train.json").exists():
        run = TrainingRun(folder)
        run.update(status="running")
    else:
        run = TrainingRun.create(folder, {"plan": dataclasses.asdict(plan), "recipe": recipe.to_dict()})
    log(Said("note", f"finish: {recipe.method} on the labels as suggested"))
    try:
        prepared = replace(prepared, recipe=recipe, limit=None)  # the budget is the scan's
        trained = train_on(run, plan, prepared, loaded, audit, _named(log), stop_at=stop_at, ranks=ranks)
    except DataError as error:
        run.fail(error.problem)
        log(Said("warning", f"no classifier was trained: {error.problem}"))
        return {}
    return {
        "method": recipe.method,
        "model": f"{FOLDER}/{trained.path.name}",
        "labels": dict(trained.facts.metrics["labels"]),
    }


def finish_along(audit: Audit, recipe: Recipe, prepared: Prepared, loaded: Loaded, ranks: Ranks) -> None:
    """Train what rank 0 trains in `finish_scan`."""
    train_along(replace(prepared, recipe=recipe), loaded, TrainingRun(audit.path / FOLDER).checkpoints_path, ranks)


def _named(on_event: EventSink) -> EventSink:
    """Return a sink under whose stages nobody takes the finishing for the scan."""

    def passed_on(event: Event) -> None:
        if isinstance(event, WorkPlanned):
            event = WorkPlanned(tuple((f"{_STAGE}/{stage}", n) for stage, n in event.stages))
        elif not isinstance(event, Said):
            event = replace(event, stage=f"{_STAGE}/{event.stage}")
        if isinstance(event, StageStarted):
            event = replace(event, title=f"Finish: {event.title[:1].lower()}{event.title[1:]}")
        on_event(event)

    return passed_on
