"""Small jobs on made-up samples, for every test that runs a method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from labelaudit.core.events import EventSink, ignore
from labelaudit.core.recipe import TrainSettings
from labelaudit.noise.plant import plant_symmetric
from labelaudit.training.batches import Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.job import Job
from labelaudit.training.models import MultilayerPerceptron, PreActResNet, initialised


def blobs(n: int, n_classes: int, *, rate: float, seed: int = 0, spread: float = 1.0):
    """Return values (n, 8), given labels and true labels of Gaussian clouds."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 8)) * 3
    true = np.arange(n) % n_classes
    values = (centres[true] + rng.normal(size=(n, 8)) * spread).astype(np.float32)
    return values, plant_symmetric(true, n_classes, rate, rng), true


def vector_job(
    values, given, n_classes: int, *, seed: int = 0, checkpoints: Path | None = None, on_event: EventSink = ignore
) -> Job:
    inputs = VectorInputs(torch.from_numpy(values))
    width = values.shape[1]
    return _job(
        inputs, given, n_classes, lambda: MultilayerPerceptron(width, n_classes, width=32), seed, checkpoints, on_event
    )


def image_job(n: int, n_classes: int, *, rate: float = 0.2, seed: int = 0, size: int = 12) -> tuple[Job, np.ndarray]:
    """Return a job on images whose class is the brightness of a corner, and where the labels are wrong."""
    rng = np.random.default_rng(seed)
    true = np.arange(n) % n_classes
    pixels = rng.integers(0, 120, (n, size, size, 3)).astype(np.uint8)
    pixels[:, :6, :6] += ((true * 130) // max(1, n_classes - 1)).astype(np.uint8)[:, None, None, None]
    given = plant_symmetric(true, n_classes, rate, rng)
    inputs = Pixels(torch.from_numpy(pixels), size, torch.full((3,), 1 / 64.0), torch.full((3,), -2.0), 1, False)

    def build():
        return PreActResNet(n_classes, stem=[(8, 2)], widths=(8, 16), blocks=1)

    return _job(inputs, given, n_classes, build, seed, None, ignore), given != true


def _job(inputs: Inputs, given, n_classes, build, seed, checkpoints, on_event) -> Job:
    torch.set_num_threads(1)
    settings = TrainSettings(batch_size=32, weight_decay=1e-3, optimizer="adamw")
    return Job(
        samples=Samples(inputs, torch.from_numpy(given), settings.batch_size, torch.float32, seed),
        n_classes=n_classes,
        build_model=lambda stream: initialised(build, seed=seed, stream=stream),
        train=settings,
        precision=torch.float32,
        seed=seed,
        checkpoints=checkpoints,
        on_event=on_event,
    )
