"""What training with wrong labels ends with: test accuracy of the methods for the same training images.

Every row is one or two commands of labelaudit, each a process of its own, on the same noisy labels. A finished row of
a seed is written to the results file at once, so that a stopped bench goes on.

python -m labelaudit.lab.accuracy TRAIN TEST [--noise sym_incl:0.4] [--seeds 3] [--epochs 48] [--method ROW]...
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from labelaudit.core.errors import ConfigError, LabelAuditError, TrainingError, did_you_mean
from labelaudit.lab.bench_rows import add_row, find_row, make_revision, read_results

_PANEL_EPOCHS = 24  # of each of its two networks, whatever the trainings get: the default scan of such data
_THIRDS = 6  # the epochs are divided by two and by three


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the table: how to get from noisy labels to a classifier."""

    name: str
    train: tuple[str, ...]  # options of `labelaudit train`
    passes: int  # of the training over the samples with gradients, those of all networks together
    scan: tuple[str, ...] | None = None  # options of the `labelaudit scan` before it
    scan_passes: int = 0  # of that
    needs_trusted: bool = False


def ways(epochs: int) -> list[Way]:
    """Return the rows, each with so many passes over the samples with gradients.

    Args:
        epochs: of one network that sees every image once an epoch.

    Raises:
        ConfigError: they cannot be divided among two networks and three stages.
    """
    if epochs < _THIRDS or epochs % _THIRDS:
        raise ConfigError(f"--epochs {epochs}: expected a multiple of {_THIRDS}, for two networks and three stages.")
    half, third = epochs // 2, epochs // 3
    # A constant rate that drops to a tenth after two thirds.
    dropped = _options(schedule="milestones", peak_lr="0.1", milestones=str(2 * third + 1), epochs=str(epochs))
    plain = ("--method", "ce", *_options(epochs=str(epochs)))
    elr_plus = ("--method", "elr+", *_options(epochs=str(half)))
    warmup = max(1, round(0.35 * epochs))  # as in the published schedule
    bootstrap = _options(variant="m-dyr-h", epochs=str(epochs), warmup_epochs=str(warmup))
    drpl = ("--method", "drpl", *_options(stage1_epochs=str(third), stage2_epochs=str(third)))
    panel = ("--method", "panel", *_options(epochs=str(_PANEL_EPOCHS)))
    given, suggested = ("--labels", "given"), ("--labels", "suggested")
    by_heart = ("-o", "train.flip=false", "-o", "train.crop_padding=0")
    return [
        Way("ce dropped, not augmented", (*given, "--method", "ce", *dropped, *by_heart), epochs),
        Way("ce dropped", (*given, "--method", "ce", *dropped), epochs),
        Way("ce one-cycle", (*given, *plain), epochs),
        Way("elr", (*given, "--method", "elr", *_options(epochs=str(epochs))), epochs),
        Way("elr+", (*given, *elr_plus), epochs),
        Way("elr+ with mixup", (*given, *elr_plus, *_options(mixup_alpha="1")), epochs),
        Way("m-dyr-h", (*given, "--method", "bootstrap", *bootstrap), epochs),
        Way("ieg", (*given, "--method", "ieg", *_options(epochs=str(third))), epochs, needs_trusted=True),
        Way("drpl", ("--labels", "split", *_options(epochs=str(third))), third, scan=drpl, scan_passes=2 * third),
        Way("scan, ce one-cycle", (*suggested, *plain), epochs, scan=panel, scan_passes=2 * _PANEL_EPOCHS),
        Way("scan, elr+", (*suggested, *elr_plus), epochs, scan=panel, scan_passes=2 * _PANEL_EPOCHS),
    ]


