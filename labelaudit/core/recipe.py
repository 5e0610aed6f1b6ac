"""Settings: frozen dataclasses with a type, a default, a unit and a range check for every field.

Order of precedence: defaults < recipe file < command line. The resolved recipe is stored with the audit.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from labelaudit.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


def require(condition: bool, name: str, value: object, expected: str) -> None:  # noqa: FBT001
    """Raise ConfigError "name = value: expected ..." unless the condition holds."""
    if not condition:
        raise ConfigError(f"{name} = {value!r}: expected {expected}.")


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How to read the data; every None means "find out and say so"."""

    split: str = "train"  # which of train/, val/, test/ (or of a split column) to read; "all" for every one
    path_column: str | None = None
    label_column: str | None = None  # of labels; or columns of 0 and 1, with commas between them
    id_column: str | None = None
    image_root: str | None = None  # folder that a table's paths are relative to; None = the table's own
    path_template: str | None = None  # "images/{image}.jpg": how bare ids become paths
    annotator_column: str | None = None  # column that says who answered, in a table with one row an answer
    annotator_columns: str | None = None  # "ann,bob,cy": columns of people, in a table with one column a person
    embeddings: str | None = None  # .npy or Parquet file of (N, D) numbers
    probs: str | None = None  # .npy or Parquet file of (N, C) out-of-sample probabilities
    prob_columns: str | None = None  # "cat,dog,-": the class of each column of probs, - = none; or a file, one a line
    fold_labels: bool = False  # read class names that differ in case or blanks only as one
    labels_as_written: bool = False  # no label means "missing", and none is a list of labels
    label_separator: str | None = None  # between several labels in a cell; None = where it is plain
    class_names: str | None = None  # file with the name of each class number
    replace_prefix: str | None = None  # "OLD=NEW": paths of a table that begin with OLD begin with NEW instead
    no_images: bool = False  # no column of the table names images
    feature_columns: str | None = None  # columns to learn from, with commas between them; None = all without a role
    text_column: str | None = None  # columns of texts, with commas between them
    follow_links: bool = False  # follow symbolic links that leave the folder
    encoding: str | None = None  # of a text table; None = by its byte order mark, else UTF-8
    delimiter: str | None = None  # between the cells of a text table
    quoting: str = "auto"  # auto, standard or none: whether quotation marks enclose cells
    no_header: bool = False  # the first line of a text table is data
    image_size: int | None = None  # pixels of the square that the network sees; None = from the median
    trusted: str | None = None  # table or folder of samples whose labels are right by decree
    trusted_per_class: int | None = None  # the most of them to take of a class; None = all

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.image_size is not None:
            require(8 <= self.image_size <= 1024, "data.image_size", self.image_size, "8 to 1024 pixels")
        require(self.quoting in ("auto", "standard", "none"), "data.quoting", self.quoting, "auto, standard or none")
        require(self.label_separator != "", "data.label_separator", self.label_separator, "one letter or more")
        both = self.embeddings is not None and self.probs is not None
        require(not both, "data.probs", self.probs, "either embeddings or probs, not both")
        one = self.annotator_column is None or self.annotator_columns is None
        require(one, "data.annotator_columns", self.annotator_columns, "one of annotator_column and annotator_columns")
        needs_probs = self.prob_columns is None or self.probs is not None
        require(needs_probs, "data.prob_columns", self.prob_columns, "--probs FILE beside it")
        if self.trusted_per_class is not None:
            name = "data.trusted_per_class"
            require(self.trusted is not None, name, self.trusted_per_class, "--trusted FOLDER or TABLE beside it")
            require(self.trusted_per_class >= 1, name, self.trusted_per_class, "1 or more")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which network looks at the samples."""

    backbone: str = "auto"  # a name that `labelaudit scan --help` lists
    weights: str = "none"  # none, default (torchvision's), or a .safetensors / .pth file
    encoder: str = "auto"  # whose vectors are looked at first; auto = the one that needs no network
    frozen: Literal["auto", "yes", "no"] = "auto"  # compute features once and train heads on them; auto = with weights

    def __post_init__(self) -> None:
        """Check that names are given."""
        require(bool(self.backbone), "model.backbone", self.backbone, "a name")
        require(bool(self.weights), "model.weights", self.weights, "none, default or a file")
        require(bool(self.encoder), "model.encoder", self.encoder, "a name")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a network is trained, whatever the method."""

    batch_size: int = 128  # samples per step
    weight_decay: float = 1e-4
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9  # of SGD
    nesterov: bool = False
    crop_padding: int = 4  # pixels of padding before a random crop; 0 = no crop
    crop_margin: int = 0  # pixels decoded beyond the image size, for crops from a larger image instead of a padded one
    framing: Literal["centre", "whole"] = "centre"  # cut the square out of the middle, or squeeze the whole image in
    flip: bool = True  # random mirror images
    normalise: Literal["dataset", "cifar10", "cifar100", "imagenet", "clothing1m", "halves"] = (
        "dataset"  # whose channels
    )
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto = bf16 where the processor is measured to gain by it
    threads: int = 0  # of the CPU; 0 = all that torch takes, fewer where a busy machine is measured to be faster so
    compile: Literal["auto", "yes", "no"] = "auto"  # torch.compile; auto = where a long scan pays for it

    def __post_init__(self) -> None:
        """Check ranges."""
        require(2 <= self.batch_size <= 65536, "train.batch_size", self.batch_size, "2 to 65536")
        require(0 <= self.weight_decay <= 1, "train.weight_decay", self.weight_decay, "0 to 1")
        require(0 <= self.momentum < 1, "train.momentum", self.momentum, "0 to 1, below 1")
        require(0 <= self.crop_padding <= 128, "train.crop_padding", self.crop_padding, "0 to 128 pixels")
        require(0 <= self.crop_margin <= 256, "train.crop_margin", self.crop_margin, "0 to 256 pixels")
        require(0 <= self.threads <= 1024, "train.threads", self.threads, "0 (as many as there are) to 1024")


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How evidence becomes verdicts; can be changed on a finished audit without training."""

    suspect_below: float = 0.5  # clean_prob under which a sample is a suspect
    suggest_above: float = 0.5  # suggested_prob from which a suggestion is offered as the new label
    calibration: Literal["auto", "planted", "mixture"] = "auto"  # what p(wrong) rests on; auto = witnesses if there are
    mixture: Literal["auto", "published", "robust", "log-odds"] = "auto"  # of the losses

    def __post_init__(self) -> None:
        """Check ranges."""
        require(0 < self.suspect_below < 1, "policy.suspect_below", self.suspect_below, "between 0 and 1")
        require(0 < self.suggest_above < 1, "policy.suggest_above", self.suggest_above, "between 0 and 1")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of one scan."""

    name: str = "fast"
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    method: str = "panel"
    options: Mapping[str, Any] = field(default_factory=dict)  # the method's own settings
    epochs_scale: float = 1.0  # by which the epochs in `options` have been multiplied
    policy: PolicySettings = field(default_factory=PolicySettings)

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(0 < self.epochs_scale <= 1, "epochs_scale", self.epochs_scale, "above 0, at most 1")

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values for JSON; `recipe_from_dict` is its inverse."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name, value in values.items():
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                values[name] = dataclasses.asdict(value)
        return values | {"options": dict(self.options)}


