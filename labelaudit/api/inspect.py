"""`labelaudit inspect`: what would be scanned, and how; trains nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labelaudit.api.network import network_builder
from labelaudit.api.prepare import Prepared, prepare
from labelaudit.core.dataset import Dataset, Images, Probabilities, SetAside, Vectors
from labelaudit.core.events import ignore
from labelaudit.core.recipe import DataSettings, ModelSettings, from_dict
from labelaudit.functional.images import UnreadableImage, image_size
from labelaudit.methods.registry import require_method
from labelaudit.training.batches import Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.device import choose_precision, describe_device, keep_freed_memory
from labelaudit.training.epoch import train_epoch
from labelaudit.training.job import make_optimizer

_HEADERS = 2000  # images whose header is read, evenly spaced: all of a small dataset, a sample of a large one
_TRIAL_SECONDS = 1.5  # how long the throughput is measured
_TRIAL_WARM_STEPS = 3


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a scan would do."""

    prepared: Prepared
    problems: tuple[SetAside, ...]  # rows and files that would be set aside
    sides: tuple[int, int, int] | None  # pixels of the short side: least, median, most; None without images
    device: str
    seconds: float | None  # estimated for the whole scan; None where nothing is trained

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        dataset, recipe = self.prepared.dataset, self.prepared.recipe
        counts = dataset.class_counts().tolist()
        return {
            "schema": 1,
            "source": str(dataset.source),
            "kind": dataset.kind,
            "split": dataset.split,
            "samples": len(dataset),
            "classes": dict(zip(dataset.classes, counts, strict=True)),
            "image_sides": None
            if self.sides is None
            else dict(zip(("least", "median", "most"), self.sides, strict=True)),
            "trusted": int(dataset.trusted.sum()),
            "remarks": [{"level": remark.level, "text": remark.text} for remark in dataset.remarks],
            "problems": [
                {"path": row.path, "given_label": row.given_label, "issue": row.issue, "detail": row.detail}
                for row in self.problems
            ],
            "device": self.device,
            "why": self.prepared.why,
            "recipe": recipe.to_dict(),
            "estimated_seconds": None if self.seconds is None else round(self.seconds),
        }


def inspect(
    source: Path | str,
    *,
    recipe: str | None = None,
    backbone: str = "auto",
    weights: str = "none",
    seed: int = 0,
    device: str = "auto",
    overrides: dict[str, str] | None = None,
    estimate: bool = True,
    **data: Any,
) -> Inspection:
    """Return what `scan` with the same arguments would scan, and how.

    The headers of up to 2,000 images are read, so that broken ones show; pixels are not decoded, so a file that is
    damaged further in is found by the scan only.

    Args:
        source: a folder or a table.
        recipe: as in `scan`.
        backbone: as in `scan`.
        weights: as in `scan`.
        seed: as in `scan`.
        device: as in `scan`.
        overrides: as in `scan`.
        estimate: measure the throughput for about two seconds to estimate the time.
        **data: fields of `DataSettings`.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be audited.
    """
    prepared = prepare(
        source,
        recipe=recipe,
        data=from_dict(DataSettings, data, prefix="data."),
        model=ModelSettings(backbone, weights),
        seed=seed,
        device=device,
        overrides=overrides,
    )
    sides, unreadable = _headers(prepared.dataset)
    return Inspection(
        prepared=prepared,
        problems=prepared.dataset.set_aside + unreadable,
        sides=sides,
        device=describe_device(prepared.device),
        seconds=_estimated_seconds(prepared) if estimate else None,
    )


def _headers(dataset: Dataset) -> tuple[tuple[int, int, int] | None, tuple[SetAside, ...]]:
    """Return (least, median, most) short side and the images whose header cannot be read."""
    content = dataset.content
    if not isinstance(content, Images):
        return None, ()
    sides, bad = [], []
    for index in np.unique(np.linspace(0, len(dataset) - 1, min(_HEADERS, len(dataset))).astype(int)).tolist():
        try:
            sides.append(min(image_size(content.read(index))))
        except (OSError, UnreadableImage) as error:
            label = dataset.classes[int(dataset.given[index])]
            bad.append(SetAside(dataset.sample_ids[index], dataset.paths[index], label, "unreadable", str(error)))
    if not sides:
        return None, tuple(bad)
    return (min(sides), int(np.median(sides)), max(sides)), tuple(bad)


def _estimated_seconds(prepared: Prepared) -> float | None:
    """Return the seconds of all training passes at a throughput measured on made-up samples."""
    inputs = _made_up_inputs(prepared)
    if inputs is None:
        return None
    recipe, device, dataset = prepared.recipe, prepared.device, prepared.dataset
    options = from_dict(require_method(recipe.method).Options, recipe.options, prefix="method.")
    passes: int = require_method(recipe.method).training_passes(options)
    if device.type == "cpu":
        keep_freed_memory()
    images = isinstance(inputs, Pixels)
    precision = choose_precision(device, recipe.train.precision) if images else torch.float32
    n = len(inputs.pixels) if isinstance(inputs, Pixels) else len(inputs.values)
    labels = torch.arange(n, device=device) % dataset.n_classes
    samples = Samples(inputs, labels, recipe.train.batch_size, precision, recipe.seed)
    model = network_builder(recipe, inputs, dataset.n_classes, device, ignore)("estimate")
    optimizer = make_optimizer(model, recipe.train)
    rate = _throughput(model, optimizer, samples, precision)
    return passes * len(dataset) / rate


def _throughput(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, samples: Samples, precision: torch.dtype
) -> float:
    """Return training samples per second."""

    def loss(network: torch.nn.Module, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(batch.inputs).float(), batch.labels, reduction="none")

    def train(steps: int) -> int:
        batches = [batch for epoch in range(steps) for batch in samples.shuffled("estimate", epoch)]
        train_epoch(
            model, batches, loss, optimizer, lambda _: 1e-3, step=0, precision=precision, on_samples=lambda _: None
        )
        return sum(len(batch.index) for batch in batches)

    train(_TRIAL_WARM_STEPS)
    started, done = time.monotonic(), 0
    while time.monotonic() - started < _TRIAL_SECONDS:
        done += train(2)
    return done / (time.monotonic() - started)


def _made_up_inputs(prepared: Prepared) -> Inputs | None:
    """Return one batch of made-up samples of the right shape; None where nothing is trained."""
    recipe, device, content = prepared.recipe, prepared.device, prepared.dataset.content
    n = min(recipe.train.batch_size, len(prepared.dataset))
    if isinstance(content, Probabilities):
        return None
    if isinstance(content, Vectors):
        return VectorInputs(torch.zeros(n, content.values.shape[1], device=device))
    size = recipe.data.image_size or 32
    whole = size + recipe.train.crop_margin
    ones = torch.ones(3, device=device)
    pixels = torch.zeros(n, whole, whole, 3, dtype=torch.uint8, device=device)
    return Pixels(pixels, size, ones / 255.0, ones * 0, recipe.train.crop_padding, recipe.train.flip)
