"""The recipes, and which one a dataset gets."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labelaudit.core.errors import ConfigError, did_you_mean, shorten
from labelaudit.core.recipe import (
    DataSettings,
    ModelSettings,
    Recipe,
    TrainSettings,
    from_dict,
    require,
    with_overrides,
)
from labelaudit.core.shortened import shortened
from labelaudit.methods.registry import read_options, require_method
from labelaudit.scanning.paper import published_schedules, require_row
from labelaudit.scanning.schedules import described, epochs_for, known_options, with_epochs

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


def recipe_for(facts: Facts, asked: Asked) -> tuple[Recipe, str]:
    """Return the resolved recipe and one sentence that says what was chosen and why.

    Raises:
        ConfigError: what was asked for does not fit the data.
    """
    is_fast = asked.name == "fast"
    frozen = is_fast and facts.kind == "images" and asked.model.weights != "none" and asked.model.frozen != "no"
    if asked.model.frozen == "yes" and not frozen:
        raise ConfigError(
            "model.frozen = 'yes': expected images, the recipe fast and weights to freeze.",
            hint="Add --weights default or --weights FILE, or leave model.frozen out.",
        )
    size = asked.data.image_size
    base, why = _frozen(facts, asked, size) if frozen else _base_recipe(facts, asked, size)
    backbone = base.model.backbone if asked.model.backbone == "auto" else asked.model.backbone
    recipe = replace(
        base,
        seed=asked.seed,
        device=asked.device,
        data=replace(asked.data, image_size=size or base.data.image_size),
        model=ModelSettings(backbone, asked.model.weights, "yes" if frozen else "no"),
        train=replace(base.train, normalise="imagenet") if asked.model.weights != "none" else base.train,
    )
    if backbone != base.model.backbone:
        why += f", as {backbone}"
    if asked.file is not None:
        recipe, why = replace(recipe, name=asked.file.stem), f"{asked.file.name}, on top of {why}"
    late = late_overrides(asked)
    if late:
        why += f"; with {shorten(f'{key}={value}' for key, value in late.items())}"
    recipe = with_overrides(recipe, late)
    if asked.epochs_scale == 1:
        return recipe, why
    return _shortened(recipe, asked.epochs_scale), f"{why}; schedule scaled to {asked.epochs_scale:g}"


def _shortened(recipe: Recipe, scale: float) -> Recipe:
    """Return the recipe with its whole schedule shortened, settings of the command line included."""
    options = shortened(asdict(read_options(recipe)), scale)
    return replace(recipe, options=options, epochs_scale=scale)


def late_overrides(asked: Asked) -> dict[str, Any]:
    """Return the `key=value` settings that are not needed to read the data: they are applied last, to any recipe."""
    early = ("data.", "model.")
    return {k: v for k, v in asked.overrides.items() if not k.startswith(early) and k not in _PLAIN}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, after a recipe file and `key=value` settings have been worked in."""

    name: str  # of the recipe
    data: DataSettings
    model: ModelSettings
    seed: int
    device: str
    overrides: Mapping[str, Any]
    method: str = "panel"
    epochs_scale: float = 1.0
    file: Path | None = None  # the recipe file


def settle(
    name: str | None = None,
    *,
    data: DataSettings | None = None,
    model: ModelSettings | None = None,
    seed: int = 0,
    device: str = "auto",
    method: str | None = None,
    epochs_scale: float = 1.0,
    overrides: Mapping[str, Any] | None = None,
) -> Asked:
    """Return what was asked for: `key=value` settings win over flags, flags that were given over a recipe file.

    What the data is read by must be known before a recipe can be chosen for it.

    Args:
        name: fast, paper, paper:ROW (a key of `published_schedules`), or a TOML file; None chooses `fast`.
        data: how to read the data; its image size wins over the recipe's.
        model: backbone and weights; "auto" lets the recipe choose.
        seed: the run's seed.
        device: device name.
        method: its name; None = as the recipe file says, drpl for `paper`, or panel.
        epochs_scale: shortens the schedule.
        overrides: `key=value` settings that win over everything.

    Raises:
        ConfigError: an unknown recipe, method or setting, or a file that cannot be read.
    """
    file = Path(name) if name is not None and name.endswith(".toml") else None
    base, from_file = _read_file(file) if file is not None else (name or "fast", {})
    flags = _given("data.", data or DataSettings()) | _given("model.", model or ModelSettings())
    flags |= ({"seed": seed} if seed else {}) | ({"device": device} if device != "auto" else {})
    flags |= {"method": method} if method is not None else {}
    flags |= {"epochs_scale": epochs_scale} if epochs_scale != 1 else {}
    settings: dict[str, Any] = {**from_file, **flags, **(overrides or {})}
    default = {"method": default_method(base)}
    plain = from_dict(_Plain, default | {key: settings[key] for key in _PLAIN if key in settings}, prefix="")
    require_method(plain.method)
    _require_recipe(base, plain.method)
    return Asked(
        name=base,
        data=from_dict(DataSettings, _section(settings, "data."), prefix="data."),
        model=from_dict(ModelSettings, _section(settings, "model."), prefix="model."),
        seed=plain.seed,
        device=plain.device,
        method=plain.method,
        epochs_scale=plain.epochs_scale,
        overrides={**from_file, **(overrides or {})},
        file=file,
    )


def default_method(recipe: str) -> str:
    """Return the method of a recipe, by its name, where none is named."""
    return "drpl" if recipe.partition(":")[0] == "paper" else "panel"


