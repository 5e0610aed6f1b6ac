"""Precision, threads and compilation of a scan, settled by trying them for a moment on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from labelaudit.api.prepare import Prepared
from labelaudit.api.throughput import training_passes, training_rate
from labelaudit.core.recipe import Recipe, TrainSettings
from labelaudit.training.compiled import can_compile
from labelaudit.training.device import choose_precision

RateOf = Callable[[Prepared, Recipe], float | None]

_WORTH_TRYING = 200_000  # samples to train on in all; below, trying takes longer than it could save
_WORTH_TRYING_TO_COMPILE = 10 * _WORTH_TRYING
_PAYS_TO_COMPILE_S = 900.0  # of training; compiling took 28 s and made the small network 1.2 times as fast on two cores
_BUSY = 0.75  # of the cores, by the load of the last minute: fewer threads may then be faster
_CLEARLY_FASTER = 1.2  # so that a moment's noise does not decide


def tuned(prepared: Prepared, *, rate_of: RateOf = training_rate, load: float | None = None) -> Prepared:
    """Return the scan with "auto" settings replaced by what is fastest here, and said in `why`.

    Only settings that were left to us are tried, and only for scans of images that are long enough to gain by it; the
    others follow the processor's flags.

    Args:
        prepared: a scan whose recipe is chosen.
        rate_of: measures samples per second.
        load: processes that want to run now; None = as the system says.
    """
    recipe = prepared.recipe
    work = training_passes(recipe) * len(prepared.dataset)
    if prepared.dataset.kind != "images" or recipe.model.frozen == "yes" or work < _WORTH_TRYING:
        return prepared
    settings, said = recipe.train, []
    rates: dict[TrainSettings, float] = {}

    def rate(train: TrainSettings) -> float:
        if train not in rates:
            with threads(train.threads):
                rates[train] = rate_of(prepared, replace(recipe, train=train)) or 0.0
        return rates[train]

    plain = replace(settings, compile="no")
    if settings.precision == "auto":
        single, half = replace(plain, precision="fp32"), replace(plain, precision="bf16")
        plain = single
        if choose_precision(prepared.device, "auto") == torch.bfloat16:  # emulated, it would be slower for certain
            plain, other = (half, single) if rate(half) > rate(single) else (single, half)
            said.append(
                f"{plain.precision} trains {rate(plain) / max(rate(other), 1e-9):.1f} times as fast as the other"
            )
    fewer = _fewer_threads(prepared, settings, _load() if load is None else load)
    if fewer and rate(replace(plain, threads=fewer)) > _CLEARLY_FASTER * rate(plain):
        plain = replace(plain, threads=fewer)
        said.append(f"{fewer} of {torch.get_num_threads()} threads, because the machine is busy")
    if settings.compile == "yes" or (settings.compile == "auto" and _compiling_pays(prepared, work, plain, rate)):
        plain = replace(plain, compile="yes")
        said.append("compiled")
    why = f"{prepared.why}; measured here: {', '.join(said)}" if said else prepared.why
    return replace(prepared, recipe=replace(recipe, train=plain), why=why)


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


def _fewer_threads(prepared: Prepared, settings: TrainSettings, load: float) -> int:
    """Return half of the threads where others are using the cores, 0 where there is nothing to try."""
    if prepared.device.type != "cpu" or settings.threads or load < _BUSY * (os.cpu_count() or 1):
        return 0
    return torch.get_num_threads() // 2


def _compiling_pays(
    prepared: Prepared, work: float, plain: TrainSettings, rate: Callable[[TrainSettings], float]
) -> bool:
    if work < _WORTH_TRYING_TO_COMPILE or not can_compile(prepared.device) or work / rate(plain) < _PAYS_TO_COMPILE_S:
        return False
    try:
        return rate(replace(plain, compile="yes")) > _CLEARLY_FASTER * rate(plain)
    except RuntimeError:  # what the compiler raises: then it does not pay
        return False


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
