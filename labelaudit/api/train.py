"""`labelaudit train`: the classifier to go home with, on labels that an audit and people have mended."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelaudit.classifier.data import find_training_data
from labelaudit.classifier.run import TrainingRun
from labelaudit.classifier.train import (
    Plan,
    Trained,
    method_for,
    model_settings_for,
    plan_training,
    read_test_of,
    run_training,
)
from labelaudit.core.audits import HOME
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.recipe import DataSettings, from_dict, recipe_from_dict
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import tuned_here, within_budget
from labelaudit.scanning.prepare import plain_paths, prepare
from labelaudit.scanning.record import opening_facts, recorded
from labelaudit.training.ranks import ALONE, launched_ranks


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
        plan = plan_training(found, labels, test, test_embeddings)
        prepared = prepare(
            plan.source,
            recipe=None if recipe is None else str(recipe),
            data=found.settings,
            model=model_settings_for(found, backbone, str(weights), by_recipe=recipe is not None),
            seed=seed,
            device=device,
            method=method_for(method, plan.labels),
            epochs_scale=epochs_scale,
            overrides=overrides,
            decided=found.audit is not None
            and any(known.decision != "open" for known in read_decisions(found.audit).known.values()),
        )
        if plan.test is not None:
            read_test_of(plan, prepared)  # a mistake in it must not wait until the data is read
        if budget is not None and recipe is None:
            prepared = within_budget(prepared, budget)
        prepared = tuned_here(prepared, Path(plan.root) / HOME / "cache" / "rates.json")
        facts = opening_facts(plan.source, prepared, ALONE) | {"plan": dataclasses.asdict(plan)}
        run = TrainingRun.create(out, facts, overwrite=overwrite)
    with recorded(run, on_event) as log:
        log(Said("note", prepared.why))
        return run_training(run, plan, prepared, log, stop_at)
