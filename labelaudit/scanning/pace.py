"""The pace of a scan: a recipe fitted to the time that it may take, and to what is fastest on this machine."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import Recipe, TrainSettings, with_overrides
from labelaudit.scanning.rates import RateOf, feature_seconds, load_now, remembered, training_passes, training_rate
from labelaudit.scanning.recipes import described, passes_by_epochs, resolved, with_epochs
from labelaudit.scanning.request import Prepared, TimeLimit, late_overrides, parse_duration
from labelaudit.training.compiled import can_compile
from labelaudit.training.device import choose_precision

_USABLE = 0.85  # share of the budget that is planned for; the rest is for reading images and for surprises
# Training passes over the samples; two stages of more than 60 annealed epochs no longer rank errors better.
_FEWEST, _ENOUGH, _MOST = 8, 32, 120
_TO_SPARE = 1.5 * _MOST  # passes from which a larger network uses the time better
_LONG = 200_000  # samples to train on in all; below, trying takes longer than it could save
_SHORT = 20_000  # the same on a busy machine, where threads that wait for each other took thirty times as long
_VERY_LONG = 2_000_000  # from where compiling may pay
_PAYS_TO_COMPILE_S = 900.0  # of training; compiling took 28 s and made the small network 1.2 times as fast on two cores
_BUSY = 0.75  # of the cores, by the load of the last minute: fewer threads may then be faster
_CLEARLY_FASTER = 1.2  # so that a moment's noise does not decide


def within_budget(
    prepared: Prepared,
    budget: str,
    *,
    began: float,
    rate_of: RateOf = training_rate,
    now: Callable[[], float] = time.monotonic,
) -> Prepared:
    """Return the scan with a recipe fitted to a time; settings that were named still win.

    Args:
        prepared: the dataset, and the recipe to start from.
        budget: the time, "5m"; of the whole command.
        began: when the command began, in seconds of the clock.
        rate_of: measures samples per second.
        now: the clock.

    Raises:
        ConfigError: the schedule is to be shortened as well.
    """
    scale = prepared.recipe.epochs_scale
    if scale != 1:
        raise ConfigError(
            f"--budget {budget} sets the epochs, and --epochs-scale {scale:g} would shorten them again.",
            hint="Leave one of the two out.",
        )
    ends_at = began + parse_duration(budget)
    fit = fit_budget(prepared, max(ends_at - now(), 0.0), rate_of=rate_of)
    if fit is None or prepared.asked is None:
        return prepared
    recipe = resolved(with_overrides(fit.recipe, late_overrides(prepared.asked)), prepared.dataset)
    named = any(recipe.options[name] != value for name, value in fit.recipe.options.items())  # these take their time
    limit = TimeLimit(budget, ends_at, fit.rate) if math.isfinite(ends_at) and not named else None
    return replace(prepared, recipe=recipe, why=f"budget {budget}: {fit.why}", limit=limit)


def shortened(prepared: Prepared, *, now: Callable[[], float] = time.monotonic) -> Prepared:
    """Return a scan whose samples are read with as many epochs as there is still time for; the same where it suffices.

    Args:
        prepared: the scan; without a limit it stays as it is.
        now: the clock of the limit.
    """
    limit, recipe = prepared.limit, prepared.recipe
    if limit is None:
        return prepared
    fit = _with_epochs_for(recipe, (limit.ends_at - now()) * _USABLE, rate=limit.rate, samples=len(prepared.dataset))
    if training_passes(fit.recipe) >= training_passes(recipe):
        return prepared
    return replace(prepared, recipe=fit.recipe)


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


def fit_budget(prepared: Prepared, seconds: float, *, rate_of: RateOf = training_rate) -> Fit | None:
    """Return the recipe that makes the most of a time; None where nothing is trained.

    The recipe's own network is measured first. Where it leaves time unused, larger networks are tried; where it does
    not fit, smaller images; where nothing fits, the fewest epochs, and the sentence says that the time is too short.

    Args:
        prepared: the dataset, and the recipe to start from.
        seconds: of the whole scan; infinite for the largest network and most epochs.
        rate_of: measures samples per second.
    """
    if not with_epochs(prepared.recipe.method, 1):
        return None  # a look takes what it takes
    samples = len(prepared.dataset)
    features_s = feature_seconds(prepared, prepared.recipe, rate_of)  # of a frozen network; 0 for others

    def measured(recipe: Recipe) -> Fit | None:
        rate = rate_of(prepared, recipe)
        if rate is None:
            return None
        fit = _with_epochs_for(recipe, seconds * _USABLE - features_s, rate=rate, samples=samples)
        return replace(fit, seconds=features_s + fit.seconds)

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


def _with_epochs_for(recipe: Recipe, seconds: float, *, rate: float, samples: int) -> Fit:
    """Return a recipe with the epochs that fit into seconds of training, at so many samples per second."""
    fixed = {name: value for name, value in recipe.options.items() if name not in with_epochs(recipe.method, 1)}
    fewest = int(fixed.get("relabel_from", 0)) + 1  # a phase that does not shrink with the epochs
    besides, an_epoch = passes_by_epochs(recipe.method, recipe.options, fewest=fewest)
    passes = seconds * rate / samples - besides
    epochs = int(max(min(passes, _MOST) / an_epoch, fewest))
    whole = replace(recipe, options={**recipe.options, **with_epochs(recipe.method, epochs)})
    return Fit(whole, passes, rate, training_passes(whole) * samples / rate)


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


def tuned_here(prepared: Prepared, rates: Path | None = None, *, compiles: bool = True) -> Prepared:
    """Return the scan with what is fastest here: measured by an earlier scan, or now where others are at work.

    Args:
        prepared: a scan whose recipe is chosen.
        rates: file of what earlier scans measured; None measures anew.
        compiles: as in `tuned`.
    """
    load = load_now()
    rate_of = training_rate if rates is None or load >= 1 else remembered(training_rate, rates)
    return tuned(prepared, rate_of=rate_of, load=load, compiles=compiles)


def tuned(prepared: Prepared, *, rate_of: RateOf = training_rate, load: float, compiles: bool = True) -> Prepared:
    """Return the scan with "auto" settings replaced by what is fastest here, and said in `why`.

    Only settings that were left to us are tried, and only for scans of images that are long enough to gain by it; the
    others follow the processor's flags.

    Args:
        prepared: a scan whose recipe is chosen.
        rate_of: measures samples per second.
        load: how many others want to run now.
        compiles: try whether compiling pays, which takes most of a minute.
    """
    recipe, device = prepared.recipe, prepared.device
    work = training_passes(recipe) * len(prepared.dataset)
    busy = load >= _BUSY * (os.cpu_count() or 1)
    if prepared.dataset.kind != "images" or recipe.model.frozen == "yes" or work < (_SHORT if busy else _LONG):
        return prepared
    asked, said = recipe.train, []
    rates: dict[TrainSettings, float] = {}

    def rate(train: TrainSettings) -> float:
        if train not in rates:
            with threads(train.threads):
                rates[train] = max(rate_of(prepared, replace(recipe, train=train)) or 0.0, 1e-9)
        return rates[train]

    bf16 = choose_precision(device, asked.precision) == torch.bfloat16
    best = replace(asked, compile="no", precision="bf16" if bf16 else "fp32")
    fewer = replace(best, threads=torch.get_num_threads() // 2)
    may_halve = busy and device.type == "cpu" and not asked.threads and fewer.threads > 0
    if may_halve and rate(fewer) > _CLEARLY_FASTER * rate(best):
        best = fewer
        said.append(f"{fewer.threads} of {torch.get_num_threads()} threads, because the machine is busy")
    if asked.precision == "auto" and bf16 and work >= _LONG:  # emulated, bfloat16 would be slower for certain
        other = replace(best, precision="fp32")
        best, other = (best, other) if rate(best) > rate(other) else (other, best)
        said.append(f"{best.precision} trains {rate(best) / rate(other):.1f} times as fast as {other.precision}")
    if asked.compile == "yes" or (compiles and asked.compile == "auto" and _compiling_pays(prepared, work, best, rate)):
        best = replace(best, compile="yes")
        said.append("compiled")
    why = f"{prepared.why}; measured here: {', '.join(said)}" if said else prepared.why
    return replace(prepared, recipe=replace(recipe, train=best), why=why)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use n threads of the CPU for a while; 0 = leave it as it is."""
    before = torch.get_num_threads()
    if n:
        torch.set_num_threads(n)
    try:
        yield
    finally:
        if n:
            torch.set_num_threads(before)


def _compiling_pays(
    prepared: Prepared, work: float, plain: TrainSettings, rate: Callable[[TrainSettings], float]
) -> bool:
    if work < _VERY_LONG or not can_compile(prepared.device) or work / rate(plain) < _PAYS_TO_COMPILE_S:
        return False
    try:
        return rate(replace(plain, compile="yes")) > _CLEARLY_FASTER * rate(plain)
    except RuntimeError:  # what the compiler raises: then it does not pay
        return False
