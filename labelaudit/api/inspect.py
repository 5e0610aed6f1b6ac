"""`labelaudit inspect`: what would be scanned, and how; trains nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from labelaudit.core.recipe import DataSettings, ModelSettings, from_dict
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import within_budget
from labelaudit.scanning.inspection import Inspection, inspected
from labelaudit.scanning.prepare import plain_paths, prepare
from labelaudit.scanning.tuning import tuned


def inspect(
    source: Path | str,
    *,
    recipe: Path | str | None = None,
    backbone: str = "auto",
    weights: Path | str = "none",
    seed: int = 0,
    device: str = "auto",
    budget: str | None = None,
    method: str | None = None,
    epochs_scale: float = 1.0,
    overrides: dict[str, str] | None = None,
    estimate: bool = True,
    **data: Any,
) -> Inspection:
    """Return what `scan` with the same arguments would scan, and how.

    The headers of up to 2,000 images are read, so that broken ones show; pixels are not decoded, so a file that is
    damaged further in is found by the scan only.

    Args:
        source: a folder or a table.
        recipe: as in `scan`.
        backbone: as in `scan`.
        weights: as in `scan`.
        seed: as in `scan`.
        device: as in `scan`.
        budget: as in `scan`.
        method: as in `scan`.
        epochs_scale: as in `scan`.
        overrides: as in `scan`.
        estimate: measure the throughput for a few seconds to estimate the time.
        **data: fields of `DataSettings`.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be audited.
    """
    if budget is not None:
        parse_duration(budget)  # a mistake in it must not wait until the data is read
    prepared = prepare(
        source,
        recipe=None if recipe is None else str(recipe),
        data=from_dict(DataSettings, plain_paths(data), prefix="data."),
        model=ModelSettings(backbone, str(weights)),
        seed=seed,
        device=device,
        method=method,
        epochs_scale=epochs_scale,
        overrides=overrides,
    )
    if budget is not None and recipe is None:
        prepared = within_budget(prepared, budget)
    elif budget is not None:
        prepared = replace(prepared, why=f"{prepared.why}; the recipe {recipe} wins over the budget {budget}")
    if estimate:
        prepared = tuned(prepared)  # as a scan would be
    return inspected(prepared, estimate=estimate)
