"""The frozen-backbone path: a pretrained network's features, computed once, in place of the images."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from labelaudit.core.events import EventSink, SamplesDone, StageFinished, StageStarted
from labelaudit.core.recipe import Recipe
from labelaudit.scanning.learn import require_work_for_all
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.network import load_pretrained, read_model_weights
from labelaudit.training.batches import Pixels, Samples, VectorInputs
from labelaudit.training.device import choose_precision, keep_freed_memory
from labelaudit.training.epoch import outputs
from labelaudit.training.model_file import FrozenFeatures
from labelaudit.training.models import build_image_network, without_classifier
from labelaudit.training.ranks import ALONE, Ranks

_BATCH = 64  # images; `in_order` makes 256 of it


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