def _options(**settings: str) -> tuple[str, ...]:
    return tuple(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one seed."""

    folder: Path
    seed: int
    train: Path  # the data with right labels
    test: Path
    options: tuple[str, ...]  # of every scan and training

    @property
    def noisy(self) -> Path:
        """The table with wrong labels."""
        return self.folder / "noisy.csv"

    @property
    def truth(self) -> Path:
        """The table with the right ones beside them."""
        return self.folder / "noisy.truth.csv"


def measure(way: Way, place: Place, *, trusted_per_class: int = 10) -> dict[str, Any]:
    """Return the figures of one way and seed: accuracies, labels learnt by heart, seconds.

    Args:
        way: the row.
        place: where its seed lives; the labels are planted there.
        trusted_per_class: samples with their right label, for the rows that need such.

    Raises:
        TrainingError: a command failed.
    """
    own = place.folder / way.name.replace(" ", "-").replace(",", "")
    common = ("--seed", str(place.seed), "--quiet", "--json", *place.options)
    scan_seconds, root, source = 0.0, own, place.noisy
    if way.scan is not None:
        root = place.folder / f"scan-{way.scan[1]}"
        scan_seconds = _scanned(place, root, (*way.scan, *common))
    trusted = ("--trusted", str(place.train), "--trusted-per-class", str(trusted_per_class)) * way.needs_trusted
    tested = ("--test", str(place.test), "--output", str(own / "model"), "--overwrite")
    started = time.monotonic()
    card = _answer("train", str(source), *way.train, *trusted, *tested, "--root", str(root), *common)
    seconds = time.monotonic() - started
    accuracy = card["metrics"]["test"]["accuracy"]
    return {
        **{name: accuracy[name] for name in ("last", "mean_of_last", "averaged_epochs", "best", "best_epoch")},
        **_learnt_by_heart(own / "model", place),
        "labels": ", ".join(f"{n:,} {what}" for what, n in card["metrics"]["labels"].items() if n),
        "seconds": seconds,
        "scan_seconds": scan_seconds,
        "passes": way.passes,
        "scan_passes": way.scan_passes,
    }


def _scanned(place: Place, root: Path, options: tuple[str, ...]) -> float:
    """Return the seconds of the scan in a folder; one that is there is not run again."""
    note = root / "seconds.json"
    if not note.exists():
        started = time.monotonic()
        _answer("scan", str(place.noisy), *options, "--output", str(root))
        note.write_text(json.dumps(time.monotonic() - started), encoding="utf-8")
    return float(json.loads(note.read_text(encoding="utf-8")))


def _learnt_by_heart(model: Path, place: Place) -> dict[str, float]:
    """Return the shares of the wrong and of the right labels that the classifier predicts for its own samples."""
    out = model.parent / "predictions.csv"
    _run("predict", str(model), str(place.noisy), "--output", str(out), "--top", "1", "--quiet")
    predicted = pd.read_csv(out, dtype=str).set_index("sample_id")["label"]
    truth = pd.read_csv(place.truth, dtype=str).set_index("sample_id")
    fits = predicted.reindex(truth.index) == truth["given_label"]
    is_wrong = truth["given_label"] != truth["true_label"]
    return {"wrong_fitted": float(fits[is_wrong].mean()), "right_fitted": float(fits[~is_wrong].mean())}


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "labelaudit", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise TrainingError(f"labelaudit {shlex.join(arguments)} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def _answer(*arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_run(*arguments))
    return answer


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a table: a line for each row in the order of `frame`, mean and standard deviation over its seeds."""
    lines = [
        "| method | last epoch | mean of the last | best (in epoch) | wrong labels predicted | right labels predicted |"
        " passes: scan + training | seconds: scan + training |",
        "|---" * 8 + "|",
    ]
    for name, rows in frame.groupby("method", sort=False):
        epochs, averaged = sorted(set(rows["best_epoch"])), max(rows["averaged_epochs"])
        cells = [
            _percent(rows["last"]),
            f"{_percent(rows['mean_of_last'])} ({averaged})",
            f"{_percent(rows['best'])} ({', '.join(map(str, epochs))})",
            _percent(rows["wrong_fitted"]),
            _percent(rows["right_fitted"]),
            f"{max(rows['scan_passes'])} + {max(rows['passes'])}",
            f"{rows['scan_seconds'].mean():,.0f} + {rows['seconds'].mean():,.0f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _percent(shares: pd.Series[float]) -> str:
    """Return "71.3 ±0.4": mean and standard deviation in percent."""
    spread = f" ±{100 * shares.std():.1f}" if len(shares) > 1 else ""
    return f"{100 * shares.mean():.1f}{spread}"


def run(asked: argparse.Namespace) -> pd.DataFrame:
    """Return the rows that were asked for, seed by seed; those that the results file has are not run again."""
    chosen = _chosen(ways(asked.epochs), asked.method)
    settings = {"epochs": asked.epochs, "options": asked.option, "test": str(asked.test.absolute())}
    data, revision = str(asked.train.absolute()), make_revision(settings)
    options = _options(**dict(option.split("=", 1) for option in asked.option))
    rows = []
    for seed in range(asked.seeds):
        place = Place(asked.work / f"{revision}-seed{seed}", seed, asked.train, asked.test, options)
        for way in chosen:
            key = {"data": data, "setting": asked.noise, "method": way.name, "seed": seed, "revision": revision}
            row = find_row(read_results(asked.results), key)
            if row is None:
                if not place.truth.exists():
                    place.folder.mkdir(parents=True, exist_ok=True)
                    _run("plant", str(asked.train), str(place.noisy), "--noise", asked.noise, "--seed", str(seed))
                row = key | measure(way, place)
                add_row(asked.results, row)
            rows.append(row)
            shown = ", ".join(f"{what} {100 * row[what]:.1f}" for what in ("last", "best", "wrong_fitted"))
            sys.stderr.write(f"{way.name}, seed {seed}: {shown}; {row['seconds']:.0f} s; {row['labels']}\n")
    frame = pd.DataFrame(rows)
    frame["method"] = pd.Categorical(frame["method"], [way.name for way in chosen])
    return frame.sort_values(["method", "seed"])


def _chosen(known: list[Way], names: Sequence[str] | None) -> list[Way]:
    by_name: Mapping[str, Way] = {way.name: way for way in known}
    for name in names or ():
        if name not in by_name:
            hint = did_you_mean(name, by_name) or f"Known: {'; '.join(by_name)}."
            raise ConfigError(f"--method {name!r} is no row of this bench.", hint=hint)
    return [way for way in known if names is None or way.name in names]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m labelaudit.lab.accuracy", description=__doc__)
    parser.add_argument("train", type=Path, help="class folders or a table whose labels count as right")
    parser.add_argument("test", type=Path, help="labelled data that is never trained on")
    parser.add_argument("--noise", default="sym_incl:0.4", help="what to plant, as in labelaudit plant")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions")
    parser.add_argument("--epochs", type=int, default=48, help="passes over the samples that every row gets")
    parser.add_argument("--method", action="append", help="one row; several at once; default: all")
    parser.add_argument("-o", "--option", action="append", default=[], help="KEY=VALUE of every scan and training")
    parser.add_argument("--results", type=Path, default=Path(".labelaudit/accuracy.parquet"), help="where rows collect")
    parser.add_argument("--work", type=Path, default=Path(".labelaudit/accuracy"), help="folder for audits and models")
    try:
        sys.stdout.write(to_markdown(run(parser.parse_args())))
    except LabelAuditError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
