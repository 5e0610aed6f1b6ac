"""`--epochs-scale 0.1`: the same schedule in a tenth of the epochs, for a quick look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The last word of a setting's name says that it counts epochs or steps: `warmup_epochs`, `relabel_from`, `milestones`.
_PHASES = ("epochs", "from")  # whole numbers of epochs, 0 = none
_POINTS = ("milestones",)  # tuples of epochs
_STEPS = ("steps",)  # whole numbers of optimiser steps, 0 = none
_IN_A_ROW = {"warmup_epochs", "dynamic_epochs"}  # phases that come one after the other before the rest begins


def shortened(options: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """Return a method's options with every count of epochs and steps multiplied.

    A phase keeps at least one epoch, and one that was longer than another stays so, by an epoch at least: a warm-up
    never swallows what it warms up for. What is 0 (never) or empty stays so.

    Args:
        options: by name; all of them, so that the defaults are shortened too.
        scale: above 0, at most 1; 1 changes nothing.
    """
    phases = {options[name] for name in options if name.rpartition("_")[2] in _PHASES and options[name] > 0}
    scaled, last = {0: 0}, 0
    for epochs in sorted(phases):
        scaled[epochs] = last = max(last + 1, round(epochs * scale))
    shorter = dict(options)
    for name, value in options.items():
        kind = name.rpartition("_")[2]
        if kind in _PHASES:
            shorter[name] = scaled[value]
        elif kind in _POINTS:
            shorter[name] = tuple(max(1, round(epoch * scale)) for epoch in value)
        elif kind in _STEPS:
            shorter[name] = max(1, round(value * scale)) if value else 0
    if shorter.keys() >= _IN_A_ROW | {"epochs"}:
        shorter["epochs"] = max(shorter["epochs"], 1 + sum(shorter[name] for name in _IN_A_ROW))
    return shorter
