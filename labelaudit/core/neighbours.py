"""The nearest samples that are probably right, of every suspect's given class and of the suggested one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import IntN
from labelaudit.core.stored_arrays import read_arrays, require_array, require_range

if TYPE_CHECKING:
    from labelaudit.core.audits import Audit

NAME = "neighbours"  # of the file in an audit


@dataclass(frozen=True, slots=True)
class Neighbours:
    """By S samples, as rows of the findings."""

    sample: IntN  # (S,) ascending: whose neighbours they are
    given: NDArray[np.int64]  # (S, K) of the given class, nearest first; -1 = there are no more
    suggested: NDArray[np.int64]  # (S, K) of the suggested class

    def of(self, row: int) -> tuple[list[int], list[int]]:
        """Return the rows of the neighbours of a finding, of its given and of its suggested class."""
        place = int(np.searchsorted(self.sample, row))
        if place == len(self.sample) or self.sample[place] != row:
            return [], []
        given, suggested = ([int(each) for each in table[place] if each >= 0] for table in (self.given, self.suggested))
        return given, suggested


def read_neighbours(audit: Audit, n: int) -> Neighbours | None:
    """Return what an audit of n findings keeps, None where it keeps none: the samples have no vectors.

    Raises:
        DataError: the file is damaged, or does not fit the findings.
    """
    path = audit.file(f"{NAME}.npz")
    if not path.exists():
        return None
    arrays = read_arrays(path)
    sample = require_array(path, arrays, "sample", "i", (None,))
    given, suggested = (require_array(path, arrays, name, "i", (len(sample), None)) for name in ("given", "suggested"))
    for name, array in (("sample", sample), ("given", given), ("suggested", suggested)):
        require_range(path, array, name, 0 if name == "sample" else -1, n - 1)
    return Neighbours(sample.astype(np.int64), given.astype(np.int64), suggested.astype(np.int64))
