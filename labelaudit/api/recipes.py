"""The recipes, and which one a dataset gets."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import (
    DataSettings,
    ModelSettings,
    Recipe,
    TrainSettings,
    from_dict,
    recipe_from_dict,
    with_overrides,
)

RECIPES = ("fast", "paper")
_LARGEST_SIDE = 224  # pixels; what ImageNet networks are made for
_SMALLEST_SIDE = 8


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recipe is chosen by."""

    kind: Literal["images", "features", "embeddings", "probs"]
    samples: int  # N
    classes: int  # C
    median_side: int | None  # pixels, short side; None where there are no images
    grey: bool = False  # images without colour
    device: str = "cpu"  # cpu, cuda or mps


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of the paper's schedules.

    Source:
        S2 = Ortego et al. 2020, arXiv:1912.08741, with the constants of its published code.
    """

    stage1_epochs: int
    relabel_from: int  # q
    stage1_milestones: tuple[int, ...]
    stage2_epochs: int
    stage2_milestones: tuple[int, ...]
    stage1_threshold: float  # gamma 1
    crop_padding: int = 4  # pixels
    image_size: int = 32
    crop_margin: int = 0
    normalise: Literal["dataset", "cifar10", "cifar100", "imagenet"] = "imagenet"
    backbone: str = "preact-resnet18"


PAPER_ROWS = {
    "cifar10": PaperRow(130, 70, (75, 110), 175, (100, 150), 0.1, normalise="cifar10"),
    "cifar100": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.1, normalise="cifar100"),
    "imagenet32": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.05),
    "imagenet64": PaperRow(100, 40, (45, 80), 175, (100, 150), 0.05, crop_padding=8, image_size=64),
    "webvision": PaperRow(
        100, 40, (45, 80), 150, (100, 125), 0.05, crop_padding=0, image_size=224, crop_margin=32, backbone="resnet18"
    ),
}


def choose_recipe(
    facts: Facts,
    *,
    name: str | None = None,
    data: DataSettings | None = None,
    model: ModelSettings | None = None,
    seed: int = 0,
    device: str = "auto",
    overrides: Mapping[str, str] | None = None,
) -> tuple[Recipe, str]:
    """Return the resolved recipe and one sentence that says what was chosen and why.

    Args:
        facts: what there is to scan.
        name: fast, paper, paper:ROW (a key of `PAPER_ROWS`), or a TOML file; None chooses `fast`.
        data: how to read the data; its image size wins over the recipe's.
        model: backbone and weights; "auto" lets the recipe choose.
        seed: the run's seed.
        device: device name.
        overrides: `key=value` settings that win over everything.
    """
    asked = model or ModelSettings()
    if "model.frozen" in (overrides or {}):  # it decides which recipe to start from
        asked = from_dict(ModelSettings, asdict(asked) | {"frozen": (overrides or {})["model.frozen"]}, prefix="model.")
    frozen = facts.kind == "images" and asked.weights != "none" and asked.frozen != "no" and name in (None, "fast")
    base, why = _frozen(facts, asked) if frozen else _base_recipe(facts, name or "fast")
    backbone = base.model.backbone if asked.backbone == "auto" else asked.backbone
    weights = base.model.weights if asked.weights == "none" else asked.weights
    settings = data or DataSettings()
    size = settings.image_size or base.data.image_size
    recipe = replace(
        base,
        seed=seed,
        device=device,
        data=replace(settings, image_size=size),
        model=ModelSettings(backbone, weights, "yes" if frozen else "no"),
        train=replace(base.train, normalise="imagenet") if weights != "none" else base.train,
    )
    if backbone != base.model.backbone:
        why += f", as {backbone}"
    return with_overrides(recipe, overrides or {}), why


def _base_recipe(facts: Facts, name: str) -> tuple[Recipe, str]:
    kind, _, row = name.partition(":")
    if kind == "fast" and not row:
        return _fast(facts)
    if kind == "paper":
        return _paper(facts, row)
    if name.endswith(".toml"):
        return _from_file(facts, Path(name))
    known = [*RECIPES, *(f"paper:{key}" for key in PAPER_ROWS)]
    raise ConfigError(
        f"recipe {name!r} is not known.",
        hint=did_you_mean(name, known) or f"Known: {', '.join(known)}, or a TOML file.",
    )


def _fast(facts: Facts) -> tuple[Recipe, str]:
    """Return the recipe for a laptop or a small GPU: two annealed stages of tens of epochs."""
    batch_size = _fast_batch_size(facts)
    epochs = _fast_epochs(facts, batch_size)
    stages = f"two stages of {epochs} epochs"
    options: dict[str, Any] = {"stage1_epochs": epochs, "stage2_epochs": epochs}
    if facts.kind == "probs":
        return Recipe(options=options), "the probabilities are given: nothing is trained"
    if facts.kind != "images":
        recipe = Recipe(train=_head_settings(batch_size), model=ModelSettings("mlp"), options=options | _HEAD_OPTIONS)
        return recipe, f"fast: {stages} of a multilayer perceptron on {facts.samples:,} rows"
    size = min(max(facts.median_side or 32, _SMALLEST_SIDE), _LARGEST_SIDE)
    train = TrainSettings(
        batch_size=batch_size, weight_decay=5e-4, nesterov=True, crop_padding=max(1, size // 8), flip=not facts.grey
    )
    recipe = Recipe(
        data=DataSettings(image_size=size),
        model=ModelSettings("small"),
        train=train,
        options=options | {"peak_lr": 0.25 * batch_size / 128},
    )
    grey = ", without mirror images because these are grey (signs and characters have a side)" if facts.grey else ""
    return recipe, f"fast: {stages} of a small network on {facts.samples:,} images of {size}x{size}{grey}"


def _frozen(facts: Facts, asked: ModelSettings) -> tuple[Recipe, str]:
    """Return the recipe that computes a pretrained network's features once and trains both stages on them."""
    batch_size = _fast_batch_size(facts)
    epochs = _fast_epochs(facts, batch_size)
    size = min(max(facts.median_side or 32, _SMALLEST_PRETRAINED_SIDE), _LARGEST_SIDE)
    backbone = PRETRAINED_BACKBONE if asked.backbone == "auto" else asked.backbone
    recipe = Recipe(
        data=DataSettings(image_size=size),
        model=ModelSettings(backbone, asked.weights),
        train=replace(_head_settings(batch_size), flip=not facts.grey),
        options={"stage1_epochs": epochs, "stage2_epochs": epochs} | _HEAD_OPTIONS,
    )
    return recipe, (
        f"fast: features of {backbone} computed once for {facts.samples:,} images at {size} pixels, "
        f"two stages of {epochs} epochs of a perceptron on them"
    )


