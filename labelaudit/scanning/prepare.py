"""What `scan` and `inspect` share: read the data, check it, choose device and recipe."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labelaudit.core.dataset import Dataset, Images, Remark, Texts
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe
from labelaudit.functional.images import UnreadableImage, decode_image, median_size
from labelaudit.methods.registry import read_options, require_method
from labelaudit.scanning.recipes import PRETRAINED_BACKBONE, Asked, Facts, recipe_for, settle
from labelaudit.sources.probe import check_dataset, texts_not_scanned
from labelaudit.sources.read import read_dataset
from labelaudit.training.device import choose_device
from labelaudit.training.models import default_weights, require_image_backbone


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset that can be scanned, and how."""

    dataset: Dataset
    recipe: Recipe
    why: str  # one sentence: which recipe was chosen, and by what
    device: torch.device
    asked: Asked | None = None  # what was asked for; None for a scan that goes on


def prepare(
    source: Path | str,
    *,
    recipe: str | Recipe | None = None,
    data: DataSettings | None = None,
    model: ModelSettings | None = None,
    seed: int = 0,
    device: str = "auto",
    method: str | None = None,
    epochs_scale: float = 1.0,
    overrides: Mapping[str, str] | None = None,
    decided: bool = False,
) -> Prepared:
    """Read and check a dataset and resolve its recipe; nothing is trained.

    Args:
        source: a folder, a table, shards, or the URL of one.
        recipe: name or TOML file, a finished `Recipe` to use as it is, or None to choose.
        data: how to read the data.
        model: backbone and weights.
        seed: the run's seed.
        device: auto, cpu, cuda, mps.
        method: its name; None = as the recipe says.
        epochs_scale: shortens the schedule of a recipe that is chosen.
        overrides: `key=value` settings.
        decided: whether people decided on labels, so that there is a trusted set that the dataset does not know of.

    Raises:
        ConfigError: settings that cannot be used, or a trusted set is missing; found before anything slow begins.
        DataError: data that cannot be audited.
    """
    if isinstance(recipe, Recipe):
        dataset = check_dataset(read_dataset(source, recipe.data))
        why = f"the recipe of the scan that is resumed ({recipe.name})"
        return Prepared(dataset, recipe, why, choose_device(recipe.device))
    asked = settle(
        recipe,
        data=data,
        model=model,
        seed=seed,
        device=device,
        method=method,
        epochs_scale=epochs_scale,
        overrides=overrides,
    )
    chosen_device = choose_device(asked.device)
    dataset = check_dataset(read_dataset(source, asked.data))
    facts = dataset_facts(dataset, device=chosen_device.type)
    dataset, model = _with_weights_at_hand(dataset, asked.model)
    chosen, why = recipe_for(facts, dataclasses.replace(asked, model=model))
    if not decided:
        require_trusted(chosen.method, dataset)
    return Prepared(dataset, resolved(chosen, dataset), why, chosen_device, asked)


def _with_weights_at_hand(dataset: Dataset, model: ModelSettings) -> tuple[Dataset, ModelSettings]:
    """Fetch default weights now; where they cannot be fetched, say so in one line and start from scratch."""
    if model.weights == "none" or dataset.kind != "images":
        return dataset, dataclasses.replace(model, weights="none")  # nothing but images has pretrained networks
    backbone = PRETRAINED_BACKBONE if model.backbone == "auto" else model.backbone
    require_image_backbone(backbone)
    if model.weights == "default":
        try:
            default_weights(backbone)
        except (OSError, RuntimeError) as error:
            text = f"the default weights of {backbone} cannot be fetched ({str(error).splitlines()[0]}): from scratch"
            return dataset.with_remarks(Remark("warning", text)), dataclasses.replace(model, weights="none")
    return dataset, dataclasses.replace(model, backbone=backbone)


def dataset_facts(dataset: Dataset, *, device: str) -> Facts:
    """Return what a recipe is chosen by.

    Raises:
        DataError: not one of the sampled images can be read.
    """
    content = dataset.content
    if isinstance(content, Texts):
        raise texts_not_scanned(dataset)
    if not isinstance(content, Images):
        return Facts(content.kind, len(dataset), dataset.n_classes, None, device=device)
    side = median_size(content)
    if side is None:
        raise DataError(
            f"{dataset.source}: none of the {len(dataset):,} images can be read.",
            hint=f"Is {dataset.paths[0]} an image that other programs open?",
        )
    return Facts("images", len(dataset), dataset.n_classes, side, grey=_is_grey(content, dataset.paths), device=device)


def _is_grey(images: Images, names: tuple[str, ...], *, sample: int = 32) -> bool:
    """Whether an evenly spaced sample of the images holds no colour at all."""
    seen = False
    for index in np.unique(np.linspace(0, len(images) - 1, sample).astype(int)):
        try:
            pixels = decode_image(images.read(int(index)), names[index], 32).pixels
        except (OSError, UnreadableImage):
            continue
        if (pixels.max(axis=2) != pixels.min(axis=2)).any():
            return False
        seen = True
    return seen


def resolved(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Return the recipe with every option of its method written out, as it is stored with the audit.

    Raises:
        ConfigError: a method, an option or a backbone does not exist.
    """
    options = read_options(recipe)
    if dataset.kind == "images":
        require_image_backbone(recipe.model.backbone)
    return dataclasses.replace(recipe, options=dataclasses.asdict(options))


def require_trusted(method: str, dataset: Dataset) -> None:
    """Raise ConfigError where a method cannot do without a trusted set, and there is none."""
    if dataset.trusted.any() or dataset.kind == "probs" or not getattr(require_method(method), "NEEDS_TRUSTED", False):
        return
    where = "a table with a column 'trusted', --trusted TABLE with the ids of samples"
    folder = ", or --trusted FOLDER with one sub-folder per class" if dataset.kind == "images" else ""
    raise ConfigError(
        f"method {method!r} needs a trusted set: about 10 samples of each class whose labels you have checked.",
        hint=f"Give {where}{folder}.",
    )


def plain_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with paths as text: settings are plain, so that they can be stored."""
    return {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in values.items()}