@dataclass(frozen=True, slots=True)
class PublishedSchedule:
    """What a paper trained one dataset with; `PAPER` of a method's module has one for each row."""

    options: Mapping[str, Any]  # of the method
    train: TrainSettings
    image_size: int = 32  # pixels
    backbone: str = "preact-resnet18"
    classifier: Mapping[str, Any] = field(default_factory=dict)  # options on top, where the network is what is wanted
    pretrained: bool = False  # the paper started from ImageNet's weights


def recipe_from_dict(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of nested plain values; unknown keys and wrong types raise ConfigError."""
    return from_dict(Recipe, values, prefix="")


def from_dict(kind: type[T], values: Mapping[str, Any], *, prefix: str) -> T:
    """Build a settings dataclass from plain values, naming the key of every mistake.

    Args:
        kind: a dataclass whose fields are str, int, float, bool, Literal, None unions, tuples, or dataclasses.
        values: plain values, strings allowed for numbers (as they come from `-o key=value`).
        prefix: where these settings sit, such as "train."; part of every message.
    """
    hints = typing.get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(cast(Any, kind))]
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"unknown setting {prefix + key!r}.",
                hint=did_you_mean(key, known) or f"Known settings: {', '.join(prefix + name for name in known)}.",
            )
        kept[key] = _convert(hints[key], value, name=prefix + key)
    return kind(**kept)


def with_overrides(recipe: Recipe, overrides: Mapping[str, str]) -> Recipe:
    """Return the recipe with `key=value` pairs applied; a key without a section is an option of the method.

    Example: `{"train.batch_size": "64", "epochs": "10"}`.
    """
    values = recipe.to_dict()
    sections = {f.name for f in dataclasses.fields(Recipe)}
    for key, text in overrides.items():
        section, dot, name = key.partition(".")
        if dot and section in sections and isinstance(values[section], dict):
            values[section][name] = text
        elif key in sections and not isinstance(values[key], dict):
            values[key] = text
        else:
            values["options"][key.removeprefix("method.")] = text
    return recipe_from_dict(values)


def _convert(hint: Any, value: Any, *, name: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        require(isinstance(value, Mapping), name, value, "a table of settings")
        return from_dict(cast(type, hint), value, prefix=f"{name}.")
    if origin is Literal:
        allowed = typing.get_args(hint)
        require(value in allowed, name, value, "one of " + ", ".join(map(str, allowed)))
        return value
    if origin in (types.UnionType, typing.Union):
        return _convert_optional(hint, value, name=name)
    if origin is tuple:
        return _convert_tuple(hint, value, name=name)
    if origin is not None:
        require(isinstance(value, Mapping), name, value, "a table of settings")
        return dict(value)
    return _convert_scalar(hint, value, name=name)


def _convert_optional(hint: Any, value: Any, *, name: str) -> Any:
    if value is None or value in ("none", "None"):
        return None
    (inner,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
    return _convert(inner, value, name=name)


def _convert_tuple(hint: Any, value: Any, *, name: str) -> tuple[Any, ...]:
    inner = typing.get_args(hint)[0]
    require(isinstance(value, str | list | tuple), name, value, "values with commas between them")
    parts = [part for part in value.split(",") if part] if isinstance(value, str) else list(value)
    return tuple(_convert(inner, part, name=name) for part in parts)


_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _convert_scalar(kind: type, value: Any, *, name: str) -> Any:
    if kind is bool:
        text = str(value).lower()
        require(text in _TRUE + _FALSE, name, value, "true or false")
        return text in _TRUE
    if kind is str:
        require(isinstance(value, str), name, value, "text")
        return value
    expected = {int: "a whole number", float: "a number"}[kind]
    require(not isinstance(value, bool), name, value, expected)
    try:
        converted = kind(value)
    except (TypeError, ValueError, OverflowError):  # overflow: infinity as a whole number
        raise ConfigError(f"{name} = {value!r}: expected {expected}.") from None
    require(kind is float or isinstance(value, str) or value == converted, name, value, expected)
    return converted
