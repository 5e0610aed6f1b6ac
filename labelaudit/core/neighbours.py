"""The nearest samples that are probably right, of every suspect's given class and of the suggested one."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labelaudit.core.arrays import IntN, Table
from labelaudit.core.errors import DataError

if TYPE_CHECKING:
    from labelaudit.core.audits import Audit

NAME = "neighbours"  # of the file in an audit


@dataclass(frozen=True, slots=True)
class Neighbours:
    """By S samples, as rows of the findings."""

    sample: IntN  # (S,) ascending: whose neighbours they are
    given: Table  # (S, K) of the given class, nearest first; -1 = there are no more
    suggested: Table  # (S, K) of the suggested class

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
    path = audit.path / f"{NAME}.npz"
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Neighbours(*(file[name].astype(np.int64) for name in ("sample", "given", "suggested")))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged: {error}.", hint="Scan the data again.") from error
    tables = (found.sample[:, None], found.given, found.suggested)
    is_whole = found.sample.ndim == 1 and all(each.ndim == 2 and len(each) == len(found.sample) for each in tables)
    if not is_whole or any(each.size and (each.min() < -1 or each.max() >= n) for each in tables):
        raise DataError(f"{path} does not fit the {n:,} findings.", hint="Scan the data again.")
    return found
