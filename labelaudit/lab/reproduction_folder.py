"""One run of a published setting on disk: what is needed to go on with it, and the row that it ends with."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from labelaudit.core.audits import HOME
from labelaudit.core.errors import ConfigError, DataError, damaged
from labelaudit.core.files import keep_out_of_git, own_path, read_own, write_atomically
from labelaudit.core.recipe import Recipe, recipe_from_dict
from labelaudit.core.runs import Account, now
from labelaudit.core.version import VERSION
from labelaudit.lab.epoch_accuracy import Accuracies
from labelaudit.lab.published_tables import Figure, Measure, Setting

RUN_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Detected:
    """What a method made of right and wrong labels."""

    kept_right: float | None  # share of the right labels that it keeps; None where the truth is not known
    kept_wrong: float | None  # share of the wrong labels that it keeps
    called_wrong: float  # share of all labels

    def of(self, measure: Measure) -> float | None:
        """Return the share to hold beside a published figure; None for an accuracy."""
        found: dict[Measure, float | None] = {"tpr": self.kept_right, "fpr": self.kept_wrong}
        return self.called_wrong if measure == "noisy" else found.get(measure)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A finished run beside what was published."""

    setting: Setting
    accuracy: Accuracies
    seed: int
    epochs_scale: float
    wrong: float | None  # share of the training labels that are wrong; None where that is not known
    train_samples: int
    test_samples: int
    seconds: float  # of training and testing, over all pieces of the run
    recipe: str
    device: str
    results: Path  # where the row was added
    schedule: str = ""  # where it stands
    changes: str = ""  # what was made otherwise than published
    detected: Detected | None = None  # of DRPL
    levels: tuple[tuple[str, float], ...] = ()  # share right of linear probes on the network's features, level by level

    @property
    def comparable(self) -> bool:
        """Whether the figures may be held beside the published ones at all."""
        return self.epochs_scale == 1 and not self.changes

    def __repr__(self) -> str:
        return f"<Reproduction of {self.setting.name}: seed {self.seed}, {self.results}>"

    def differences(self) -> list[tuple[Figure, float | None, float | None]]:
        """Return each published figure, ours in percent for the same epoch, and the difference in points."""
        rows: list[tuple[Figure, float | None, float | None]] = []
        for figure in self.setting.figures:
            share = self.accuracy.of(figure.measure)
            if share is None and self.detected is not None:
                share = self.detected.of(figure.measure)
            ours = None if share is None else 100 * share
            rows.append((figure, ours, None if ours is None else ours - figure.value))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "schema": 1,
            "name": self.setting.name,
            "seed": self.seed,
            "epochs_scale": self.epochs_scale,
            "wrong_rate": self.wrong,
            "train_samples": self.train_samples,
            "test_samples": self.test_samples,
            "accuracy": asdict(self.accuracy),
            "published": [
                {**asdict(figure), "here": ours, "difference": difference}
                for figure, ours, difference in self.differences()
            ],
            "seconds": self.seconds,
            "recipe": self.recipe,
            "schedule": self.schedule,
            "changes": self.changes,
            "detected": None if self.detected is None else asdict(self.detected),
            "levels": [{"level": name, "accuracy": share} for name, share in self.levels],
            "device": self.device,
            "results": str(self.results),
        }


