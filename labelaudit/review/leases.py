"""Who has which samples before them: two tabs must not ask two people the same, unless a second opinion is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from labelaudit.core.arrays import BoolN

HELD_S = 90.0  # a tab says that it is there every 20 s
_MOST_TABS = 200  # that are remembered; a program that opens more gets no harm done


class Leases:
    """Rows that were handed to tabs, until they are given back or the tab falls silent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: dict[str, set[int]] = {}
        self._until: dict[str, float] = {}

    def take(self, tab: str, rows: Iterable[int]) -> None:
        """Hand rows to a tab, besides those that it has."""
        self.renew(tab)
        self._rows[tab].update(rows)

    def renew(self, tab: str) -> None:
        """Note that a tab is still there."""
        self._rows.setdefault(tab, set())
        self._until.pop(tab, None)
        self._until[tab] = self._clock() + HELD_S
        while len(self._until) > _MOST_TABS:
            self.drop(next(iter(self._until)))

    def drop(self, tab: str) -> None:
        """Take everything back that a tab has."""
        self._rows.pop(tab, None)
        self._until.pop(tab, None)

    def done(self, tab: str, rows: Iterable[int]) -> None:
        """Note that a tab is through with rows."""
        self._rows.get(tab, set()).difference_update(rows)

    def elsewhere(self, tab: str, n: int) -> BoolN:
        """Return (n,) which rows other tabs have before them."""
        now = self._clock()
        for silent in [name for name, until in self._until.items() if until < now]:
            self.drop(silent)
        held = np.zeros(n, dtype=np.bool_)
        for name, rows in self._rows.items():
            if name != tab:
                held[list(rows)] = True
        return held
