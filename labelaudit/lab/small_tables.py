"""Small tables of a benchmark, prepared and loaded as a scan of the user's own would be."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import IntN
from labelaudit.core.events import ignore
from labelaudit.core.recipe import DataSettings
from labelaudit.lab.opinion import Probs
from labelaudit.lab.small_data import SmallData, write_small
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import Prepared, Request


def load_small_table(
    small: SmallData, given: IntN, *, seed: int = 0, probs: Probs | None = None
) -> tuple[Prepared, Loaded]:
    """Return the recipe and the samples of a table with other labels, on the CPU.

    Args:
        small: the table.
        given: (N,) its labels.
        seed: of the scan.
        probs: (N, C) probabilities that the user has; None = the scan trains.
    """
    with tempfile.TemporaryDirectory(prefix="labelaudit-bench-") as name:
        table, file = Path(name) / "table.parquet", Path(name) / "probs.npy"
        write_small(small, given, table)
        settings = DataSettings()
        if probs is not None:
            np.save(file, probs)
            settings = DataSettings(probs=str(file))
        prepared = prepare(Request(table, data=settings, seed=seed, device="cpu"), tune=False)
        return prepared, load_inputs(prepared.dataset, prepared.recipe, prepared.device, ignore)
