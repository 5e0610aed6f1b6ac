"""In which order samples are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.gate.columns import FindingColumns

Order = Literal["suspicion", "pair", "class", "second", "disagreement"]
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, slots=True)
class Pair:
    """Suspects with one given and one suggested label."""

    given: str
    suggested: str | None
    suspects: int
    open: int  # that nobody decided on


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples are to be shown; None = any label, "" = none."""

    order: Order = "suspicion"
    given: str | None = None
    suggested: str | None = None


class Orders:
    """N findings in every order; computed once, as an order that changes under the eyes of a person confuses."""

    def __init__(self, columns: FindingColumns) -> None:
        self._columns = columns
        self.suspect: BoolN = columns.flagged & ~columns.trusted
        self._rest = columns.scanned & ~columns.trusted & ~self.suspect
        self._pair_of: IntN = columns.given.codes * (len(columns.suggested.names) + 1) + columns.suggested.codes + 1
        worst = columns.worst_first(self.suspect)
        self._rows: dict[Order, IntN] = {
            "suspicion": np.concatenate([worst, columns.worst_first(self._rest)]),
            "pair": _grouped(worst, self._pair_of),
            "class": _grouped(worst, columns.given.codes),
        }
        self._rows["second"] = self._rows["disagreement"] = self._rows["suspicion"]

    def rows(self, wanted: Wanted) -> IntN:
        """Return the rows of an order, first to last."""
        rows = self._rows[wanted.order]
        for name, coded in ((wanted.given, self._columns.given), (wanted.suggested, self._columns.suggested)):
            if name is not None:
                rows = rows[(coded.is_in(name) if name else coded.codes < 0)[rows]]
        return rows

    def pairs(self, open_: BoolN, most: int) -> list[Pair]:
        """Return the pairs of labels with the most suspects that nobody decided on; those without any last.

        Args:
            open_: (N,) rows that nobody decided on.
            most: of the pairs.
        """
        found, counts = np.unique(self._pair_of[self.suspect], return_counts=True)
        left = np.bincount(np.searchsorted(found, self._pair_of[self.suspect & open_]), minlength=len(found))
        width = len(self._columns.suggested.names) + 1
        pairs = []
        for at in np.lexsort((-counts, -left))[:most].tolist():
            given, suggested = divmod(int(found[at]), width)
            name = self._columns.suggested.names[suggested - 1] if suggested else None
            pairs.append(Pair(self._columns.given.names[given], name, int(counts[at]), int(left[at])))
        return pairs


def _grouped(worst: IntN, group: IntN) -> IntN:
    """Return rows by group, the largest group first, the order within it kept."""
    if not len(worst):
        return worst
    _, inverse, counts = np.unique(group[worst], return_inverse=True, return_counts=True)
    return worst[np.lexsort((np.arange(len(worst)), inverse, -counts[inverse]))]