PRETRAINED_BACKBONE = "resnet18"  # small enough for a laptop, and torchvision has weights for it
_SMALLEST_PRETRAINED_SIDE = 96  # pixels; ImageNet networks see little in smaller images
_HEAD_OPTIONS = {"peak_lr": 3e-3}


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


def _paper(facts: Facts, row: str) -> tuple[Recipe, str]:
    """Return the exact schedules, coefficients and parity choices of the paper."""
    if facts.kind != "images":
        raise ConfigError(
            f"recipe 'paper' is for images; this is {facts.kind}.", hint="Use --recipe fast, or leave it out."
        )
    if row and row not in PAPER_ROWS:
        hint = did_you_mean(row, PAPER_ROWS) or f"Known rows: {', '.join(PAPER_ROWS)}."
        raise ConfigError(f"recipe 'paper' has no row {row!r}.", hint=hint)
    row = row or _paper_row(facts)
    chosen = PAPER_ROWS[row]
    recipe = Recipe(
        name=f"paper:{row}",
        data=DataSettings(image_size=chosen.image_size),
        model=ModelSettings(chosen.backbone),
        train=TrainSettings(
            crop_padding=chosen.crop_padding, crop_margin=chosen.crop_margin, normalise=chosen.normalise
        ),
        options={
            "schedule": "milestones",
            "peak_lr": 0.1,
            "stage1_epochs": chosen.stage1_epochs,
            "stage1_milestones": chosen.stage1_milestones,
            "relabel_from": chosen.relabel_from,
            "prior_weight": 0.8,
            "entropy_weight": 0.4,
            "stage1_threshold": chosen.stage1_threshold,
            "stage2_epochs": chosen.stage2_epochs,
            "stage2_milestones": chosen.stage2_milestones,
            "stage2": "pseudo-labels",
            "mixture": "published",
            "losses": "augmented",
            "record": 0.0,
            "evidence": "last",
        },
    )
    total = chosen.stage1_epochs + chosen.stage2_epochs
    return recipe, f"paper: the published schedule of {row}, {total} epochs of {chosen.backbone}"


def _paper_row(facts: Facts) -> str:
    side = facts.median_side or 32
    if side <= 40:
        return "cifar10" if facts.classes <= 10 else "cifar100"
    return "imagenet64" if side <= 80 else "webvision"


def _from_file(facts: Facts, path: Path) -> tuple[Recipe, str]:
    """Return the recipe of a TOML file; what it leaves out comes from the recipe that its `name` says."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"recipe file {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"recipe file {path} is not TOML: {error}.") from error
    base, why = _base_recipe(facts, str(values.pop("name", "fast")))
    merged = base.to_dict()
    for key, value in values.items():
        section = merged.get(key)
        merged[key] = {**section, **value} if isinstance(section, dict) and isinstance(value, dict) else value
    return _rebuilt(merged | {"name": path.stem}, path), f"{path.name}, on top of {why}"


def _rebuilt(values: dict[str, Any], path: Path) -> Recipe:
    try:
        return recipe_from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.problem}", hint=error.hint) from error
