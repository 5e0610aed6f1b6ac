"""What a scan would do: problems that show without decoding a pixel, and the time it would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset, Images, SetAside
from labelaudit.functional.images import UnreadableImage, image_size
from labelaudit.scanning.pace import threads
from labelaudit.scanning.rates import estimated_seconds
from labelaudit.scanning.request import Prepared
from labelaudit.sources.preview import first_samples
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

    def __repr__(self) -> str:
        dataset = self.prepared.dataset
        return f"<Inspection of {dataset.source}: {len(dataset):,} {dataset.kind}, {dataset.n_classes:,} classes>"

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
            "columns": [{"name": each.name, "use": each.use, "why": each.why} for each in dataset.columns],
            "first": first_samples(dataset),
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


def inspected(prepared: Prepared, *, estimate: bool) -> Inspection:
    """Return what there is to say of a scan that is prepared.

    Args:
        prepared: the scan.
        estimate: measure the throughput for a few seconds to estimate the time.
    """
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
