"""Checks before anything is trained: what would make an audit fail, or mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.dataset import SMALLEST_CLASS, Dataset, ImageFiles, Remark, StreamedImages
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.shown import in_shell
from labelaudit.sources.labels import similar_names


def check_dataset(dataset: Dataset) -> Dataset:
    """Return the dataset with warnings about its classes.

    Raises:
        DataError: no samples, one class only, or labels that are nearly all different.
    """
    counts = dict(zip(dataset.classes, dataset.class_counts().tolist(), strict=True))
    present = {name: count for name, count in counts.items() if count}
    _require_samples(dataset)
    _require_two_classes(dataset, present)
    _require_repeated_labels(dataset, present)
    return dataset.with_remarks(*_small_classes(present), *_similar_classes(present))


def find_duplicates(pixel_hashes: Sequence[str], given: IntN) -> tuple[IntN, BoolN]:
    """Return which samples have equal pixels, and where their labels differ.

    Args:
        pixel_hashes: (N,) equal for equal pixels.
        given: (N,) labels.

    Returns:
        (N,) number of the group of equal samples, from 0 in order of appearance, -1 where a sample is the only one;
        and (N,) whether that group has more than one label.
    """
    first: dict[str, int] = {}
    leader = np.array([first.setdefault(name, i) for i, name in enumerate(pixel_hashes)], dtype=np.int64)  # (N,)
    group, conflict = np.full(len(given), -1, dtype=np.int64), np.zeros(len(given), dtype=np.bool_)
    twins = np.flatnonzero(np.bincount(leader, minlength=1)[leader] > 1)
    if len(twins):
        _, group[twins] = np.unique(leader[twins], return_inverse=True)
        differs = given[twins] != given[leader[twins]]  # from the first of the group
        conflict[twins] = np.bincount(group[twins], weights=differs)[group[twins]] > 0
    return group, conflict


def _require_samples(dataset: Dataset) -> None:
    if len(dataset):
        return
    problem = f"{dataset.source}: no samples"
    if dataset.set_aside:
        problem += f"; {len(dataset.set_aside):,} cannot be used, the first: {dataset.set_aside[0].detail}"
    raise DataError(f"{problem}.", hint="Check the path, --split, and the columns that are read.")


def _require_two_classes(dataset: Dataset, counts: dict[str, int]) -> None:
    if len(counts) > 1:
        return
    name = next(iter(counts))
    inner = {sample_id.split("/")[1] for sample_id in dataset.sample_ids if sample_id.count("/") > 1}
    if _is_folder(dataset) and len(inner) > 1 and dataset.split is None:
        below = f"{str(dataset.source).rstrip('/')}/{name}"
        hint = f"Its sub-folders look like classes ({shorten(sorted(inner))}); scan {in_shell(below)} instead."
    elif _is_folder(dataset):
        hint = "Each class needs a folder of its own, side by side."
    else:
        hint = "Name another column with --label-column, or read every split with --split all."
    raise DataError(
        f"{dataset.source}: only one class, {name!r}, in {len(dataset):,} samples; nothing to confuse.", hint=hint
    )


def _is_folder(dataset: Dataset) -> bool:
    """Return whether the classes are folders."""
    if isinstance(dataset.source, Path):
        return dataset.source.is_dir() and isinstance(dataset.content, ImageFiles)
    return isinstance(dataset.content, StreamedImages) and dataset.classes[dataset.given[0]] in dataset.paths[0].split(
        "/"
    )


def _require_repeated_labels(dataset: Dataset, counts: dict[str, int]) -> None:
    if len(counts) <= max(2, len(dataset) / 2):
        return
    text = (
        f"{len(counts):,} different labels for {len(dataset):,} samples, such as {shorten(map(repr, counts), show=3)}"
    )
    if _is_folder(dataset):
        hint = "Each class needs a folder with several images; is this one level too high or too deep?"
    else:
        hint = "The column of labels is probably another one; name it with --label-column."
    raise DataError(f"{dataset.source}: {text}: these are hardly classes.", hint=hint)


def _small_classes(counts: dict[str, int]) -> list[Remark]:
    small = [f"{name} ({count})" for name, count in counts.items() if count < SMALLEST_CLASS]
    if not small:
        return []
    text = f"Classes with fewer than {SMALLEST_CLASS} samples, too few to judge: {shorten(small, show=10)}."
    return [Remark("warning", text)]


def _similar_classes(counts: dict[str, int]) -> list[Remark]:
    groups = [" / ".join(f"{name!r} ({counts[name]:,})" for name in group) for group in similar_names(counts)]
    if not groups:
        return []
    text = (
        f"Class names that differ only in case, blanks or hyphens: {shorten(groups)}; --fold-labels reads them as one."
    )
    return [Remark("warning", text)]
