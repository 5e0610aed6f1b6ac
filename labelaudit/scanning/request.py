"""What is asked of a scan, an inspection or a training, and what it comes to before anything is trained.

`Request` is what was said; `settle` works a recipe file and `key=value` settings in; `prepare` reads the data and makes
a `Prepared` of it.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.files import read_toml
from labelaudit.core.recipe import DataSettings, ModelSettings, Recipe, from_dict, require
from labelaudit.methods.registry import require_method
from labelaudit.scanning.paper import published_schedules, require_row

if TYPE_CHECKING:
    import torch

    from labelaudit.core.dataset import Dataset

RECIPES = ("fast", "paper")
QUICK_METHOD = "probe"
_SUITED = {"embeddings": "probe", "texts": "probe", "probs": "probe"}  # networks on such vectors add nothing to heads
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; nothing is read yet."""

    source: Path | str  # a folder, a table, shards, or the URL of one
    data: DataSettings = field(default_factory=DataSettings)
    method: str | None = None  # its name; None = as the recipe file says, or what suits the data
    quick: bool = False  # look only: the method probe
    recipe: str | None = None  # fast, paper, paper:ROW (a key of `published_schedules`), or a TOML file; None = fast
    epochs_scale: float = 1.0  # shortens the schedule
    model: ModelSettings = field(default_factory=ModelSettings)
    budget: str | None = None  # time, "5m"; a recipe that is named wins over it
    device: str = "auto"
    seed: int = 0
    overrides: Mapping[str, str] = field(default_factory=dict)  # `key=value` settings that win over everything
    for_classifier: bool = False  # the network is what is wanted, not the verdicts
    began: float = field(default_factory=time.monotonic, compare=False)  # seconds; the budget counts from here

    def __post_init__(self) -> None:
        """Check the budget: a mistake in it must not wait until the data is read."""
        if self.budget is not None:
            parse_duration(self.budget)
        if self.quick and self.method not in (None, QUICK_METHOD):
            raise ConfigError(
                f"--quick looks only, and --method {self.method} would train.", hint="Leave one of the two out."
            )


class DataOptions(TypedDict, total=False):
    """The fields of `DataSettings`, as the Python functions take them by name."""

    split: str
    path_column: str | None
    label_column: str | None
    id_column: str | None
    image_root: Path | str | None
    path_template: str | None
    annotator_column: str | None
    annotator_columns: str | None
    embeddings: Path | str | None
    probs: Path | str | None
    prob_columns: Path | str | None
    fold_labels: bool
    labels_as_written: bool
    label_separator: str | None
    class_names: Path | str | None
    replace_prefix: str | None
    no_images: bool
    feature_columns: str | None
    text_column: str | None
    follow_links: bool
    encoding: str | None
    delimiter: str | None
    quoting: str
    no_header: bool
    image_size: int | None
    trusted: Path | str | None
    trusted_per_class: int | None


class Settings(DataOptions, total=False):
    """What `scan`, `inspect` and `train` take by name: the fields of a `Request`, its data's and its model's."""

    backbone: str
    weights: Path | str
    encoder: str
    quick: bool
    recipe: Path | str | None
    method: str | None
    epochs_scale: float
    budget: str | None
    seed: int
    device: str
    overrides: Mapping[str, str] | None


def request_of(source: Path | str, settings: Mapping[str, Any]) -> Request:
    """Return the request of settings by name, those of `Settings`.

    Raises:
        ConfigError: there is no such setting, with the closest known name, or a value is out of its range.
    """
    values = plain_paths(settings)
    unknown = next((name for name in values if name not in Settings.__annotations__), None)
    if unknown is not None:
        hint = (
            did_you_mean(unknown, Settings.__annotations__) or f"Known settings: {', '.join(Settings.__annotations__)}."
        )
        raise ConfigError(f"unknown setting {unknown!r}.", hint=hint)
    own = {each.name for each in fields(Request)} & set(values)
    model: dict[str, Any] = {name: values[name] for name in ("backbone", "weights", "encoder") if name in values}
    data = {name: value for name, value in values.items() if name in DataOptions.__annotations__}
    return Request(
        source,
        data=from_dict(DataSettings, data, prefix="data."),
        model=from_dict(ModelSettings, model, prefix="model."),
        **{name: values[name] for name in own if values[name] is not None},
    )


