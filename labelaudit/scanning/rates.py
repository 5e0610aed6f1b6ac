"""Training rates that an earlier scan measured, and whether the machine is quiet enough to believe them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from labelaudit.core.files import write_text
from labelaudit.core.recipe import Recipe
from labelaudit.core.version import VERSION
from labelaudit.scanning.prepare import Prepared
from labelaudit.training.device import describe_device

RateOf = Callable[[Prepared, Recipe], float | None]

_LOAD_FILE = Path("/proc/loadavg")
_LOOKS, _BETWEEN_LOOKS_S = 5, 0.01


def remembered(rate_of: RateOf, path: Path) -> RateOf:
    """Return a function that measures what no earlier scan has measured, and notes it.

    A rate is known again for the same device, number of threads, versions, network, settings and shape of the data. A
    setting that failed is remembered as 0. A file that cannot be read or written only means to measure again.

    Args:
        rate_of: measures samples per second; seconds of work.
        path: a JSON file; its folder may be missing.
    """

    def rate(prepared: Prepared, recipe: Recipe) -> float | None:
        key = _key(prepared, recipe)
        known = _read(path).get(key)
        if known is not None:
            return known
        try:
            measured = rate_of(prepared, recipe)
        except RuntimeError:  # what torch raises
            _note(path, key, 0.0)
            raise
        if measured is not None:
            _note(path, key, measured)
        return measured

    return rate


def load_now() -> float:
    """Return how many others want to run at this moment, as far as the system tells.

    The load of the last minute counts this user's previous scan, which has ended.
    """
    if not _LOAD_FILE.exists():
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    runnable = 0
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS_S)
        runnable += int(_LOAD_FILE.read_text().split()[3].partition("/")[0]) - 1  # without the one that reads
    return runnable / _LOOKS


def _key(prepared: Prepared, recipe: Recipe) -> str:
    dataset = prepared.dataset
    facts = {
        "versions": (VERSION, torch.__version__),
        "device": describe_device(prepared.device),  # with the number of threads
        "model": dataclasses.asdict(recipe.model),
        "train": dataclasses.asdict(recipe.train),
        "image_size": recipe.data.image_size,
        "classes": dataset.n_classes,
        "batch": min(recipe.train.batch_size, len(dataset)),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {str(key): float(rate) for key, rate in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _note(path: Path, key: str, rate: float) -> None:
    text = json.dumps(_read(path) | {key: rate}, indent=1)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
