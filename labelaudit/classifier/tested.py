"""`train --test`: how good the networks are after every epoch, and what the last ones confuse."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labelaudit.classifier.answers import load_readable, on_frozen_backbone
from labelaudit.core.dataset import Dataset, IntN
from labelaudit.core.errors import DataError, count, damaged, did_you_mean, shorten
from labelaudit.core.events import EpochTested, EventSink, Said
from labelaudit.core.files import parse_json, read_own, write_text
from labelaudit.core.model_facts import ModelFacts
from labelaudit.core.recipe import DataSettings
from labelaudit.core.shape import map_of, share
from labelaudit.exports.csv_cells import csv_line
from labelaudit.functional.metrics import expected_calibration_error
from labelaudit.sources.read import read_dataset
from labelaudit.sources.splits import ALL_SPLITS
from labelaudit.sources.unlabelled import as_seen_by
from labelaudit.training.batches import Inputs
from labelaudit.training.classify import class_probs
from labelaudit.training.job import Classifier
from labelaudit.training.model_file import FrozenFeatures, StoredModel

AVERAGED_EPOCHS = 10  # the last ones, as papers on label noise report
_PAIRS = 10  # most confused ones, in the model card


@dataclass(frozen=True, slots=True)
class TestData:
    """Labelled samples that nothing was learnt from, on the device."""

    __test__ = False  # for pytest: not a test

    source: str
    inputs: Inputs
    labels: IntN  # (N,) position in the classes of the model


def read_test(source: Path | str, settings: DataSettings) -> Dataset:
    """Return the labelled samples to test on: the split called test where there is one, else everything.

    Raises:
        ConfigError: it does not exist.
        DataError: it cannot be read.
    """
    whole = read_dataset(source, dataclasses.replace(settings, split=ALL_SPLITS))
    if "test" not in (whole.split or "").split(","):
        return whole
    return read_dataset(source, dataclasses.replace(settings, split="test"))


def load_test(
    dataset: Dataset,
    settings: DataSettings,
    facts: ModelFacts,
    frozen: FrozenFeatures | None,
    device: torch.device,
    on_event: EventSink,
    *,
    cache: Path | None = None,
) -> TestData:
    """Return test samples as the networks see them; broken ones are left out, and said.

    Raises:
        DataError: a class that the training data does not have, or nothing to look at.
    """
    place = {name: at for at, name in enumerate(facts.classes)}
    unknown = [name for name in dataset.classes if name not in place]
    if unknown:
        raise DataError(
            f"{dataset.source}: classes that the training data does not have: {shorten(map(repr, unknown))}.",
            hint=did_you_mean(unknown[0], facts.classes) or "Test on data with the same classes.",
        )
    labels = np.array([place[name] for name in dataset.classes], dtype=np.int64)[dataset.given]
    samples = as_seen_by(dataset, settings, facts)
    readable = load_readable(samples, facts, device, on_event, cache=cache)
    if readable.inputs is None:
        raise DataError(f"{dataset.source}: not one of its {len(dataset):,} samples can be read.")
    if readable.broken:
        broken = count(len(readable.broken), "test sample")
        on_event(Said("warning", f"{broken} cannot be read, left out: {shorten(readable.broken.values())}"))
    model = StoredModel(facts, (), frozen)
    inputs = on_frozen_backbone(readable.inputs, model, device, on_event, n=len(readable.kept))
    return TestData(str(dataset.source), inputs, labels[readable.kept])


def _read_figures(file: Path) -> dict[str, dict[str, float]]:
    """Return the accuracy of each epoch of each stage; raises DataError where the file is damaged."""
    try:
        figures: dict[str, dict[str, float]] = parse_json(read_own(file))
        map_of(map_of(share))(figures, "")
    except ValueError as error:
        raise damaged(file, error, hint="Train again.") from error
    return figures


class Tested:
    """Tests what a method shows after every epoch, and keeps the figures on disk, so that a training can go on.

    Args:
        data: to test on.
        precision: that the networks compute in.
        file: for the figures.
        on_event: told the accuracy of every epoch.
    """

    def __init__(self, data: TestData, precision: torch.dtype, file: Path, on_event: EventSink) -> None:
        self._data, self._precision, self._file, self._on_event = data, precision, file, on_event
        self._figures: dict[str, dict[str, float]] = _read_figures(file) if file.exists() else {}

    def __call__(self, shown: Classifier) -> None:
        """Test the networks of an epoch."""
        accuracy = float((self.probs(shown.models).argmax(axis=1) == self._data.labels).mean())
        self._figures.setdefault(shown.stage, {})[str(shown.epoch)] = accuracy
        text = json.dumps(self._figures)
        write_text(self._file, text)
        self._on_event(EpochTested(shown.stage, shown.epoch, shown.epochs, accuracy))

    def probs(self, networks: tuple[torch.nn.Module, ...]) -> Any:
        """Return (N, C) probabilities of the test samples."""
        inputs, n = self._data.inputs, len(self._data.labels)
        return class_probs(networks, inputs, n, precision=self._precision).cpu().numpy()

    def report(self, networks: tuple[torch.nn.Module, ...], facts: ModelFacts) -> dict[str, Any]:
        """Return what the model card says of the test: of the networks that are kept, and of all epochs."""
        labels, probs = self._data.labels, self.probs(networks)
        predicted = probs.argmax(axis=1)
        accuracy = float((predicted == labels).mean())
        return {
            "source": self._data.source,
            "samples": len(labels),
            "accuracy": accuracies(self._of_last_stage(), last=accuracy),
            "calibration_error": expected_calibration_error(probs.max(axis=1).clip(0.0, 1.0), predicted == labels),
            "confused": _confused(labels, predicted, facts.classes)[:_PAIRS],
        }

    def write_confusion(self, networks: tuple[torch.nn.Module, ...], facts: ModelFacts, path: Path) -> None:
        """Write how often each label was predicted for each true one, as CSV; pairs that never occur are left out."""
        labels, predicted = self._data.labels, self.probs(networks).argmax(axis=1)
        counts = np.zeros((len(facts.classes), len(facts.classes)), dtype=np.int64)
        np.add.at(counts, (labels, predicted), 1)
        rows = [csv_line([facts.classes[t], facts.classes[p], str(counts[t, p])]) for t, p in np.argwhere(counts)]
        text = "\n".join(["true,predicted,samples", *rows]) + "\n"
        write_text(path, text)

    def _of_last_stage(self) -> dict[int, float]:
        stage = next(reversed(self._figures), None)
        return {} if stage is None else {int(epoch): value for epoch, value in self._figures[stage].items()}


def accuracies(by_epoch: dict[int, float], *, last: float) -> dict[str, Any]:
    """Return the three figures that papers give, and which is which.

    Args:
        by_epoch: accuracy after each epoch that was tested.
        last: of the networks that are kept, those of the last epoch.
    """
    epochs = sorted(by_epoch)
    final = [by_epoch[epoch] for epoch in epochs[-AVERAGED_EPOCHS:]] or [last]
    best = max(epochs, key=lambda epoch: by_epoch[epoch], default=0)  # the first of equals
    return {
        "last": last,
        "mean_of_last": float(np.mean(final)),
        "averaged_epochs": len(final),
        "best": by_epoch.get(best, last),
        "best_epoch": best,
        "by_epoch": [by_epoch[epoch] for epoch in epochs],
    }


def _confused(true: IntN, predicted: IntN, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the pairs of a true and another, predicted label, the most frequent first."""
    wrong = true != predicted
    pairs, counts = np.unique(np.stack([true[wrong], predicted[wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        {"true": classes[pairs[0, i]], "predicted": classes[pairs[1, i]], "count": int(counts[i])}
        for i in order.tolist()
    ]
