"""The recipes, which one a dataset gets, and how long a method then trains.

Unless it is told otherwise, every method passes over the samples as often as the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, count, shorten
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe, TrainSettings, from_dict, with_overrides
from labelaudit.core.shortened import shortened
from labelaudit.methods.registry import Method, read_options, require_method
from labelaudit.scanning.paper import published_schedules
from labelaudit.scanning.request import QUICK_METHOD, Asked, default_method, late_overrides
from labelaudit.training.models import require_image_backbone

_LARGEST_SIDE = 224  # pixels; what ImageNet networks are made for
_SMALLEST_SIDE = 8


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recipe is chosen by."""

    kind: Literal["images", "features", "embeddings", "probs", "texts"]
    samples: int  # N
    classes: int  # C
    median_side: int | None  # pixels, short side; None where there are no images
    grey: bool = False  # images without colour
    device: str = "cpu"  # cpu, cuda or mps


def recipe_for(facts: Facts, asked: Asked) -> tuple[Recipe, str]:
    """Return the resolved recipe and one sentence that says what was chosen and why.

    Raises:
        ConfigError: what was asked for does not fit the data.
    """
    is_fast = asked.name == "fast"
    method = asked.method or default_method(asked.name, facts.kind)
    frozen = is_fast and facts.kind == "images" and asked.model.weights != "none" and asked.model.frozen != "no"
    if asked.model.frozen == "yes" and not frozen:
        raise ConfigError(
            "model.frozen = 'yes': expected images, the recipe fast and weights to freeze.",
            hint="Add --weights default or --weights FILE, or leave model.frozen out.",
        )
    size = asked.data.image_size
    base, why = _frozen(facts, asked, method, size) if frozen else _base_recipe(facts, asked, method, size)
    backbone = base.model.backbone if asked.model.backbone == "auto" else asked.model.backbone
    recipe = replace(
        base,
        seed=asked.seed,
        device=asked.device,
        data=replace(asked.data, image_size=size or base.data.image_size),
        model=ModelSettings(backbone, asked.model.weights, asked.model.encoder, "yes" if frozen else "no"),
        train=replace(base.train, normalise="imagenet") if asked.model.weights != "none" else base.train,
    )
    if backbone != base.model.backbone:
        why += f", as {backbone}"
    if asked.file is not None:
        recipe, why = replace(recipe, name=asked.file.stem), f"{asked.file.name}, on top of {why}"
    late = late_overrides(asked)
    told = with_overrides(recipe, late)
    final = told if asked.epochs_scale == 1 else _shortened(told, asked.epochs_scale)
    why = why.replace(described(recipe.method, recipe.options), _described_as_it_is(final, told.options))
    if late:
        why += f"; with {shorten(f'{key}={value}' for key, value in late.items())}"
    return final, why if final is told else f"{why}; schedule scaled to {asked.epochs_scale:g}"


def _described_as_it_is(recipe: Recipe, told: Collection[str]) -> str:
    """Return the length of the schedule with all that was asked for; of its settings those that something set."""
    options = asdict(read_options(recipe))
    return described(recipe.method, {name: value for name, value in options.items() if name in told})


def _shortened(recipe: Recipe, scale: float) -> Recipe:
    """Return the recipe with its whole schedule shortened, settings of the command line included."""
    options = shortened(asdict(read_options(recipe)), scale)
    return replace(recipe, options=options, epochs_scale=scale)


def _base_recipe(facts: Facts, asked: Asked, method: str, size: int | None) -> tuple[Recipe, str]:
    if facts.kind == "texts" and asked.for_classifier:
        raise ConfigError(
            "texts train no classifier: their vectors are made of all texts together, so new ones would get others.",
            hint="Train on vectors of your own, a row for each text: --embeddings FILE.npy",
        )
    if asked.name == "fast":
        return _fast(facts, method, size)
    return _paper(facts, method, asked.name.partition(":")[2], for_classifier=asked.for_classifier)


