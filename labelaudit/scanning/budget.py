"""`--budget 5m`: network, image size and epochs fitted to a time, by measuring what this machine does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import Recipe
from labelaudit.scanning.prepare import Prepared
from labelaudit.scanning.schedules import described, passes_by_epochs, with_epochs
from labelaudit.scanning.throughput import feature_seconds, training_passes, training_rate

RateOf = Callable[[Prepared, Recipe], float | None]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_USABLE = 0.85  # share of the budget that is planned for; the rest is for reading images and for surprises
# Training passes over the samples; two stages of more than 60 annealed epochs no longer rank errors better.
_FEWEST, _ENOUGH, _MOST = 8, 32, 120
_TO_SPARE = 1.5 * _MOST  # passes from which a larger network uses the time better


@dataclass(frozen=True, slots=True)
class Fit:
    """A recipe that fits a budget."""

    recipe: Recipe
    passes: float  # of training that would fit the time, before they are cut to whole and sensible epochs
    rate: float  # samples per second
    seconds: float  # expected, of all training passes

    @property
    def why(self) -> str:
        """What was chosen, as one sentence."""
        size = f" at {self.recipe.data.image_size} pixels" if self.recipe.data.image_size else ""
        short = "; the time is too short for a good ranking" if self.passes < _FEWEST else ""
        return (
            f"{described(self.recipe.method, self.recipe.options)} of {self.recipe.model.backbone}{size}, "
            f"measured at {self.rate:,.0f} samples/s{short}"
        )


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


def fit_budget(prepared: Prepared, seconds: float, *, rate_of: RateOf = training_rate) -> Fit | None:
    """Return the recipe that makes the most of a time; None where nothing is trained.

    The recipe's own network is measured first. Where it leaves time unused, larger networks are tried; where it does
    not fit, smaller images; where nothing fits, the fewest epochs, and the sentence says that the time is too short.

    Args:
        prepared: the dataset, and the recipe to start from.
        seconds: of the whole scan; infinite for the largest network and most epochs.
        rate_of: measures samples per second.
    """
    samples = len(prepared.dataset)
    features_s = feature_seconds(prepared, prepared.recipe, rate_of)  # of a frozen network; 0 for others

    def measured(recipe: Recipe) -> Fit | None:
        rate = rate_of(prepared, recipe)
        if rate is None:
            return None
        fixed = {name: value for name, value in recipe.options.items() if name not in with_epochs(recipe.method, 1)}
        fewest = int(fixed.get("relabel_from", 0)) + 1  # a phase that does not shrink with the epochs
        besides, an_epoch = passes_by_epochs(recipe.method, recipe.options, fewest=fewest)
        passes = (seconds * _USABLE - features_s) * rate / samples - besides
        epochs = int(max(min(passes, _MOST) / an_epoch, fewest))
        whole = replace(recipe, options={**recipe.options, **with_epochs(recipe.method, epochs)})
        return Fit(whole, passes, rate, features_s + training_passes(whole) * samples / rate)

    asked = prepared.asked
    fit = measured(prepared.recipe)
    for larger in _larger(prepared.recipe) if asked is None or asked.model.backbone == "auto" else ():
        bigger = measured(larger) if fit is not None and fit.passes >= _TO_SPARE else None
        if bigger is None or bigger.passes < _ENOUGH:
            break
        fit = bigger
    for smaller in _smaller(prepared.recipe) if asked is None or asked.data.image_size is None else ():
        if fit is None or fit.passes >= _FEWEST:
            break
        fit = measured(smaller)
    return fit


def _larger(recipe: Recipe) -> Iterator[Recipe]:
    """Yield the recipe with larger networks."""
    if recipe.model.backbone == "small":
        for backbone in ("medium", "preact-resnet18"):
            yield replace(recipe, model=replace(recipe.model, backbone=backbone))


def _smaller(recipe: Recipe) -> Iterator[Recipe]:
    """Yield the recipe with images of half the side, a quarter, ... down to 32 pixels."""
    size = (recipe.data.image_size or 0) // 2
    while size >= _SMALLEST_SIDE:
        train = replace(recipe.train, crop_padding=max(1, size // 8))
        yield replace(recipe, data=replace(recipe.data, image_size=size), train=train)
        size //= 2


_SMALLEST_SIDE = 32  # pixels; below that photographs lose what tells them apart
