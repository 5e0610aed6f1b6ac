"""The table of methods. A method is a module with the names of `Method`; it is imported when it is asked for.

Where one module has several, a colon leads to the object with those names. Beside them a method may have
    `fast_options(epochs)`: what the fast recipe sets for so many epochs, instead of each `epochs` and `peak_lr` alone;
    `PAPER`: published schedules by row (`core.recipe.PublishedSchedule`), for `--recipe paper`;
    `NEEDS_TRUSTED = True`: it cannot do without samples whose labels are right by decree;
    `LEANS_ON_TRUSTED = True`: it leans on trusted samples, or holds on to their labels: what it says of them tells
        nothing of other right labels;
    `TRAINS_CLASSIFIER = False`: `labelaudit train` cannot use it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import Recipe, from_dict

if TYPE_CHECKING:
    from labelaudit.core.evidence import Evidence

# In the order in which they are listed. Names alone, so that the command line knows them without importing torch.
METHODS: dict[str, str] = {
    "panel": "labelaudit.methods.panel",
    "drpl": "labelaudit.methods.drpl",
    "ce": "labelaudit.methods.baselines:ce",
    "gce": "labelaudit.methods.baselines:gce",
    "sce": "labelaudit.methods.baselines:sce",
    "mixup": "labelaudit.methods.baselines:mixup",
    "forward": "labelaudit.methods.forward",
    "joint": "labelaudit.methods.joint",
    "bootstrap": "labelaudit.methods.bootstrap",
    "elr": "labelaudit.methods.elr",
    "elr+": "labelaudit.methods.elr_plus",
    "dividemix": "labelaudit.methods.dividemix",
    "ieg": "labelaudit.methods.ieg",
}

# What trains on the results of a scan, and finds nothing itself.
FINISHERS: dict[str, str] = {
    "split": "labelaudit.methods.split",
}


class Method(Protocol):
    """What a method has."""

    SUMMARY: str  # one line
    Options: type[Any]  # a frozen dataclass
    training_passes: Callable[[Any], float]  # options -> how often each sample goes forward and back
    run: Callable[[Any, Any], Evidence]  # (job, options) -> evidence for every sample of this rank


def require_method(name: str) -> Method:
    """Import a method; an unknown name raises ConfigError with the closest known one."""
    places = METHODS | FINISHERS
    if name not in places:
        raise ConfigError(
            f"method {name!r} is not known.", hint=did_you_mean(name, METHODS) or f"Known: {', '.join(METHODS)}."
        )
    place, _, in_module = places[name].partition(":")
    module = import_module(place)
    return cast(Method, getattr(module, in_module) if in_module else module)


def leans_on_trusted(name: str) -> bool:
    """Whether a method does not learn from trusted samples as from any other, so that they cannot test it."""
    return bool(getattr(require_method(name), "LEANS_ON_TRUSTED", False))


def read_options(recipe: Recipe) -> Any:
    """Return the `Options` of the recipe's method; a mistake in them raises ConfigError that names the setting."""
    return from_dict(require_method(recipe.method).Options, recipe.options, prefix="method.")
