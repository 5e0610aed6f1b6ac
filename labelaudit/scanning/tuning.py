"""Precision, threads and compilation of a scan, settled by trying them for a moment on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from labelaudit.core.recipe import Recipe, TrainSettings
from labelaudit.scanning.prepare import Prepared
from labelaudit.scanning.throughput import training_passes, training_rate
from labelaudit.training.compiled import can_compile
from labelaudit.training.device import choose_precision

RateOf = Callable[[Prepared, Recipe], float | None]

_LONG = 200_000  # samples to train on in all; below, trying takes longer than it could save
_SHORT = 20_000  # the same on a busy machine, where threads that wait for each other took thirty times as long
_VERY_LONG = 2_000_000  # from where compiling may pay
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
    recipe, device = prepared.recipe, prepared.device
    work = training_passes(recipe) * len(prepared.dataset)
    busy = (_load() if load is None else load) >= _BUSY * (os.cpu_count() or 1)
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
    if asked.compile == "yes" or (asked.compile == "auto" and _compiling_pays(prepared, work, best, rate)):
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


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
