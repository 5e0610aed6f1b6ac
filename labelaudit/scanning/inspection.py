"""What a scan would do: problems that show without decoding a pixel, and the time it would take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset, Images, Remark, SetAside
from labelaudit.core.several import several_facts
from labelaudit.functional.images import Header, UnreadableImage, image_header
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
    remarks: tuple[Remark, ...] = ()  # what the headers of images say

    def __repr__(self) -> str:
        dataset = self.prepared.dataset
        return f"<Inspection of {dataset.source}: {len(dataset):,} {dataset.kind}, {dataset.n_classes:,} classes>"

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        dataset, recipe = self.prepared.dataset, self.prepared.recipe
        counts = dataset.class_counts().tolist()
        several = dataset.samples.several
        return {
            "schema": 1,
            "source": str(dataset.source),
            "kind": dataset.kind,
            "split": dataset.split,
            "samples": len(dataset.samples),
            "classes": dict(zip(dataset.classes, counts, strict=True))
            if several is None
            else dict(zip(several.names, several.has.sum(axis=0).tolist(), strict=True)),
            "several": None if several is None else several_facts(several),
            "image_sides": None
            if self.sides is None
            else dict(zip(("least", "median", "most"), self.sides, strict=True)),
            "columns": [{"name": each.name, "use": each.use, "why": each.why} for each in dataset.columns],
            "first": first_samples(dataset.samples),
            "trusted": int(dataset.samples.trusted.sum()),
            "remarks": [{"level": remark.level, "text": remark.text} for remark in (*dataset.remarks, *self.remarks)],
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
    headers, unreadable = _headers(prepared.dataset.samples)
    sides = [min(header.width, header.height) for header in headers]
    return Inspection(
        prepared=prepared,
        problems=prepared.dataset.set_aside + unreadable,
        sides=(min(sides), int(np.median(sides)), max(sides)) if sides else None,
        device=describe_device(prepared.device),
        seconds=_seconds(prepared) if estimate else None,
        remarks=_header_remarks(headers, len(prepared.dataset.samples)),
    )


def _seconds(prepared: Prepared) -> float | None:
    prepared = dataclasses.replace(prepared, dataset=prepared.dataset.samples)
    with threads(prepared.recipe.train.threads):
        return estimated_seconds(prepared)


def _header_remarks(headers: Sequence[Header], n: int) -> tuple[Remark, ...]:
    """Return what there is to say of images that are not read as they are stored."""
    of = f"of {len(headers):,} looked at" if len(headers) < n else f"of {n:,}"
    turned, paged = sum(header.is_turned for header in headers), sum(header.pages > 1 for header in headers)
    remarks = []
    if turned:
        remarks.append(Remark("note", f"Images that are turned upright as their EXIF data says: {turned:,} {of}."))
    if paged:
        remarks.append(Remark("warning", f"Images of several pages or frames, the first is read: {paged:,} {of}."))
    return tuple(remarks)


def _headers(dataset: Dataset) -> tuple[list[Header], tuple[SetAside, ...]]:
    """Return the headers of some images, and the images whose header cannot be read."""
    content = dataset.content
    if not isinstance(content, Images):
        return [], ()
    headers, bad = [], []
    for index in np.unique(np.linspace(0, len(dataset) - 1, min(_HEADERS, len(dataset))).astype(int)).tolist():
        try:
            headers.append(image_header(content.read(index)))
        except (OSError, UnreadableImage) as error:
            label = dataset.classes[int(dataset.given[index])]
            bad.append(SetAside(dataset.sample_ids[index], dataset.paths[index], label, "unreadable", str(error)))
    return headers, tuple(bad)
