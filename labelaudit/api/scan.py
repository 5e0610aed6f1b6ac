"""`labelaudit scan`: from a dataset to a finished audit."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from labelaudit.classifier.finish import finish_along, finish_scan, finishing_recipe, own_settings
from labelaudit.core.audits import Audit
from labelaudit.core.events import EventSink, ignore
from labelaudit.scanning.request import Settings, parse_duration, request_of
from labelaudit.scanning.scan import Finish, scan_dataset


def scan(
    source: Path | str | Any,
    *,
    finish: str | None = None,
    root: Path | str = ".",
    resume: bool = False,
    stop_after: str | None = None,
    began: float | None = None,
    on_event: EventSink = ignore,
    **settings: Unpack[Settings],
) -> Audit:
    """Find the labels that are probably wrong, and return the finished audit.

    Args:
        source: a folder with one sub-folder per class, or a table (CSV, TSV, Parquet, JSONL, ...); or data at hand: a
            DataFrame, a mapping from names to arrays, or a `datasets.Dataset`, which is kept in a file below `root`.
        finish: a method that then trains a classifier on what the scan suggests; it is in the audit's folder `finish`.
            Its own settings are `finish.KEY` in `overrides`.
        root: folder that gets `.labelaudit/`.
        resume: go on with the last unfinished scan of this source; its settings are used.
        stop_after: stop at the end of the first epoch after this time, "9m"; the audit is then interrupted and can be
            resumed.
        began: seconds of the monotonic clock from which the budget counts; None = this call.
        on_event: told what happens; the default says nothing.
        **settings: fields of `DataSettings`, e.g. `label_column="species"`, and:
            recipe: fast, paper, paper:ROW, or a TOML file; None chooses.
            backbone: name of the network; "auto" lets the recipe choose.
            weights: none, default (torchvision's, fetched), or a file.
            seed: on a CPU, the same seed and number of threads give the same findings, byte for byte.
            device: auto, cpu, cuda, cuda:1, mps.
            method: who looks, see `list_methods`; None = what suits the data, or the recipe's.
            epochs_scale: shortens the schedule, for a quick look: 0.1 trains a tenth of the epochs.
            budget: time for the whole scan, "5m", "1h" or "max": network, image size and epochs are fitted to it by
                measuring this machine, and training that falls behind leaves steps out; a recipe that is named wins.
            overrides: `key=value` settings that win over the recipe, e.g. `{"epochs": "10"}`.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be audited.
        TrainingError: the loss stopped being a number.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    called = time.monotonic()
    if not isinstance(source, str | Path):
        from labelaudit.sources.in_memory import stored_source

        source = stored_source(source, root)
    request = replace(request_of(source, settings), began=called if began is None else began)
    of_finish: dict[str, str] = {}
    if finish is not None:
        of_scan, of_finish = own_settings(request.overrides)
        request = replace(request, overrides=of_scan)
    return scan_dataset(
        request,
        root=root,
        resume=resume,
        stop_at=time.monotonic() + parse_duration(stop_after or "max"),
        on_event=on_event,
        finish=Finish(
            None if finish is None else partial(finishing_recipe, method=finish, overrides=of_finish),
            finish_scan,
            finish_along,
        ),
    )
