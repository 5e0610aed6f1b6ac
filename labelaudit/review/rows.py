"""A row of a table beside its class: each cell, what is usual there, and how far off the cell is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.arrays import FloatND, IntN
from labelaudit.core.dataset import Dataset, Probabilities, Vectors
from labelaudit.core.errors import LabelAuditError
from labelaudit.core.model_facts import ColumnFacts
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, Table, load_table

_CELLS, _CELL = 400, 400  # columns, and characters of a cell, that are sent
_LEAST = 5  # samples of a class of which something can be called usual


@dataclass(frozen=True, slots=True)
class Usual:
    """What the column of a class holds."""

    text: str  # its median, or its most frequent category and how frequent
    off: float  # how far a cell is from it: deviations of the column, or nats of surprise


class RowReader:
    """The rows of a dataset of N vectors, or of N probabilities."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def cells(self, index: int, other: str | None) -> list[dict[str, Any]]:
        """Return the cells of a sample, those farthest from its class first; ready for JSON.

        Args:
            index: position of the sample.
            other: a second class to compare with, None for none.
        """
        given = self._dataset.classes[int(self._dataset.given[index])]
        usual, usual_other = self._usual(index, given), self._usual(index, other)
        cells: list[dict[str, Any]] = []
        for name, text in self._texts(index).items():
            here, there = usual.get(name), usual_other.get(name)
            cells.append(
                {
                    "name": name,
                    "text": text if len(text) <= _CELL else f"{text[:_CELL]} ...",
                    "usual": here.text if here else None,
                    "usual_other": there.text if there else None,
                    "off": round(here.off, 2) if here else None,
                    "off_other": round(there.off, 2) if there else None,
                }
            )
        order = sorted(range(len(cells)), key=lambda at: (-(cells[at]["off"] or 0.0), at))
        return [cells[at] for at in order[:_CELLS]]

    def nearest(self, index: int, label: str, n: int) -> list[tuple[int, float]]:
        """Return positions of samples of a class nearest to a sample, and the distances.

        Args:
            index: position of the sample.
            label: name of the class.
            n: samples at the most.
        """
        content = self._dataset.content
        places = self._of_class(label)
        places = places[places != index]
        if not isinstance(content, Vectors) or not len(places):
            return []
        far = np.linalg.norm(content.values[places] - content.values[index], axis=1)
        best = np.argsort(far, kind="stable")[:n]
        return [(int(places[at]), float(far[at])) for at in best]

    def _texts(self, index: int) -> dict[str, str]:
        """Return the cells as they are written, else as a network sees them."""
        row = self._row_at(index)
        if self._table is not None and row is not None:
            return {name: _text(column[row].as_py()) for name, column in self._table.columns.items()}
        content = self._dataset.content
        if isinstance(content, Probabilities):
            values = content.values[index]
            return {self._dataset.classes[k]: f"{values[k]:.3f}" for k in np.argsort(-values, kind="stable")[:20]}
        if isinstance(content, Vectors) and content.columns:
            return {fact.name: _cell(fact, content.values[index, part]) for fact, part in _parts(content.columns)}
        return {}

    def _usual(self, index: int, label: str | None) -> dict[str, Usual]:
        """Return what each column of a class holds, by name; nothing for classes of a few."""
        content = self._dataset.content
        places = np.zeros(0, dtype=np.int64) if label is None else self._of_class(label)
        places = places[places != index]
        if not isinstance(content, Vectors) or not content.columns or len(places) < _LEAST:
            return {}
        values = content.values[places]
        found = {}
        for fact, part in _parts(content.columns):
            own, of_class = content.values[index, part], values[:, part]
            found[fact.name] = (_usual_number if fact.is_number else _usual_category)(fact, own, of_class)
        return found

    def _of_class(self, label: str) -> IntN:
        if label not in self._dataset.classes:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self._dataset.given == self._dataset.classes.index(label))

    @cached_property
    def _table(self) -> Table | None:
        source = self._dataset.source
        if not isinstance(source, Path) or source.suffix.lower() not in TABLE_SUFFIXES:
            return None
        try:
            return load_table(source, Store())
        except (LabelAuditError, OSError):  # another program has it, or a delimiter of its own: encoded cells are shown
            return None

    def _row_at(self, index: int) -> int | None:
        """Return the row of the table that a sample is; where no row was left out, it is the same one."""
        table = self._table
        is_whole = table is not None and len(table) == len(self._dataset)
        return index if is_whole else self._row_of.get(self._dataset.paths[index])

    @cached_property
    def _row_of(self) -> Mapping[str, int]:
        table = self._table
        return {} if table is None else {table.place(row): row for row in range(len(table))}


def _parts(columns: tuple[ColumnFacts, ...]) -> list[tuple[ColumnFacts, slice]]:
    """Return each column with the place of its inputs."""
    ends = np.cumsum([fact.width for fact in columns]).tolist()
    return [(fact, slice(end - fact.width, end)) for fact, end in zip(columns, ends, strict=True)]


def _usual_number(fact: ColumnFacts, own: FloatND, of_class: FloatND) -> Usual:
    values = of_class[:, 0].astype(np.float64)
    median = float(np.median(values))
    spread = float(np.quantile(values, 0.75) - np.quantile(values, 0.25)) / 1.349  # of a normal distribution: 1
    off = abs(float(own[0]) - median) / max(spread, 1e-3)
    low, high = (float(np.quantile(values, q)) * fact.scale + fact.mean for q in (0.05, 0.95))
    return Usual(f"{low:.4g} to {high:.4g}", min(off, 99.0))


def _usual_category(fact: ColumnFacts, own: FloatND, of_class: FloatND) -> Usual:
    shares = of_class.mean(axis=0)
    most = int(shares.argmax())
    name = fact.categories[most] if most < len(fact.categories) else "(rare)"
    mine = float(shares[int(own.argmax())]) if own.any() else 0.0
    return Usual(f"{name}, {shares[most]:.0%}".replace("%", " %"), min(-float(np.log(max(mine, 1e-4))), 99.0))


def _cell(fact: ColumnFacts, values: FloatND) -> str:
    if fact.is_number:
        return f"{float(values[0]) * fact.scale + fact.mean:.4g}"
    place = int(values.argmax()) if values.any() else len(fact.categories)
    return fact.categories[place] if place < len(fact.categories) else "(rare)"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes | dict | list):
        return f"({type(value).__name__} of {len(value):,})"
    return str(value)
