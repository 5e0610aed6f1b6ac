"""What the gate allows: one frozen dataclass of limits, and the exceptions for classes and paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labelaudit.core.dataset import SMALLEST_CLASS
from labelaudit.core.recipe import require


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the whole dataset; None ("none" in a file) turns a rule off. The defaults: docs/how-to/gate.md."""

    max_noise: float | None = 0.05  # share of wrong labels
    noise_bound: Literal["lower", "point", "upper"] = "lower"  # which end of the interval is held against the limits
    max_class_noise: float | None = None  # the same of every single class
    max_suspects: int | None = None  # suspects that no one called right, known ones included
    max_suspect_share: float | None = None  # the same as a share of the samples
    max_new_suspects: int | None = 0  # suspects that the baseline does not know; needs a baseline
    max_changed_suspects: int | None = 0  # the same among changed files; needs --since or --changed
    new_suspect_below: float = 0.5  # clean_prob under which a suspect counts for the two rules above
    max_unreadable: int | None = 0  # files and rows that could not be scanned
    max_duplicate_conflicts: int | None = 0  # samples with an exact twin under another label
    min_class_samples: int | None = SMALLEST_CLASS
    max_imbalance: float | None = None  # samples of the largest class per sample of the smallest
    max_leaks: int | None = 0  # samples that another split holds, too
    max_near_leaks: int | None = 0  # samples of which another split holds a near duplicate
    max_near_conflicts: int | None = 0  # samples with a near duplicate under another label
    max_label_changes: int | None = 0  # classes that came or went since the audit before
    max_label_shift: float | None = None  # share of samples that moved between classes since the audit before
    max_unjudged: int | None = 0  # samples of the dataset that the audit has not seen as they are now
    compare_contents: bool = False  # for this read every image, not only those with a new name

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("max_noise", "max_class_noise", "max_suspect_share", "max_label_shift"):
            _require_share(f"check.{name}", getattr(self, name))
        require(0 < self.new_suspect_below <= 1, "check.new_suspect_below", self.new_suspect_below, "above 0, up to 1")
        for name in (
            "max_suspects",
            "max_new_suspects",
            "max_changed_suspects",
            "max_unreadable",
            "max_duplicate_conflicts",
            "min_class_samples",
            "max_leaks",
            "max_near_leaks",
            "max_near_conflicts",
            "max_label_changes",
            "max_unjudged",
        ):
            _require_count(f"check.{name}", getattr(self, name))
        ratio = self.max_imbalance
        require(ratio is None or ratio >= 1, "check.max_imbalance", ratio, '1 or more, or "none"')


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """Limits of one class, instead of those for every class."""

    max_noise: float | None = None
    max_suspects: int | None = None
    max_suspect_share: float | None = None
    min_samples: int | None = None

    def __post_init__(self) -> None:
        """Check ranges."""
        _require_share("max_noise", self.max_noise)
        _require_share("max_suspect_share", self.max_suspect_share)
        _require_count("max_suspects", self.max_suspects)
        _require_count("min_samples", self.min_samples)


@dataclass(frozen=True, slots=True)
class PathLimits:
    """Limits of the samples below some paths."""

    match: str  # "raw/**": ** stands for any folders, * and ? for parts of a name
    max_suspects: int | None = None
    max_suspect_share: float | None = None
    max_new_suspects: int | None = None

    def __post_init__(self) -> None:
        """Check ranges."""
        require(bool(self.match), "check.paths.match", self.match, 'a pattern such as "raw/**"')
        _require_share("check.paths.max_suspect_share", self.max_suspect_share)
        _require_count("check.paths.max_suspects", self.max_suspects)
        _require_count("check.paths.max_new_suspects", self.max_new_suspects)


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that `labelaudit check` holds an audit against."""

    limits: Limits = field(default_factory=Limits)
    classes: Mapping[str, ClassLimits] = field(default_factory=dict)
    paths: tuple[PathLimits, ...] = ()
    severity: Mapping[str, Literal["error", "warning"]] = field(default_factory=dict)  # by rule; else the rule's own


def _require_share(name: str, value: float | None) -> None:
    require(value is None or 0 <= value <= 1, name, value, 'a share from 0 to 1, or "none"')


def _require_count(name: str, value: int | None) -> None:
    require(value is None or value >= 0, name, value, 'a whole number from 0, or "none"')
