"""`labelaudit inspect`: what would be scanned, and how; trains nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset, Images, SetAside
from labelaudit.core.recipe import DataSettings, ModelSettings, from_dict
from labelaudit.functional.images import UnreadableImage, image_size
from labelaudit.scanning.budget import parse_duration
from labelaudit.scanning.fitted import within_budget
from labelaudit.scanning.prepare import Prepared, plain_paths, prepare
from labelaudit.scanning.throughput import estimated_seconds
from labelaudit.scanning.tuning import threads, tuned
from labelaudit.training.device import describe_device

_HEADERS = 2000  # images whose header is read, evenly spaced: all of a small dataset, a sample of a large one


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a scan would do."""

    prepared: Prepared
    problems: tuple[SetAside, ...]  # rows and files that would be set aside
    sides: tuple[int, int, int] | None  # pixels of the short side: least, median, most; None without images
    device: str
    seconds: float | None  # estimated for the whole scan; None where nothing is trained

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        dataset, recipe = self.prepared.dataset, self.prepared.recipe
        counts = dataset.class_counts().tolist()
        return {
            "schema": 1,
            "source": str(dataset.source),
            "kind": dataset.kind,
            "split": dataset.split,
            "samples": len(dataset),
            "classes": dict(zip(dataset.classes, counts, strict=True)),
            "image_sides": None
            if self.sides is None
            else dict(zip(("least", "median", "most"), self.sides, strict=True)),
            "trusted": int(dataset.trusted.sum()),
            "remarks": [{"level": remark.level, "text": remark.text} for remark in dataset.remarks],
            "problems": [
                {"path": row.path, "given_label": row.given_label, "issue": row.issue, "detail": row.detail}
                for row in self.problems
            ],
            "device": self.device,
            "why": self.prepared.why,
            "recipe": recipe.to_dict(),
            "estimated_seconds": None if self.seconds is None else round(self.seconds),
        }


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
    sides, unreadable = _headers(prepared.dataset)
    return Inspection(
        prepared=prepared,
        problems=prepared.dataset.set_aside + unreadable,
        sides=sides,
        device=describe_device(prepared.device),
        seconds=_seconds(prepared) if estimate else None,
    )


def _seconds(prepared: Prepared) -> float | None:
    with threads(prepared.recipe.train.threads):
        return estimated_seconds(prepared)


def _headers(dataset: Dataset) -> tuple[tuple[int, int, int] | None, tuple[SetAside, ...]]:
    """Return (least, median, most) short side and the images whose header cannot be read."""
    content = dataset.content
    if not isinstance(content, Images):
        return None, ()
    sides, bad = [], []
    for index in np.unique(np.linspace(0, len(dataset) - 1, min(_HEADERS, len(dataset))).astype(int)).tolist():
        try:
            sides.append(min(image_size(content.read(index))))
        except (OSError, UnreadableImage) as error:
            label = dataset.classes[int(dataset.given[index])]
            bad.append(SetAside(dataset.sample_ids[index], dataset.paths[index], label, "unreadable", str(error)))
    if not sides:
        return None, tuple(bad)
    return (min(sides), int(np.median(sides)), max(sides)), tuple(bad)
