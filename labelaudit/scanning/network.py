"""From a recipe's model settings to a function that builds networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from labelaudit.core.errors import ConfigError
from labelaudit.core.events import EventSink, Said
from labelaudit.core.recipe import Recipe
from labelaudit.training.batches import Inputs, VectorInputs
from labelaudit.training.models import (
    MultilayerPerceptron,
    build_image_network,
    default_weights,
    initialised,
    load_matching,
    read_weights,
)


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
