"""`labelaudit predict`: what a trained classifier says of a folder of images or a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from labelaudit.classifier.answers import answers, load_readable
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import EventSink, ignore
from labelaudit.core.recipe import DataSettings, from_dict
from labelaudit.exports.predictions import render_predictions, write_predictions
from labelaudit.scanning.request import DataOptions, plain_paths
from labelaudit.sources.unlabelled import read_unlabelled
from labelaudit.training.device import choose_device
from labelaudit.training.model_file import read_model


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was predicted."""

    samples: int
    broken: int  # of them, without a prediction
    text: str  # the CSV
    path: Path | None  # where it was written

    def __repr__(self) -> str:
        return f"<Predicted {self.path or 'in memory'}: {self.samples:,} samples, {self.broken:,} broken>"


def predict(
    model: Path | str,
    source: Path | str,
    *,
    out: Path | str | None = "predictions.csv",
    top: int = 5,
    raw: bool = False,
    device: str = "auto",
    on_event: EventSink = ignore,
    **data: Unpack[DataOptions],
) -> Predicted:
    """Classify every image of a folder, or every row of a table, and write a CSV.

    Args:
        model: a `model.safetensors` of `train` or `scan`, or the folder that has it.
        source: images at any depth of a folder, or a table; labels are not needed, and not looked at.
        out: the CSV; None writes none.
        top: how many labels to give for each sample.
        raw: leave cells that a spreadsheet would run as formulas as they are.
        device: auto, cpu, cuda, cuda:1, mps.
        on_event: told what happens; the default says nothing.
        **data: fields of `DataSettings`, e.g. `path_column="file"`; what is left open is as in the training data.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: the model or the data is missing or damaged.
    """
    if top < 1:
        raise ConfigError(f"--top {top}: expected 1 or more.")
    chosen = choose_device(device)
    stored = read_model(model)
    settings = from_dict(DataSettings, {"split": "all", **plain_paths(data)}, prefix="data.")
    samples = read_unlabelled(source, settings, stored.facts)
    readable = load_readable(samples, stored.facts, chosen, on_event)
    probs = answers(stored, readable, chosen, on_event)
    text = render_predictions(
        samples.sample_ids, stored.facts.classes, readable.kept, probs, readable.broken, top=top, raw=raw
    )
    path = None if out is None else Path(out).expanduser()
    if path is not None:
        try:
            write_predictions(path, text)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another --output.") from error
    return Predicted(len(samples), len(readable.broken), text, path)
