"""What a model file says besides its weights: enough to use the classifier anywhere, and to know where it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from labelaudit.core.errors import ConfigError, DataError, damaged
from labelaudit.core.recipe import from_dict, require

MODEL_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """How the cells of one column become inputs: learnt from the training rows, the same for every later one."""

    name: str
    is_number: bool
    median: float = 0.0  # fills gaps
    mean: float = 0.0
    scale: float = 1.0  # inputs = (number - mean) / scale
    categories: tuple[str, ...] = ()  # one input each, 1 where the cell says so
    most_frequent: str = ""  # fills gaps
    pools_rare: bool = False  # one more input for categories too rare for one of their own, and for unknown ones

    def __post_init__(self) -> None:
        """Check numbers."""
        numbers = (self.median, self.mean, self.scale)
        require(all(map(isfinite, numbers)) and self.scale != 0, f"columns.{self.name}", numbers, "finite, scale not 0")

    @property
    def width(self) -> int:
        """How many inputs the column has."""
        return 1 if self.is_number else len(self.categories) + self.pools_rare


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """How an image becomes inputs."""

    size: int  # pixels of a side that the networks see
    margin: int  # pixels decoded beyond that, cut off again
    means: tuple[float, ...]  # (3,) of the channels, on a 0..1 scale
    deviations: tuple[float, ...]  # (3,)
    flip: bool  # answers are the mean over the image and its mirror image
    framing: Literal["centre", "whole"] = "centre"  # the square is cut out of the middle, or the whole image squeezed

    def __post_init__(self) -> None:
        """Check sizes."""
        require(1 <= self.size <= 2048, "images.size", self.size, "1 to 2048 pixels")
        require(0 <= self.margin <= 512, "images.margin", self.margin, "0 to 512 pixels")
        require(all(map(isfinite, self.means)), "images.means", self.means, "finite")
        require(all(isfinite(d) and d > 0 for d in self.deviations), "images.deviations", self.deviations, "above 0")
        require(len(self.means) == len(self.deviations) == 3, "images.means", self.means, "three channels")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A trained classifier in words and numbers."""

    classes: tuple[str, ...]  # (C,) in the order of the outputs
    kind: Literal["images", "features", "embeddings"]  # what a sample is
    backbone: str
    networks: int  # the mean of their softmax outputs is the answer
    n_inputs: int = 0  # D, of vectors or of a frozen backbone's features; 0 for networks that see images
    images: ImageFacts | None = None
    columns: tuple[ColumnFacts, ...] = ()  # of a table
    frozen: bool = False  # the backbone computes features, and the networks are perceptrons on them
    precision: Literal["fp32", "bf16"] = "fp32"  # that it was trained in
    method: str = ""
    labels: str = ""  # which labels it learnt from
    source: str = ""  # the dataset as it was named
    samples: int = 0  # that it learnt from
    fingerprint: str = ""  # of the dataset
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""  # ISO 8601, UTC
    labelaudit: str = ""  # version that wrote it

    def __post_init__(self) -> None:
        """Check that it can be used."""
        require(len(self.classes) >= 2, "classes", self.classes, "two or more")
        require(1 <= self.networks <= 10_000, "networks", self.networks, "1 to 10,000")
        require(self.n_inputs >= 0, "n_inputs", self.n_inputs, "0 or more")
        require(len(set(self.classes)) == len(self.classes), "classes", self.classes[:5], "names of their own")
        require((self.kind == "images") == (self.images is not None), "images", self.images, "set for images only")

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values for JSON; `model_facts_from_dict` is its inverse."""
        return {"schema": MODEL_SCHEMA, **dataclasses.asdict(self)}


def model_facts_from_dict(values: Mapping[str, Any], *, source: str) -> ModelFacts:
    """Return the facts of nested plain values.

    Raises:
        DataError: another schema version, or values that no model has; names `source`.
    """
    if not isinstance(values, Mapping):
        raise damaged(source, "its header is no object", hint="Train or scan again.")
    if values.get("schema") != MODEL_SCHEMA:
        raise DataError(
            f"{source} has model schema {values.get('schema')}; this labelaudit reads schema {MODEL_SCHEMA}.",
            hint=f"It was written by labelaudit {values.get('labelaudit')}; use that version, or train again.",
        )
    try:
        return from_dict(ModelFacts, {key: value for key, value in values.items() if key != "schema"}, prefix="")
    except (ConfigError, TypeError) as error:
        problem = error.problem if isinstance(error, ConfigError) else str(error)
        raise DataError(f"{source} is damaged: {problem}", hint="Train or scan again.") from error
