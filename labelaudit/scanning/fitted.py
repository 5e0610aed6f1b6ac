"""A recipe fitted to the time that it may take, and to this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import with_overrides
from labelaudit.scanning.budget import fit_budget, parse_duration
from labelaudit.scanning.prepare import Prepared, resolved
from labelaudit.scanning.rates import load_now, remembered
from labelaudit.scanning.recipes import late_overrides
from labelaudit.scanning.throughput import training_rate
from labelaudit.scanning.tuning import tuned


def tuned_here(prepared: Prepared, rates: Path) -> Prepared:
    """Return the scan with what is fastest here: measured by an earlier scan, or now where others are at work."""
    load = load_now()
    return tuned(prepared, rate_of=remembered(training_rate, rates) if load < 1 else training_rate, load=load)


def within_budget(prepared: Prepared, budget: str) -> Prepared:
    """Return the scan with a recipe fitted to a time; settings that were named still win.

    Raises:
        ConfigError: the schedule is to be shortened as well.
    """
    scale = prepared.recipe.epochs_scale
    if scale != 1:
        raise ConfigError(
            f"--budget {budget} sets the epochs, and --epochs-scale {scale:g} would shorten them again.",
            hint="Leave one of the two out.",
        )
    fit = fit_budget(prepared, parse_duration(budget))
    if fit is None or prepared.asked is None:
        return prepared
    recipe = resolved(with_overrides(fit.recipe, late_overrides(prepared.asked)), prepared.dataset)
    return replace(prepared, recipe=recipe, why=f"budget {budget}: {fit.why}")
