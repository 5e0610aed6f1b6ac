"""The published schedules: `--recipe paper` and `--recipe paper:ROW`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import PublishedSchedule, TrainSettings
from labelaudit.methods.registry import require_method


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of DRPL's schedules.

    Source:
        S2 = Ortego et al. 2020, arXiv:1912.08741, with the constants of its published code.
    """

    stage1_epochs: int
    relabel_from: int  # q
    stage1_milestones: tuple[int, ...]
    stage2_epochs: int
    stage2_milestones: tuple[int, ...]
    stage1_threshold: float  # gamma 1
    crop_padding: int = 4  # pixels
    image_size: int = 32
    crop_margin: int = 0
    normalise: Literal["dataset", "cifar10", "cifar100", "imagenet"] = "imagenet"
    backbone: str = "preact-resnet18"


PAPER_ROWS = {
    "cifar10": PaperRow(130, 70, (75, 110), 175, (100, 150), 0.1, normalise="cifar10"),
    "cifar100": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.1, normalise="cifar100"),
    "imagenet32": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.05),
    "imagenet64": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.05, crop_padding=8, image_size=64),
    "webvision": PaperRow(
        100, 40, (45, 80), 150, (100, 125), 0.05, crop_padding=0, image_size=224, crop_margin=32, backbone="resnet18"
    ),
}


def published_schedules(method: str) -> Mapping[str, PublishedSchedule]:
    """Return the published schedules of a method by row; empty where there is none."""
    if method == "drpl":
        return {name: _drpl(row) for name, row in PAPER_ROWS.items()}
    found: Mapping[str, PublishedSchedule] = getattr(require_method(method), "PAPER", {})
    return found


def require_row(method: str, row: str) -> None:
    """Raise ConfigError unless the method was published with such a row; "" stands for any.

    The closest known row is named.
    """
    rows = published_schedules(method)
    if not rows:
        raise ConfigError(f"method {method!r} has no published schedule.", hint="Use --recipe fast, or leave it out.")
    if row and row not in rows:
        hint = did_you_mean(row, rows) or f"Known rows: {', '.join(rows)}."
        of_method = "" if method == "drpl" else f" of {method}"
        raise ConfigError(f"recipe 'paper'{of_method} has no row {row!r}.", hint=hint)


def _drpl(row: PaperRow) -> PublishedSchedule:
    return PublishedSchedule(
        options={
            "schedule": "milestones",
            "peak_lr": 0.1,
            "stage1_epochs": row.stage1_epochs,
            "stage1_milestones": row.stage1_milestones,
            "relabel_from": row.relabel_from,
            "prior_weight": 0.8,
            "entropy_weight": 0.4,
            "stage1_threshold": row.stage1_threshold,
            "stage2_epochs": row.stage2_epochs,
            "stage2_milestones": row.stage2_milestones,
            "stage2": "pseudo-labels",
            "mixture": "published",
            "losses": "augmented",
            "record": 0.0,
            "evidence": "last",
        },
        train=TrainSettings(crop_padding=row.crop_padding, crop_margin=row.crop_margin, normalise=row.normalise),
        image_size=row.image_size,
        backbone=row.backbone,
    )