def plain_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with paths as text: settings are plain, so that they can be stored."""
    return {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in values.items()}


def parse_duration(text: str) -> float:
    """Return the seconds of "90s", "5m", "1.5h" or a bare number of seconds; "max" is infinite.

    Raises:
        ConfigError: anything else, or nothing above zero.
    """
    if text.strip().lower() == "max":
        return math.inf
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text.lower())
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise ConfigError(f"{text!r} is not a time.", hint="Use for example 90s, 5m, 1h or max.")
    return seconds


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A budget of time, and what it was fitted by."""

    text: str  # as it was asked for
    ends_at: float  # seconds of the monotonic clock
    rate: float  # samples per second that the recipe was measured to train on


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset that can be scanned, and how."""

    dataset: Dataset
    recipe: Recipe
    why: str  # one sentence: which recipe was chosen, and by what
    device: torch.device
    asked: Asked | None = None  # what was asked for; None for a scan that goes on
    limit: TimeLimit | None = None  # None = it takes the time that it takes


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, after a recipe file and `key=value` settings have been worked in."""

    name: str  # of the recipe
    data: DataSettings
    model: ModelSettings
    seed: int
    device: str
    overrides: Mapping[str, Any]
    method: str | None = None  # None = what suits the data
    epochs_scale: float = 1.0
    file: Path | None = None  # the recipe file
    for_classifier: bool = False  # the network is what is wanted, not the verdicts


def settle(request: Request) -> Asked:
    """Return what was asked for: `key=value` settings win over flags, flags that were given over a recipe file.

    What the data is read by must be known before a recipe can be chosen for it.

    Raises:
        ConfigError: an unknown recipe, method or setting, or a file that cannot be read.
    """
    name = request.recipe
    file = Path(name) if name is not None and name.endswith(".toml") else None
    base, from_file = _read_file(file) if file is not None else (name or "fast", {})
    flags = _given("data.", request.data) | _given("model.", request.model)
    flags |= ({"seed": request.seed} if request.seed else {}) | (
        {"device": request.device} if request.device != "auto" else {}
    )
    method = QUICK_METHOD if request.quick else request.method
    flags |= {"method": method} if method is not None else {}
    flags |= {"epochs_scale": request.epochs_scale} if request.epochs_scale != 1 else {}
    settings: dict[str, Any] = {**from_file, **flags, **request.overrides}
    plain = from_dict(_Plain, {key: settings[key] for key in _PLAIN if key in settings}, prefix="")
    if plain.method is not None:
        require_method(plain.method)
    _require_recipe(base, plain.method or default_method(base))
    return Asked(
        name=base,
        data=from_dict(DataSettings, _section(settings, "data."), prefix="data."),
        model=from_dict(ModelSettings, _section(settings, "model."), prefix="model."),
        seed=plain.seed,
        device=plain.device,
        method=plain.method,
        epochs_scale=plain.epochs_scale,
        overrides={**from_file, **request.overrides},
        file=file,
        for_classifier=request.for_classifier,
    )


def late_overrides(asked: Asked) -> dict[str, Any]:
    """Return the `key=value` settings that are not needed to read the data: they are applied last, to any recipe."""
    early = ("data.", "model.")
    return {k: v for k, v in asked.overrides.items() if not k.startswith(early) and k not in _PLAIN}


def default_method(recipe: str, kind: str = "images") -> str:
    """Return the method of a recipe for a kind of data, where none is named."""
    if recipe.partition(":")[0] == "paper":
        return "drpl"
    return _SUITED.get(kind, "two-stage")


@dataclass(frozen=True, slots=True)
class _Plain:
    """What stands in no section of a recipe and is needed before it is chosen."""

    seed: int = 0
    device: str = "auto"
    method: str | None = None
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
        values = read_toml(path)
    except OSError as error:
        raise ConfigError(f"recipe file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
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
