"""Samples before a stored classifier, and its answers: what predict, train --test and scan --update share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelaudit.core.dataset import IntN, Vectors
from labelaudit.core.errors import DataError
from labelaudit.core.events import EventSink, SamplesDone, StageFinished, StageStarted
from labelaudit.core.model_facts import ModelFacts
from labelaudit.functional.near import HashN
from labelaudit.scanning.load import decode_with_progress, pixels_on_device
from labelaudit.sources.unlabelled import Unlabelled
from labelaudit.training.batches import Inputs, Pixels, VectorInputs
from labelaudit.training.classify import class_probs, frozen_features
from labelaudit.training.device import choose_precision, keep_freed_memory
from labelaudit.training.model_file import FrozenFeatures, StoredModel, build_features, build_networks
from labelaudit.training.pixel_store import PixelStore


@dataclass(frozen=True, slots=True)
class Readable:
    """Samples that a classifier can look at, and why it cannot look at the others."""

    kept: IntN  # (M,) positions in what was read
    inputs: Inputs | None  # of M samples; None where there is not one
    broken: Mapping[int, str]  # position -> why
    content_hashes: tuple[str, ...] = ()  # (M,) of images' bytes; () for vectors
    near_hashes: HashN | None = None  # (M,) nearly equal for images that nearly look alike; None for vectors


def load_readable(
    samples: Unlabelled, facts: ModelFacts, device: torch.device, on_event: EventSink, *, cache: Path | None = None
) -> Readable:
    """Return samples on the device as a classifier saw its own; images are decoded, or found decoded.

    Args:
        samples: N of them.
        facts: what the classifier sees.
        device: where to.
        on_event: told how decoding goes.
        cache: folder of decoded pixels; None keeps none.
    """
    content = samples.content
    if isinstance(content, Vectors):
        kept = np.setdiff1d(np.arange(len(samples)), sorted(samples.broken))
        values = torch.from_numpy(content.values[kept]).to(device)
        return Readable(kept, VectorInputs(values) if len(kept) else None, samples.broken)
    if facts.images is None:
        raise ValueError(f"a classifier of {facts.kind} does not look at images")
    with PixelStore(cache, facts.images.size + facts.images.margin, framing=facts.images.framing) as store:
        decoded = decode_with_progress(content, samples.paths, store, on_event)
        inputs = pixels_on_device(decoded, facts.images, device) if len(decoded.rows) else None
    broken = {**dict(decoded.failures), **samples.broken}
    kept = np.setdiff1d(np.arange(len(samples)), [index for index, _ in decoded.failures])
    return Readable(kept, inputs, broken, decoded.content_hashes, decoded.near_hashes)


def on_frozen_backbone(
    inputs: Inputs, model: StoredModel, device: torch.device, on_event: EventSink, *, n: int
) -> Inputs:
    """Return the features of images where a model's networks see those; else the inputs as they are."""
    backbone = build_features(model, device)
    if backbone is None or model.features is None or not isinstance(inputs, Pixels):
        return inputs
    return _features(backbone, model.features, inputs, model.facts, device, on_event, n=n)


def _features(
    backbone: torch.nn.Module,
    frozen: FrozenFeatures,
    inputs: Pixels,
    facts: ModelFacts,
    device: torch.device,
    on_event: EventSink,
    *,
    n: int,
) -> VectorInputs:
    started = time.monotonic()
    on_event(StageStarted("features", f"Compute features with {facts.backbone}", n * len(inputs.views())))
    count = _Count("features", on_event)
    precision = choose_precision(device, (facts.recipe.get("train") or {}).get("precision", "auto"))  # as the scan's
    found = frozen_features(backbone, frozen, inputs, n, precision=precision, on_samples=count)
    on_event(StageFinished("features", time.monotonic() - started))
    return found


def answers(model: StoredModel, readable: Readable, device: torch.device, on_event: EventSink) -> NDArray[np.float32]:
    """Return (M, C) probabilities of the samples that can be looked at.

    Raises:
        DataError: there is not one.
    """
    n = len(readable.kept)
    if readable.inputs is None:
        first = min(readable.broken, default=None)
        reason = "there is none" if first is None else f"the first: {readable.broken[first]}"
        raise DataError(f"not one of {n + len(readable.broken):,} samples can be classified; {reason}.")
    if device.type == "cpu":
        keep_freed_memory()
    inputs = on_frozen_backbone(readable.inputs, model, device, on_event, n=n)
    networks = build_networks(model, device)
    precision = choose_precision(device, "auto") if model.facts.precision == "bf16" else torch.float32
    started = time.monotonic()
    on_event(StageStarted("classify", "Classify", n * len(networks) * len(inputs.views())))
    probs: Tensor = class_probs(networks, inputs, n, precision=precision, on_samples=_Count("classify", on_event))
    on_event(StageFinished("classify", time.monotonic() - started))
    return np.asarray(probs.cpu().numpy())


class _Count:
    """Adds up samples and tells of them, at most five times a second."""

    def __init__(self, stage: str, on_event: EventSink) -> None:
        self._stage, self._on_event = stage, on_event
        self._done, self._told = 0, 0.0

    def __call__(self, n: int) -> None:
        self._done += n
        if time.monotonic() - self._told > 0.2:
            self._told = time.monotonic()
            self._on_event(SamplesDone(self._stage, self._done))
