"""What every table file can do: tell how a cell is written, and write itself with other cells."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Cell = tuple[int, str]  # row of the table and name of the column


@dataclass(frozen=True, slots=True)
class CellEdits:
    """How a table is to be changed."""

    cells: Mapping[Cell, Any]  # what they hold then, as `cell` returns it
    left_out: AbstractSet[int] = frozenset()  # rows
    added: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # new column -> row -> text; empty elsewhere


class TableFile(Protocol):
    """A file whose cells can be changed."""

    def cell(self, row: int, column: str) -> Hashable:
        """Return how a cell is written."""

    def said(self, cell: Any) -> str:
        """Return the word that a cell holds."""

    def written(self, word: str, like: Any) -> Hashable:
        """Return a word as a cell, in the way of another cell; raises ConfigError where it cannot be one."""

    def items(self, cell: Any) -> list[Any]:
        """Return the labels in a cell that holds a list of them."""

    def listed(self, items: Sequence[Any], like: Any) -> Hashable:
        """Return a list of labels as a cell, in the way of another cell."""

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the file with other cells."""