class Run:
    """The folder of an unfinished or finished run: settings, accuracy after every epoch, checkpoints."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder, self._facts = folder, dict(facts)
        self.curve, self.checkpoints = folder / "epochs.csv", folder / "checkpoints"
        self._account = Account(folder / "run.json", "reproduction", RUN_SCHEMA, again="Start anew without --resume.")

    @classmethod
    def opened(cls, out: Path, setting: Setting, *, seed: int, epochs_scale: float, resume: bool) -> Run:
        """Return the run to go on with, or a new one in place of any of the same name."""
        scale = "" if epochs_scale == 1 else f"-scale{epochs_scale:g}"
        folder = out / f"{setting.name.replace('/', '_')}-seed{seed}{scale}"
        run = cls(folder, {"name": setting.name, "seed": seed, "epochs_scale": epochs_scale, "seconds": 0.0})
        if not resume:
            return run
        facts = run._account.read() if (folder / "run.json").exists() else {}
        if facts.get("status") != "running":
            raise ConfigError(
                f"there is no stopped run of {setting.name} with seed {seed} and scale {epochs_scale:g} in {out}.",
                hint="Leave --resume out to start one.",
            )
        return cls(folder, facts)

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of a run that goes on."""
        return recipe_from_dict(self._facts["recipe"]) if "recipe" in self._facts else None

    @property
    def seed(self) -> int:
        """Of the noise, the split, the weights and the order."""
        return int(self._facts["seed"])

    @property
    def epochs_scale(self) -> float:
        """What the published schedule is shortened to."""
        return float(self._facts["epochs_scale"])

    @property
    def seconds(self) -> float:
        """Time of all pieces of the run."""
        return float(self._facts["seconds"])

    def begin(self, recipe: Recipe, *, stamp: str) -> None:
        """Note what is run; a run that goes on must be of the same samples with the same noise."""
        before = self._facts.get("fingerprint")
        if before is None:
            shutil.rmtree(own_path(self.folder, folder=True), ignore_errors=True)
        elif before != stamp:
            raise DataError(
                f"the data or its noise changed since the run began: fingerprint {before} then, {stamp} now.",
                hint="Start anew without --resume.",
            )
        own_path(self.checkpoints, folder=True).mkdir(parents=True, exist_ok=True)
        if self.folder.parent.parent.name == HOME:
            keep_out_of_git(self.folder.parent.parent)
        self._facts |= {"recipe": recipe.to_dict(), "fingerprint": stamp}
        self._account.begin(self._facts)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time that passes, also when it ends by a stop."""
        started, before = time.monotonic(), self.seconds
        try:
            yield
        finally:
            self._facts["seconds"] = before + time.monotonic() - started
            self._account.update(seconds=self.seconds)

    def finish(self) -> None:
        """Note the end, and drop what only a stopped run needs."""
        self._account.finish()
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def add_result(done: Reproduction) -> None:
    """Add a row to the results file: with the figure that the run is to be held beside, and all others in words."""
    figure = done.setting.comparable
    found = {each: (ours, difference) for each, ours, difference in done.differences()}
    difference = None if figure is None else found[figure][1]
    measured = {each.measure: ours for each, (ours, _) in found.items() if ours is not None}
    row = {
        "name": done.setting.name,
        "seed": done.seed,
        "epochs_scale": f"{done.epochs_scale:g}",
        "wrong_rate": "" if done.wrong is None else f"{done.wrong:.4f}",
        "train_samples": done.train_samples,
        "test_samples": done.test_samples,
        "epochs": done.accuracy.epochs,
        "last": f"{100 * done.accuracy.last:.2f}",
        "mean_of_last": f"{100 * done.accuracy.mean_of_last:.2f}",
        "best": f"{100 * done.accuracy.best:.2f}",
        "best_epoch": done.accuracy.best_epoch,
        "held_out": "" if done.accuracy.held_out is None else f"{100 * done.accuracy.held_out:.2f}",
        "published": "" if figure is None else f"{figure.value:.2f}",
        "published_measure": "" if figure is None else figure.measure,
        "published_source": "" if figure is None else figure.source,
        "difference": "" if difference is None else f"{difference:.2f}",
        "seconds": f"{done.seconds:.0f}",
        "recipe": done.recipe,
        "device": done.device,
        "labelaudit": VERSION,
        "finished": now(),
        "schedule": done.schedule,
        "changes": done.changes,
        "published_note": "" if figure is None else figure.note,
        "here": "; ".join(f"{measure} {share:.2f}" for measure, share in measured.items()),
    }
    done.results.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(own_path(done.results.with_name(f".{done.results.name}.lock"))):
        rows = [*read_results(done.results), {name: str(value) for name, value in row.items()}]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, dict.fromkeys([*row, *rows[0]]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)  # of an older version, without the later columns
        write_atomically(own_path(done.results), lambda part: part.write_text(text.getvalue(), encoding="utf-8"))


def read_results(path: Path) -> list[dict[str, str]]:
    """Return the rows of a results file; none where there is no file.

    Raises:
        DataError: it is no table.
    """
    if not path.exists():
        return []
    try:
        return list(csv.DictReader(read_own(path).decode("utf-8").splitlines()))
    except (ValueError, csv.Error) as error:
        raise damaged(path, error) from error
