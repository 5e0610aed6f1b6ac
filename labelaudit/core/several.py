"""Samples with several labels each: read as sets, audited as pairs of a sample and a label."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.dataset import Dataset, Several

HAS, LACKS = 0, 1  # of the two classes of a label: whether the sample has it
Kind = Literal["columns", "cells", "lists"]


def pair_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return (2L,) what may be given for a pair: the label, and that it is not there, label by label."""
    taken = set(names)
    lacking = [f"not {name}" if f"not {name}" not in taken else f"without {name}" for name in names]
    return tuple(text for pair in zip(names, lacking, strict=True) for text in pair)


def label_numbers(classes: Sequence[str]) -> dict[str, int]:
    """Return, of the classes of pairs, which label each one is about."""
    return {name: place // 2 for place, name in enumerate(classes)}


def opposites(classes: Sequence[str]) -> dict[str, str]:
    """Return the other class of each: (2L,) classes are the label, and that it is not there, label by label."""
    return {name: classes[at ^ 1] for at, name in enumerate(classes)}


def as_pairs(samples: Dataset) -> Dataset:
    """Return the dataset of (sample, label) pairs, all labels of the first sample first.

    The id of a pair is "id#label"; its class is the label, or that it is not there. Whatever belongs to a sample, such
    as its path and its content, belongs to each of its pairs.
    """
    several = samples.several
    if several is None:
        raise ValueError("the samples have one label each")
    n_labels = len(several.names)
    each = np.repeat(np.arange(len(samples), dtype=np.int64), n_labels)
    return Dataset(
        source=samples.source,
        sample_ids=tuple(f"{sample_id}#{name}" for sample_id in samples.sample_ids for name in several.names),
        paths=tuple(path for path in samples.paths for _ in several.names),
        given=given_of_pairs(several.has),
        classes=pair_classes(several.names),
        content=samples.content.take(each),
        trusted=samples.trusted[each],
        split=samples.split,
        set_aside=samples.set_aside,
        remarks=samples.remarks,
        columns=samples.columns,
        pairs_of=samples,
    )


def given_of_pairs(has: NDArray[np.bool_]) -> IntN:
    """Return (N * L,) classes of pairs, of (N, L) whether a sample has a label."""
    n_labels = has.shape[1]
    return np.asarray((2 * np.arange(n_labels) + np.where(has, HAS, LACKS)).ravel(), dtype=np.int64)


def several_facts(several: Several) -> dict[str, Any]:
    """Return what audit.json says of the labels."""
    return {"names": list(several.names), "kind": several.kind, "column": several.column, "between": several.between}


def several_of(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what audit.json says of the labels; None where samples have one each."""
    found = (meta.get("dataset") or {}).get("several")
    return dict(found) if isinstance(found, Mapping) else None


def cut(several: Several, keep: IntN | BoolN) -> Several:
    """Return the labels of some of the samples."""
    return dataclasses.replace(several, has=several.has[keep])
