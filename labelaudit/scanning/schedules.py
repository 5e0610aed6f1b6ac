"""How long a method trains: the same number of passes over the samples, whatever the method, unless it is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from labelaudit.core.errors import count
from labelaudit.core.recipe import from_dict
from labelaudit.methods.registry import Method, require_method

_FILLED = ("epochs", "stage1_epochs", "stage2_epochs")  # settings that the fast recipe and a budget fill in


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
    return max(1, round(2 * stage_epochs / an_epoch))


def described(method: str, options: Mapping[str, Any]) -> str:
    """Return the length of a schedule in words: "2 networks of 24 epochs", "two stages of 24", "elr, 48 epochs"."""
    fields = dataclasses.fields(require_method(method).Options)
    networks = options.get("networks", next((field.default for field in fields if field.name == "networks"), None))
    if networks is not None and "epochs" in options:
        return f"{count(int(networks), 'network')} of {count(options['epochs'], 'epoch')}"
    if "stage1_epochs" in options:
        return f"two stages of {options['stage1_epochs']} epochs"
    return f"{method}, {count(options['epochs'], 'epoch')}" if "epochs" in options else method


def _names(module: Method) -> set[str]:
    return {field.name for field in dataclasses.fields(module.Options)}


_SPAN = 60  # epochs: passes are whole numbers in some methods, so a short span would round the slope
