"""From a recipe's model settings to networks: fresh, pretrained, or frozen, with features in place of the images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink, Said, SamplesDone, StageFinished, StageStarted
from labelaudit.core.recipe import Recipe
from labelaudit.scanning.load import Loaded
from labelaudit.training.batches import Inputs, Pixels, Samples, VectorInputs
from labelaudit.training.device import choose_precision, keep_freed_memory
from labelaudit.training.epoch import outputs
from labelaudit.training.model_file import FrozenFeatures
from labelaudit.training.models import (
    MultilayerPerceptron,
    build_image_network,
    default_weights,
    initialised,
    load_matching,
    read_weights,
    without_classifier,
)
from labelaudit.training.ranks import ALONE, Ranks, require_work_for_all

_BATCH = 64  # images; `in_order` makes 256 of it


def network_builder(
    recipe: Recipe, inputs: Inputs, n_classes: int, device: torch.device, on_event: EventSink
) -> Callable[[str], nn.Module]:
    """Return a function from a stream's name to a freshly initialised network on the device.

    Raises:
        ConfigError: the backbone does not exist, does not fit the data, or its weights cannot be used.
    """
    name, seed = recipe.model.backbone, recipe.seed
    if isinstance(inputs, VectorInputs):
        if name != "mlp" and recipe.model.frozen != "yes":
            raise ConfigError(f"backbone {name!r} is for images; these are vectors.", hint="Leave --backbone out.")
        width = inputs.values.shape[1]
        return lambda stream: initialised(lambda: MultilayerPerceptron(width, n_classes), seed=seed, stream=stream).to(
            device
        )
    weights = read_model_weights(recipe)
    size = inputs.size

    def build(stream: str) -> nn.Module:
        model = build_image_network(name, n_classes, size, seed=seed, stream=stream)
        if weights is not None:
            load_matching(model, weights)
        return model.to(device)

    if weights is not None:
        load_pretrained(build_image_network(name, n_classes, size, seed=seed, stream="probe"), weights, on_event)
    return build


def read_model_weights(recipe: Recipe) -> dict[str, Tensor] | None:
    """Return the weights that a recipe names, None for none."""
    setting = recipe.model.weights
    if setting == "none":
        return None
    return default_weights(recipe.model.backbone) if setting == "default" else read_weights(Path(setting).expanduser())


def load_pretrained(model: nn.Module, weights: dict[str, Tensor], on_event: EventSink) -> None:
    """Copy the weights that fit and say how many; ConfigError when not one does."""
    missing = load_matching(model, weights)
    total = len(model.state_dict())
    if len(missing) == total:
        raise ConfigError(
            "not one of the weights fits the backbone: other names or shapes.",
            hint="Name the network that the weights were trained with, e.g. --backbone resnet50.",
        )
    on_event(Said("note", f"weights: {total - len(missing)} of {total} tensors loaded, the rest starts fresh"))


def with_features(
    loaded: Loaded, recipe: Recipe, device: torch.device, on_event: EventSink, *, ranks: Ranks = ALONE
) -> Loaded:
    """Return the samples as features where the recipe's backbone is frozen; else as they are.

    The features are the mean over the image and its mirror image, standardised per dimension. Each rank computes
    those of its own samples and gets the others'.

    Raises:
        ConfigError: the weights cannot be used, or there are fewer samples than the ranks need.
    """
    inputs = loaded.inputs
    weights = read_model_weights(recipe) if recipe.model.frozen == "yes" else None
    if weights is None or not isinstance(inputs, Pixels):
        return loaded
    if device.type == "cpu":
        keep_freed_memory()
    n, views = len(loaded.dataset), inputs.views()
    require_work_for_all(ranks, n, recipe.train.batch_size)
    model = build_image_network(
        recipe.model.backbone, loaded.dataset.n_classes, inputs.size, seed=recipe.seed, stream="frozen"
    )
    load_pretrained(model, weights, on_event)
    model = without_classifier(model).to(device)
    precision = choose_precision(device, recipe.train.precision)
    labels = torch.zeros(n, dtype=torch.int64, device=device)  # features need none
    samples = Samples(inputs, labels, _BATCH, precision, recipe.seed, ranks)
    own = torch.arange(n)[ranks.part]
    started, done = time.monotonic(), 0

    def count(some: int) -> None:
        nonlocal done
        done += some
        on_event(SamplesDone("features", done))

    on_event(StageStarted("features", f"Compute features with {recipe.model.backbone}", n * len(views)))
    total = outputs(model, samples.in_order(*views), len(own), precision=precision, on_samples=count)
    features = ranks.gather_by_index(own, total, n)
    on_event(StageFinished("features", time.monotonic() - started))
    frozen = FrozenFeatures(model.state_dict(), features.mean(dim=0), features.std(dim=0).clamp_min(1e-6))
    return replace(loaded, inputs=VectorInputs(standardised(features, frozen)), frozen=frozen)


def standardised(features: Tensor, frozen: FrozenFeatures) -> Tensor:
    """Return (N, D) with mean 0 and deviation 1 in every dimension that varies; one that does not becomes 0."""
    return (features - frozen.mean) / frozen.deviation
