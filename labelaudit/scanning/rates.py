"""How fast a recipe trains on this machine: measured on made-up samples, or by an earlier scan."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import Probabilities, Texts, Vectors
from labelaudit.core.errors import DataError
from labelaudit.core.events import ignore
from labelaudit.core.files import own_path, parse_json, read_own, write_text
from labelaudit.core.recipe import Recipe
from labelaudit.core.version import VERSION
from labelaudit.methods.registry import read_options, require_method
from labelaudit.scanning.network import network_builder
from labelaudit.scanning.request import Prepared
from labelaudit.training.batches import Batch, Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.compiled import compile_
from labelaudit.training.device import choose_precision, describe_device, keep_freed_memory
from labelaudit.training.epoch import train_epoch
from labelaudit.training.job import make_optimizer

RateOf = Callable[[Prepared, Recipe], float | None]  # samples per second; None where nothing is trained

_TRIAL_SECONDS = 1.0  # how long the throughput is measured
_WARM_STEPS = 3
_FEATURES = 512  # of a ResNet-18; other backbones have up to 2,048, and their heads still take seconds
_WORDS = 256  # inputs that a text becomes, about
_LOAD_FILE = Path("/proc/loadavg")
_LOOKS, _BETWEEN_LOOKS_S = 5, 0.01


def estimated_seconds(prepared: Prepared) -> float | None:
    """Return the seconds that all training passes of a scan would take; None where nothing is trained."""
    recipe, n = prepared.recipe, len(prepared.dataset)
    rate = training_rate(prepared, recipe)
    if rate is None:
        return None
    return training_passes(recipe) * n / rate + feature_seconds(prepared, recipe, training_rate)


def feature_seconds(prepared: Prepared, recipe: Recipe, rate_of: Callable[[Prepared, Recipe], float | None]) -> float:
    """Return the seconds that the features of a frozen network take: forward only, a third of a pass each view."""
    if recipe.model.frozen != "yes":
        return 0.0
    whole = replace(recipe, model=replace(recipe.model, frozen="no", weights="none"))
    rate = rate_of(prepared, whole)
    return 0.0 if rate is None else (2 if recipe.train.flip else 1) * len(prepared.dataset) / 3 / rate


def training_passes(recipe: Recipe) -> float:
    """Return how often a recipe trains on every sample."""
    return require_method(recipe.method).training_passes(read_options(recipe))


def training_rate(prepared: Prepared, recipe: Recipe) -> float | None:
    """Return the samples per second that a recipe trains on; None where nothing is trained. Takes two seconds."""
    inputs = _made_up_inputs(prepared, recipe)
    if inputs is None:
        return None
    device, n_classes = prepared.device, prepared.dataset.n_classes
    if device.type == "cpu":
        keep_freed_memory()
    precision = choose_precision(device, recipe.train.precision) if isinstance(inputs, Pixels) else torch.float32
    n = len(inputs.pixels) if isinstance(inputs, Pixels) else len(inputs.values)
    samples = Samples(inputs, torch.arange(n, device=device) % n_classes, n, precision, recipe.seed)
    model = network_builder(recipe, inputs, n_classes, device, ignore)("estimate")
    if recipe.train.compile == "yes":
        compile_(model)
    optimizer = make_optimizer(model, recipe.train)

    def train(steps: int) -> int:
        batches = [batch for step in range(steps) for batch in samples.shuffled("estimate", step)]
        train_epoch(
            model, batches, _loss, optimizer, lambda _: 1e-3, step=0, precision=precision, on_samples=lambda _: None
        )
        return steps * n

    train(_WARM_STEPS)
    started, done = time.monotonic(), 0
    while time.monotonic() - started < _TRIAL_SECONDS:
        done += train(2)
    return done / (time.monotonic() - started)


def _loss(network: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(network(batch.inputs).float(), batch.labels, reduction="none")


def _made_up_inputs(prepared: Prepared, recipe: Recipe) -> Inputs | None:
    """Return one batch of made-up samples of the right shape; None where nothing is trained."""
    device, content = prepared.device, prepared.dataset.content
    n = min(recipe.train.batch_size, len(prepared.dataset))
    if isinstance(content, Probabilities):
        return None
    if isinstance(content, Texts):
        return VectorInputs(torch.zeros(n, _WORDS, device=device))
    if isinstance(content, Vectors) or recipe.model.frozen == "yes":
        width = content.values.shape[1] if isinstance(content, Vectors) else _FEATURES
        return VectorInputs(torch.zeros(n, width, device=device))
    size = recipe.data.image_size or 32
    whole = size + recipe.train.crop_margin
    ones = torch.ones(3, device=device)
    pixels = torch.zeros(n, whole, whole, 3, dtype=torch.uint8, device=device)
    return Pixels(pixels, size, ones / 255.0, ones * 0, recipe.train.crop_padding, recipe.train.flip)


def remembered(rate_of: RateOf, path: Path) -> RateOf:
    """Return a function that measures what no earlier scan has measured, and notes it.

    A rate is known again for the same device, number of threads, versions, network, settings and shape of the data. A
    setting that failed is remembered as 0. A file that cannot be read or written only means to measure again.

    Args:
        rate_of: measures samples per second; seconds of work.
        path: a JSON file; its folder may be missing.
    """

    def rate(prepared: Prepared, recipe: Recipe) -> float | None:
        key = _key(prepared, recipe)
        known = _read(path).get(key)
        if known is not None:
            return known
        try:
            measured = rate_of(prepared, recipe)
        except RuntimeError:  # what torch raises
            _note(path, key, 0.0)
            raise
        if measured is not None:
            _note(path, key, measured)
        return measured

    return rate


def load_now() -> float:
    """Return how many others want to run at this moment, as far as the system tells.

    The load of the last minute counts this user's previous scan, which has ended.
    """
    if not _LOAD_FILE.exists():
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    runnable = 0
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS_S)
        runnable += int(_LOAD_FILE.read_text().split()[3].partition("/")[0]) - 1  # without the one that reads
    return runnable / _LOOKS


def _key(prepared: Prepared, recipe: Recipe) -> str:
    dataset = prepared.dataset
    facts = {
        "versions": (VERSION, torch.__version__),
        "device": describe_device(prepared.device),  # with the number of threads
        "model": dataclasses.asdict(recipe.model),
        "train": dataclasses.asdict(recipe.train),
        "image_size": recipe.data.image_size,
        "classes": dataset.n_classes,
        "batch": min(recipe.train.batch_size, len(dataset)),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, float]:
    try:
        found = parse_json(read_own(path, most=2**24))
        return {str(key): float(rate) for key, rate in found.items() if 0 <= rate < 1e12}
    except (DataError, OSError, ValueError, TypeError, AttributeError):
        return {}


def _note(path: Path, key: str, rate: float) -> None:
    text = json.dumps(_read(path) | {key: rate}, indent=1)
    with suppress(DataError, OSError):
        own_path(path).parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
