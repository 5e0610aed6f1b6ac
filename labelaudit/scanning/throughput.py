"""How fast a recipe trains on this machine, measured on made-up samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import Probabilities, Vectors
from labelaudit.core.events import ignore
from labelaudit.core.recipe import Recipe
from labelaudit.methods.registry import read_options, require_method
from labelaudit.scanning.network import network_builder
from labelaudit.scanning.prepare import Prepared
from labelaudit.training.batches import Batch, Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.compiled import compile_
from labelaudit.training.device import choose_precision, keep_freed_memory
from labelaudit.training.epoch import train_epoch
from labelaudit.training.job import make_optimizer

_TRIAL_SECONDS = 1.0  # how long the throughput is measured
_WARM_STEPS = 3
_FEATURES = 512  # of a ResNet-18; other backbones have up to 2,048, and their heads still take seconds


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
    if isinstance(content, Vectors) or recipe.model.frozen == "yes":
        width = content.values.shape[1] if isinstance(content, Vectors) else _FEATURES
        return VectorInputs(torch.zeros(n, width, device=device))
    size = recipe.data.image_size or 32
    whole = size + recipe.train.crop_margin
    ones = torch.ones(3, device=device)
    pixels = torch.zeros(n, whole, whole, 3, dtype=torch.uint8, device=device)
    return Pixels(pixels, size, ones / 255.0, ones * 0, recipe.train.crop_padding, recipe.train.flip)