@dataclass(frozen=True, slots=True)
class _Plain:
    """What stands in no section of a recipe and is needed before it is chosen."""

    seed: int = 0
    device: str = "auto"
    method: str = "panel"
    epochs_scale: float = 1.0

    def __post_init__(self) -> None:
        require(0 < self.epochs_scale <= 1, "epochs_scale", self.epochs_scale, "above 0, at most 1")


_PLAIN = ("seed", "device", "method", "epochs_scale")


def _given(prefix: str, settings: DataSettings | ModelSettings) -> dict[str, Any]:
    """Return the settings that differ from their defaults, by their full names."""
    defaults = asdict(type(settings)())
    return {prefix + key: value for key, value in asdict(settings).items() if value != defaults[key]}


def _section(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


def _read_file(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the recipe that a TOML file builds on, and its settings as "section.key" or, for the method's, "key"."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"recipe file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe file {path} is not TOML: {error}.") from error
    base = str(values.pop("name", "fast"))
    if base.endswith(".toml"):
        raise ConfigError(f"{path}: name = {base!r}: expected fast or paper, not another file.")
    settings: dict[str, Any] = {}
    for key, value in values.items():
        nested = value if isinstance(value, dict) else {key: value}
        prefix = "" if key == "options" or not isinstance(value, dict) else f"{key}."
        settings |= {prefix + name: setting for name, setting in nested.items()}
    return base, settings


def _require_recipe(name: str, method: str) -> None:
    """Raise ConfigError with the closest known name unless there is such a recipe for the method."""
    kind, colon, row = name.partition(":")
    if kind == "paper":
        require_row(method, row if colon else "")
    elif name not in RECIPES:
        known = [*RECIPES, *(f"paper:{key}" for key in published_schedules(method))]
        hint = did_you_mean(name, known) or f"Known: {', '.join(known)}, or a TOML file."
        raise ConfigError(f"recipe {name!r} is not known.", hint=hint)


def _base_recipe(facts: Facts, asked: Asked, size: int | None) -> tuple[Recipe, str]:
    if asked.name == "fast":
        return _fast(facts, asked.method, size)
    return _paper(facts, asked.method, asked.name.partition(":")[2])


def _fast(facts: Facts, method: str, size: int | None) -> tuple[Recipe, str]:
    """Return the recipe for a laptop or a small GPU: annealed stages of tens of epochs."""
    batch_size = _fast_batch_size(facts)
    if facts.kind == "probs":
        recipe = Recipe(method=method, options=_fast_options(facts, method, {}))
        return recipe, "the probabilities are given: nothing is trained"
    if facts.kind != "images":
        options = _fast_options(facts, method, _HEAD_OPTIONS)
        recipe = Recipe(method=method, train=_head_settings(batch_size), model=ModelSettings("mlp"), options=options)
        stages = described(method, options)
        return recipe, f"fast: {stages} of a multilayer perceptron on {facts.samples:,} rows"
    size = size or min(max(facts.median_side or 32, _SMALLEST_SIDE), _LARGEST_SIDE)
    train = TrainSettings(
        batch_size=batch_size, weight_decay=5e-4, nesterov=True, crop_padding=max(1, size // 8), flip=not facts.grey
    )
    options = _fast_options(facts, method, {"peak_lr": 0.25 * batch_size / 128})
    recipe = Recipe(
        data=DataSettings(image_size=size), model=ModelSettings("small"), train=train, method=method, options=options
    )
    grey = ", without mirror images because these are grey (signs and characters have a side)" if facts.grey else ""
    stages = described(method, options)
    return recipe, f"fast: {stages} of a small network on {facts.samples:,} images of {size}x{size}{grey}"


def _frozen(facts: Facts, asked: Asked, size: int | None) -> tuple[Recipe, str]:
    """Return the recipe that computes a pretrained network's features once and trains every stage on them."""
    batch_size = _fast_batch_size(facts)
    size = size or min(max(facts.median_side or 32, _SMALLEST_PRETRAINED_SIDE), _LARGEST_SIDE)
    backbone = PRETRAINED_BACKBONE if asked.model.backbone == "auto" else asked.model.backbone
    options = _fast_options(facts, asked.method, _HEAD_OPTIONS)
    recipe = Recipe(
        data=DataSettings(image_size=size),
        model=ModelSettings(backbone, asked.model.weights),
        train=replace(_head_settings(batch_size), flip=not facts.grey),
        method=asked.method,
        options=options,
    )
    return recipe, (
        f"fast: features of {backbone} computed once for {facts.samples:,} images at {size} pixels, "
        f"{described(asked.method, options)} of a perceptron on them"
    )


def _fast_options(facts: Facts, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's settings: those given that it has, and epochs that give every method as many passes."""
    known = known_options(method, options)
    stage_epochs = _fast_epochs(facts, _fast_batch_size(facts))
    return known | with_epochs(method, epochs_for(method, known, stage_epochs))


PRETRAINED_BACKBONE = "resnet18"  # small enough for a laptop, and torchvision has weights for it
_SMALLEST_PRETRAINED_SIDE = 96  # pixels; ImageNet networks see little in smaller images
# A perceptron learns every label by heart unless it is held back; it is cheap, so that more of them can judge.
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


def _paper(facts: Facts, method: str, row: str) -> tuple[Recipe, str]:
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
        options=chosen.options,
    )
    total = sum(value for name, value in chosen.options.items() if name in ("epochs", "stage1_epochs", "stage2_epochs"))
    which = row if method == "drpl" else f"{method} on {row}"
    return recipe, f"paper: the published schedule of {which}, {total} epochs of {chosen.backbone}"


def _paper_row(facts: Facts) -> str:
    side = facts.median_side or 32
    if side <= 40:
        return "cifar10" if facts.classes <= 10 else "cifar100"
    return "imagenet64" if side <= 80 else "webvision"