def _fast(facts: Facts, method: str, size: int | None) -> tuple[Recipe, str]:
    """Return the recipe for a laptop or a small GPU: annealed stages of tens of epochs."""
    batch_size = _fast_batch_size(facts)
    if facts.kind == "probs":
        recipe = Recipe(method=method, options=_fast_options(facts, method, {}))
        return recipe, "the probabilities are given: nothing is trained"
    if facts.kind == "texts" and method == QUICK_METHOD:
        recipe = Recipe(method=method, options=_TEXT_OPTIONS, model=ModelSettings("mlp"))
        return recipe, f"fast: the neighbours of {facts.samples:,} texts; no network is trained"
    if facts.kind != "images":
        asked = _HEAD_OPTIONS | _TABLE_OPTIONS if facts.kind == "features" else _HEAD_OPTIONS
        options = _fast_options(facts, method, asked)
        recipe = Recipe(method=method, train=_head_settings(batch_size), model=ModelSettings("mlp"), options=options)
        rows = f"{facts.samples:,} rows"
        if not with_epochs(method, 1):
            return recipe, f"fast: a look at {rows}; no network is trained"
        return recipe, f"fast: {described(method, options)} of a multilayer perceptron on {rows}"
    size = size or min(max(facts.median_side or 32, _SMALLEST_SIDE), _LARGEST_SIDE)
    train = TrainSettings(
        batch_size=batch_size, weight_decay=5e-4, nesterov=True, crop_padding=max(1, size // 8), flip=not facts.grey
    )
    options = _fast_options(facts, method, {"peak_lr": 0.25 * batch_size / 128})
    recipe = Recipe(
        data=DataSettings(image_size=size), model=ModelSettings("small"), train=train, method=method, options=options
    )
    grey = ", without mirror images because these are grey (signs and characters have a side)" if facts.grey else ""
    images = f"{facts.samples:,} images of {size}x{size}{grey}"
    if not with_epochs(method, 1):
        return recipe, f"fast: a look at {images} with a pretrained encoder; no network is trained"
    return recipe, f"fast: {described(method, options)} of a small network on {images}"


def _frozen(facts: Facts, asked: Asked, method: str, size: int | None) -> tuple[Recipe, str]:
    """Return the recipe that computes a pretrained network's features once and trains every stage on them."""
    batch_size = _fast_batch_size(facts)
    size = size or min(max(facts.median_side or 32, _SMALLEST_PRETRAINED_SIDE), _LARGEST_SIDE)
    backbone = PRETRAINED_BACKBONE if asked.model.backbone == "auto" else asked.model.backbone
    options = _fast_options(facts, method, _HEAD_OPTIONS)
    recipe = Recipe(
        data=DataSettings(image_size=size),
        model=ModelSettings(backbone, asked.model.weights),
        train=replace(_head_settings(batch_size), flip=not facts.grey),
        method=method,
        options=options,
    )
    features = f"fast: features of {backbone} computed once for {facts.samples:,} images at {size} pixels"
    if not with_epochs(method, 1):
        return recipe, f"{features} and looked at; no network is trained"
    return recipe, f"{features}, {described(method, options)} of a perceptron on them"


def _fast_options(facts: Facts, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's settings: those given that it has, and epochs that give every method as many passes."""
    known = known_options(method, options)
    stage_epochs = _fast_epochs(facts, _fast_batch_size(facts))
    return known | with_epochs(method, epochs_for(method, known, stage_epochs))


PRETRAINED_BACKBONE = "resnet18"  # small enough for a laptop, and torchvision has weights for it
_SMALLEST_PRETRAINED_SIDE = 96  # pixels; ImageNet networks see little in smaller images
# A perceptron learns every label by heart unless it is held back; it is cheap, so that more of them can judge.
_TEXT_OPTIONS = {"head_epochs": 0, "neighbours": 200, "scaling": "none"}  # `text_options` of training/probing.py
_TABLE_OPTIONS = {"trees": 300}  # where a column means something by itself
_HEAD_OPTIONS = {"peak_lr": 3e-3, "networks": 4, "elr_weight": 3.0}


def _head_settings(batch_size: int) -> TrainSettings:
    """Return how a perceptron on vectors is trained."""
    return TrainSettings(batch_size=batch_size, weight_decay=1e-2, optimizer="adamw", flip=False, crop_padding=0)


def _fast_batch_size(facts: Facts) -> int:
    """Return 128, and less for small data so that an epoch still has steps."""
    return max(16, min(128, 1 << int(math.log2(max(16, facts.samples / 24)))))


def _fast_epochs(facts: Facts, batch_size: int) -> int:
    """Return the epochs of a stage: 24, and more for small data so that a stage has about 1,000 steps."""
    steps_an_epoch = max(1, facts.samples // batch_size)
    return max(24, min(60, 1000 // steps_an_epoch))


def _paper(facts: Facts, method: str, row: str, *, for_classifier: bool) -> tuple[Recipe, str]:
    """Return the exact schedules, coefficients and parity choices of the paper."""
    if facts.kind != "images":
        raise ConfigError(
            f"recipe 'paper' is for images; this is {facts.kind}.", hint="Use --recipe fast, or leave it out."
        )
    rows = published_schedules(method)
    row = row or _paper_row(facts)
    if row not in rows:
        raise ConfigError(
            f"{method} was not published with images like these ({row}).",
            hint=f"Name a row with --recipe paper:ROW; known: {', '.join(rows)}.",
        )
    chosen = rows[row]
    recipe = Recipe(
        name=f"paper:{row}",
        data=DataSettings(image_size=chosen.image_size),
        model=ModelSettings(chosen.backbone),
        train=chosen.train,
        method=method,
        options={**chosen.options, **(chosen.classifier if for_classifier else {})},
    )
    total = sum(value for name, value in recipe.options.items() if name in (*_FILLED, "final_epochs"))
    which = row if method == "drpl" else f"{method} on {row}"
    return recipe, f"paper: the published schedule of {which}, {total} epochs of {chosen.backbone}"


def _paper_row(facts: Facts) -> str:
    side = facts.median_side or 32
    if side <= 40:
        return "cifar10" if facts.classes <= 10 else "cifar100"
    return "imagenet64" if side <= 80 else "webvision"


def resolved(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Return the recipe with every option of its method written out, as it is stored with the audit.

    Raises:
        ConfigError: a method, an option or a backbone does not exist.
    """
    options = read_options(recipe)
    if dataset.kind == "images":
        require_image_backbone(recipe.model.backbone)
    return replace(recipe, options=asdict(options))


def with_epochs(method: str, epochs: int) -> dict[str, Any]:
    """Return a method's settings for so many epochs (of each of its stages)."""
    module = require_method(method)
    make = getattr(module, "fast_options", None)
    found: dict[str, Any] = make(epochs) if make else {name: epochs for name in _FILLED if name in _names(module)}
    return found


def known_options(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the settings that a method has."""
    names = _names(require_method(method))
    return {name: value for name, value in options.items() if name in names}


def passes_by_epochs(method: str, options: Mapping[str, Any], *, fewest: int = 1) -> tuple[float, float]:
    """Return the passes over the samples that do not depend on the epochs, and those that every epoch adds.

    Args:
        method: its name.
        options: settings beside the epochs.
        fewest: epochs that these settings allow.
    """
    module = require_method(method)
    few, many = (
        module.training_passes(from_dict(module.Options, {**options, **with_epochs(method, n)}, prefix="method."))
        for n in (fewest, fewest + _SPAN)
    )
    an_epoch = (many - few) / _SPAN
    return few - fewest * an_epoch, an_epoch


def epochs_for(method: str, options: Mapping[str, Any], stage_epochs: int) -> int:
    """Return the epochs (of each stage) with the passes over the samples of two stages of `stage_epochs`."""
    _, an_epoch = passes_by_epochs(method, options)
    return max(1, round(2 * stage_epochs / an_epoch)) if an_epoch else 1


def described(method: str, options: Mapping[str, Any]) -> str:
    """Return the length of a schedule in words: "2 networks of 24 epochs", "two stages of 24", "elr, 48 epochs"."""
    known = fields(require_method(method).Options)
    networks = options.get("networks", next((each.default for each in known if each.name == "networks"), None))
    if networks is not None and "epochs" in options:
        return f"{count(int(networks), 'network')} of {count(options['epochs'], 'epoch')}"
    if "stage1_epochs" in options:
        return f"two stages of {options['stage1_epochs']} epochs"
    return f"{method}, {count(options['epochs'], 'epoch')}" if "epochs" in options else method


def _names(module: Method) -> set[str]:
    return {field.name for field in fields(module.Options)}


_FILLED = ("epochs", "stage1_epochs", "stage2_epochs")  # settings that the fast recipe and a budget fill in
_SPAN = 60  # epochs: passes are whole numbers in some methods, so a short span would round the slope
