"""`labelaudit demo`: the main job on data that comes along, with the truth beside it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from labelaudit.api.export import export
from labelaudit.api.scan import scan
from labelaudit.core.audits import Audit
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink, ignore
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.metrics import average_precision, precision_at_k
from labelaudit.noise.plant import plant_symmetric

_RATE = 0.08  # share of the labels that are made wrong
_SCALE = 4  # the digits are 8x8; 32x32 files can be looked at
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration found, against the truth."""

    audit: Audit
    folder: Path  # the images, and what was exported
    planted: int  # wrong labels that were made
    found: int  # of them, flagged as suspects
    false_alarms: int  # right labels that were flagged
    corrected: int  # of the planted ones, with the true label suggested
    average_precision: float  # of 1 - clean_prob against the truth
    precision_at_k: float  # share of planted errors among the most suspicious `planted` samples

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        names = ("planted", "found", "false_alarms", "corrected", "average_precision", "precision_at_k")
        return {name: getattr(self, name) for name in names} | {"folder": str(self.folder)}


def demo(
    folder: Path | str = "labelaudit-demo", *, seed: int = 0, device: str = "auto", on_event: EventSink = ignore
) -> Demo:
    """Write scikit-learn's handwritten digits with 8 % wrong labels, scan them, and compare with the truth.

    Args:
        folder: gets `digits/` (class folders of PNG files), `truth.csv`, the audit, and `suspect.csv`.
        seed: of the planted labels and of the scan.
        device: as in `scan`.
        on_event: told what happens.

    Raises:
        ConfigError: the folder holds something else.
    """
    target = Path(folder)
    if target.exists() and any(target.iterdir()) and not (target / "truth.csv").exists():
        raise ConfigError(f"{target} is not empty and not a demonstration.", hint="Name a new folder.")
    truth = write_digits(target, seed=seed)
    # An encoder of photographs sees little in digits of 8 x 8 pixels: networks alone are faster, and better.
    audit = scan(
        target / "digits", root=target, method="panel", epochs_scale=0.25, seed=seed, device=device, on_event=on_event
    )
    export(audit, "suspect.csv", output=target)
    return compare(audit, truth, target)


def write_digits(folder: Path, *, seed: int) -> dict[str, str]:
    """Write the digits as `digits/<label>/<number>.png` with planted errors; return the true label of every id.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    digits = load_digits()
    true = digits.target.astype(np.int64)
    given = plant_symmetric(true, len(_NAMES), _RATE, numpy_generator(seed, "demo"))
    truth: dict[str, str] = {}
    try:
        _remove_old(folder / "digits")
        for index, pixels in enumerate(digits.images):
            name = f"{_NAMES[given[index]]}/{index:04d}.png"
            path = folder / "digits" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray((255 - pixels * (255 / 16)).astype(np.uint8))  # 16 grey levels, dark on white
            image.resize((8 * _SCALE, 8 * _SCALE), Image.Resampling.BICUBIC).save(path)
            truth[name] = _NAMES[true[index]]
        with (folder / "truth.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sample_id", "given_label", "true_label"])
            writer.writerows([name, name.split("/")[0], label] for name, label in truth.items())
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}.", hint="Name another folder.") from error
    return truth


def compare(audit: Audit, truth: dict[str, str], folder: Path) -> Demo:
    """Return how an audit's findings compare with the truth."""
    frame = audit.findings
    true = frame["sample_id"].map(truth)
    wrong = (frame["given_label"] != true).to_numpy()
    flagged = (frame["action"] != "keep").to_numpy()
    score = 1.0 - frame["clean_prob"].to_numpy()
    return Demo(
        audit=audit,
        folder=folder,
        planted=int(wrong.sum()),
        found=int((wrong & flagged).sum()),
        false_alarms=int((~wrong & flagged).sum()),
        corrected=int((frame["suggested_label"] == true).to_numpy()[wrong & flagged].sum()),
        average_precision=average_precision(score, wrong),
        precision_at_k=precision_at_k(score, wrong),
    )


def _remove_old(folder: Path) -> None:
    """Delete the PNG files of an earlier demonstration: another seed puts other files in other folders."""
    for file in folder.glob("*/[0-9][0-9][0-9][0-9].png"):
        file.unlink()
