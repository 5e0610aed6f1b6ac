"""What rules look at: the findings, who is known, and what is known about the dataset as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.arrow import text_array
from labelaudit.core.decisions import Key, Known
from labelaudit.core.shares import Share, point
from labelaudit.gate.columns import Coded, FindingColumns


@dataclass(frozen=True, slots=True)
class Drift:
    """The labels of the audit before this one."""

    audit_name: str
    classes: tuple[str, ...]
    given: Coded


@dataclass(frozen=True, slots=True)
class Comparison:
    """The dataset as it is now, beside the findings."""

    total: int  # samples in the dataset now
    new: tuple[str, ...] = ()  # sample ids that the audit has not seen
    relabelled: tuple[str, ...] = ()  # their label is another one now
    altered: tuple[str, ...] = ()  # their content is another one now
    gone: int = 0  # findings whose sample is there no more
    renamed: int = 0  # samples under another name: still judged

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Samples that the audit says nothing about as they are now."""
        return (*self.new, *self.relabelled, *self.altered)


@dataclass(frozen=True, slots=True)
class Leaks:
    """Samples that occur in two splits."""

    rows: IntN  # findings concerned
    pairs: tuple[str, ...]  # "train/cat/1.png = test/cat/7.png", one for each, shown to people
    splits: tuple[str, ...]  # which were compared


@dataclass(frozen=True, slots=True)
class NearConflicts:
    """Near duplicates with different labels that nobody decided on."""

    rows: IntN  # findings concerned
    pairs: tuple[str, ...]  # "cat/1.png (cat) ~ dog/7.png (dog)", shown to people


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that rules may look at; None where it was not asked for or cannot be known."""

    columns: FindingColumns
    noise: Share  # of wrong labels
    class_noise: Mapping[str, Share]
    classes: tuple[str, ...]
    suspect: BoolN  # (N,) flagged, still there, and not accepted
    known: BoolN  # (N,) of them, in the baseline
    accepted: BoolN  # (N,) flagged, and a person called the label right
    has_baseline: bool
    changed: BoolN | None = None  # (N,) in files that changed
    comparison: Comparison | str = "not asked for"  # a str says why there is none
    leaks: Leaks | str = "not asked for"
    near_leaks: Leaks | str = "not asked for"
    near_conflicts: NearConflicts | str = "not asked for"
    drift: Drift | str = "not asked for"


def judge_known(
    columns: FindingColumns, known: Mapping[Key, Known], *, gone: BoolN | None = None
) -> tuple[BoolN, BoolN, BoolN]:
    """Return which rows are suspects, which of them are known, and which flagged rows a person accepted.

    Args:
        columns: N findings.
        known: the baseline and the decisions.
        gone: (N,) rows whose sample is there no more, or has another label now.
    """
    is_known, is_ok, is_wrong = (np.zeros(len(columns), dtype=np.bool_) for _ in range(3))
    hashes = text_array({key[0] for key in known if key[0]})
    for row in pc.indices_nonzero(pc.is_in(columns.content_hashes, value_set=hashes)).to_pylist():
        entry = known.get((columns.content_hashes[row].as_py(), columns.given.text(row) or ""))
        if entry is not None:
            is_known[row] = True
            is_ok[row] = entry.decision == "ok"
            is_wrong[row] = entry.decision == "wrong"
    flagged = columns.flagged
    present = np.ones(len(columns), dtype=np.bool_) if gone is None else ~gone
    suspect = (flagged | is_wrong) & ~is_ok & present & columns.scanned
    return suspect, suspect & is_known, flagged & is_ok & present


def dataset_noise(results: Mapping[str, Any], columns: FindingColumns) -> Share:
    """Return the noise of the whole dataset as the audit has it; without it, the mean of what the rows say."""
    rate, interval = results.get("noise_rate"), results.get("noise_interval")
    if rate is None:
        rows = columns.scanned
        rate = float(np.mean(1.0 - columns.clean_prob[rows])) if rows.any() else 0.0
    return Share(float(rate), *interval) if interval else point(float(rate))


def noise_by_class(results: Mapping[str, Any], columns: FindingColumns) -> dict[str, Share]:
    """Return the noise of each class as the audit has it; without it, the mean of what its rows say."""
    stored = results.get("noise_by_class")
    if stored:
        return {name: Share(each["rate"], each["low"], each["high"]) for name, each in stored.items()}
    rows = columns.scanned
    codes, size = columns.given.codes[rows], len(columns.given.names)
    samples = np.bincount(codes, minlength=size)
    wrong = np.bincount(codes, weights=1.0 - columns.clean_prob[rows].astype(np.float64), minlength=size)
    return {
        name: point(float(wrong[code] / samples[code]))
        for code, name in enumerate(columns.given.names)
        if samples[code]
    }


def class_sizes(given: Coded, classes: Iterable[str], rows: BoolN | None = None) -> dict[str, int]:
    """Return the samples of each class, 0 for those without any."""
    codes = given.codes if rows is None else given.codes[rows]
    counted = np.bincount(codes[codes >= 0], minlength=len(given.names))
    sizes = dict.fromkeys(classes, 0)
    return sizes | {name: int(count) for name, count in zip(given.names, counted, strict=True) if count}
