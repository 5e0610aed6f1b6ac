"""Small tables that everyone has, whose labels count as the truth: scikit-learn's own, and two that it makes up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn import datasets

from labelaudit.core.dataset import IntN
from labelaudit.core.events import ignore
from labelaudit.core.recipe import DataSettings
from labelaudit.lab.opinion import Probs
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import Prepared, Request

FloatND = NDArray[np.float64]  # (N, D)


@dataclass(frozen=True, slots=True)
class SmallData:
    """A table of numbers with right labels."""

    values: FloatND  # (N, D)
    true: IntN  # (N,)

    @property
    def n_classes(self) -> int:
        """C."""
        return int(self.true.max()) + 1


def load_small(name: str) -> SmallData:
    """Return one of `SMALL_DATA`."""
    values, true = SMALL_DATA[name]()
    return SmallData(np.asarray(values, dtype=np.float64), np.asarray(true, dtype=np.int64))


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
        _write(small, given, table)
        settings = DataSettings()
        if probs is not None:
            np.save(file, probs)
            settings = DataSettings(probs=str(file))
        prepared = prepare(Request(table, data=settings, seed=seed, device="cpu"), tune=False)
        return prepared, load_inputs(prepared.dataset, prepared.recipe, prepared.device, ignore)


def _write(data: SmallData, given: IntN, path: Path) -> None:
    """Write the values and other labels as a Parquet table, as a user would have it."""
    columns = {f"x{place}": column for place, column in enumerate(data.values.T)}
    pq.write_table(pa.table({**columns, "label": [f"class {label:02}" for label in given]}), path)


def _made_up() -> tuple[FloatND, IntN]:
    """Three classes of two clouds each, some of which overlap."""
    return datasets.make_classification(  # type: ignore[no-any-return]
        n_samples=1500, n_features=20, n_informative=10, n_classes=3, class_sep=2.0, flip_y=0.0, random_state=0
    )


def _covertype_like() -> tuple[FloatND, IntN]:
    """Seven classes of very different sizes in 54 columns, as in the table of forest cover types."""
    return datasets.make_classification(  # type: ignore[no-any-return]
        n_samples=4000,
        n_features=54,
        n_informative=14,
        n_redundant=10,
        n_classes=7,
        n_clusters_per_class=1,
        weights=[0.36, 0.3, 0.1, 0.08, 0.06, 0.05, 0.05],
        class_sep=2.0,
        flip_y=0.0,
        random_state=0,
    )


SMALL_DATA: dict[str, Callable[[], tuple[FloatND, IntN]]] = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "made up": _made_up,
    "covertype-like": _covertype_like,
}
