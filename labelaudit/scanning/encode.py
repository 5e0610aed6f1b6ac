"""What a pretrained encoder makes of the images of a scan, for methods that look before they learn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelaudit.core.arrays import IntN
from labelaudit.core.events import EventSink, Said, SamplesDone, StageFinished, StageStarted
from labelaudit.encoders.feature_store import FeatureStore
from labelaudit.encoders.images import ImageEncoder, image_vectors, load_image_encoder
from labelaudit.encoders.registry import DEFAULT_IMAGE_ENCODER, require_encoder
from labelaudit.methods.registry import looks_first
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.request import Prepared
from labelaudit.training.batches import Pixels
from labelaudit.training.device import choose_precision, keep_freed_memory
from labelaudit.training.ranks import ALONE, Ranks

_BATCH = 64  # images


def with_vectors(
    loaded: Loaded, prepared: Prepared, on_event: EventSink, *, cache: Path | None = None, ranks: Ranks = ALONE
) -> Loaded:
    """Return the samples with an encoder's vectors where they are images that the method wants to look at first.

    Samples that have vectors are returned as they are.

    Args:
        loaded: the samples.
        prepared: the method, and which encoder: `model.encoder`, where auto is the one that needs no network.
        on_event: told how it goes.
        cache: folder of vectors that earlier scans left behind; None keeps none.
        ranks: who shares the work.

    Raises:
        ConfigError: the encoder is not known, or not installed.
        DataError: its weights cannot be had.
    """
    inputs, recipe = loaded.inputs, prepared.recipe
    if loaded.vectors is not None or not isinstance(inputs, Pixels) or not looks_first(recipe.method):
        return loaded
    name = DEFAULT_IMAGE_ENCODER if recipe.model.encoder == "auto" else recipe.model.encoder
    card = require_encoder(name, "image")
    store = FeatureStore(cache, name, card.version, f"{inputs.size} pixels")
    precision = choose_precision(prepared.device, recipe.train.precision)
    encoder = load_image_encoder(name, prepared.device, precision)
    own = np.arange(len(loaded.dataset))[ranks.part]
    hashes = [loaded.content_hashes[index] for index in own]
    started = time.monotonic()
    on_event(StageStarted("encode", f"Look at the images with {name}", len(own)))
    vectors, known = store.find(hashes, encoder.dimension)
    if known.any():
        on_event(Said("note", f"{int(known.sum()):,} images encoded by an earlier scan"))
    missing = np.flatnonzero(~known)
    if len(missing):
        vectors[missing] = _encoded(encoder, inputs, own[missing], on_event, done=int(known.sum()))
        store.add([hashes[place] for place in missing], vectors[missing])
    on_event(StageFinished("encode", time.monotonic() - started))
    whole = ranks.gather_by_index(torch.from_numpy(own), torch.from_numpy(vectors), len(loaded.dataset))
    return replace(loaded, vectors=whole.float().to(prepared.device))


def _encoded(
    encoder: ImageEncoder, inputs: Pixels, index: IntN, on_event: EventSink, *, done: int
) -> NDArray[np.float16]:
    """Return (n, D) vectors of the images at these positions."""
    if inputs.scale.device.type == "cpu":
        keep_freed_memory()
    parts = []
    for vectors in image_vectors(encoder, _batches(inputs, torch.from_numpy(index))):
        parts.append(vectors.numpy().astype(np.float16))
        done += len(vectors)
        on_event(SamplesDone("encode", done))
    return np.concatenate(parts)


def _batches(inputs: Pixels, index: Tensor) -> Iterator[Tensor]:
    for some in torch.split(index, _BATCH):
        yield inputs.fetch(some)
