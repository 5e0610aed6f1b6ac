"""Columns that say the label again, such as its name beside its number: learnt from, they would give it away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from labelaudit.core.arrays import IntN
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.table_file import Table

_WORDS = frozenset({"label", "labels", "class", "category", "target", "y"})
_SAME = 0.9  # of the rows that agree, in both directions: the twin may be older than the label


def label_twins(table: Table, column: str, rows: IntN, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are called like labels and say the same as the label, one word for each class.

    Args:
        table: all columns.
        column: of the labels.
        rows: (N,) the rows that count.
        labels: (N,) their labels.
    """
    own = _words(column)
    return tuple(
        name
        for name, cells in table.columns.items()
        if name != column
        and not pa.types.is_nested(cells.type)
        and _words(name) & (_WORDS | own)
        and _say_the_same(cell_texts(cells.take(rows)), labels)
    )


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.casefold()))


def _say_the_same(cells: Sequence[str | None], labels: Sequence[str]) -> bool:
    pairs = Counter(zip(cells, labels, strict=True))
    if not len({cell for cell, _ in pairs}) == len({label for _, label in pairs}) > 1:
        return False
    best_of_cell, best_of_label = Counter[str | None](), Counter[str]()
    for (cell, label), n in pairs.items():
        best_of_cell[cell] = max(best_of_cell[cell], n)
        best_of_label[label] = max(best_of_label[label], n)
    return min(best_of_cell.total(), best_of_label.total()) >= _SAME * len(labels)
