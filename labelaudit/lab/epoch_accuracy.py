"""Accuracy after every epoch, and the figures that papers take from it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labelaudit.core.errors import damaged
from labelaudit.core.files import own_path, read_own
from labelaudit.lab.published_tables import Measure

_COLUMNS = ("stage", "epoch", "epochs", "test", "held_out", "top5", "other", "other_top5")
_LAST = 10  # epochs that the mean is taken over


@dataclass(frozen=True, slots=True)
class EpochAccuracy:
    """What the networks of an epoch got right."""

    stage: str
    epoch: int  # 1-based, finished
    epochs: int  # of the stage
    test: float  # share of the test samples
    held_out: float | None = None  # share of held-out samples whose noisy label was predicted
    top5: float | None = None  # share of the test samples whose label is among the five best
    other: float | None = None  # the same as `test` and `top5`, of another test set
    other_top5: float | None = None


@dataclass(frozen=True, slots=True)
class Accuracies:
    """The figures of one run, as shares."""

    epochs: int  # that were tested
    last: float
    mean_of_last: float  # ten epochs, or as many as there are
    best: float
    best_epoch: int
    held_out: float | None  # test accuracy of the epoch that is best on the held-out noisy labels
    held_out_epoch: int | None
    top5: float | None = None  # these three of the last epoch
    other: float | None = None
    other_top5: float | None = None

    def of(self, measure: Measure) -> float | None:
        """Return the share to hold beside a published figure: of the last epoch where the paper does not say which.

        None for what is no accuracy, or was not tested.
        """
        found: dict[Measure, float | None] = {"last": self.last, "best": self.best, "unstated": self.last}
        found |= {"held-out": self.held_out, "top5": self.top5, "other": self.other, "other-top5": self.other_top5}
        return found.get(measure)


def accuracies(curve: Sequence[EpochAccuracy]) -> Accuracies:
    """Return the figures of the last stage that was tested; of equal epochs the first is the best."""
    if not curve:
        raise ValueError("no epoch was tested")
    rows = [row for row in curve if row.stage == curve[-1].stage]
    best = max(rows, key=lambda row: row.test)
    chosen = None if rows[-1].held_out is None else max(rows, key=lambda row: row.held_out or 0.0)
    last = [row.test for row in rows[-_LAST:]]
    return Accuracies(
        epochs=len(rows),
        last=rows[-1].test,
        mean_of_last=sum(last) / len(last),
        best=best.test,
        best_epoch=best.epoch,
        held_out=None if chosen is None else chosen.test,
        held_out_epoch=None if chosen is None else chosen.epoch,
        top5=rows[-1].top5,
        other=rows[-1].other,
        other_top5=rows[-1].other_top5,
    )


def append_epoch(path: Path, row: EpochAccuracy) -> None:
    """Add an epoch to a file; one that is run again after a stop is there twice, and counts as it was the last time."""
    is_new = not path.exists()
    with own_path(path).open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(_COLUMNS)
        shares = (row.test, row.held_out, row.top5, row.other, row.other_top5)
        writer.writerow([row.stage, row.epoch, row.epochs, *("" if each is None else repr(each) for each in shares)])


def read_epochs(path: Path) -> list[EpochAccuracy]:
    """Return the epochs of a file in the order of their stages; none where there is no file."""
    if not path.exists():
        return []
    found: dict[tuple[str, int], EpochAccuracy] = {}
    try:
        for row in csv.DictReader(read_own(path).decode("utf-8").splitlines()):
            if None in row.values():  # cut off by a crash while it was written
                continue
            stage, epoch = row["stage"], int(row["epoch"])
            shares = [float(row[name]) if row.get(name) else None for name in _COLUMNS[4:]]
            found[stage, epoch] = EpochAccuracy(stage, epoch, int(row["epochs"]), float(row["test"]), *shares)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise damaged(path, error, hint="Start anew without --resume.") from error
    return list(found.values())
