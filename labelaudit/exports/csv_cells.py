"""Cells of CSV files that every program reads as they were meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labelaudit.core.shown import in_cell

_NEEDS_QUOTES = re.compile('[,\t"\r\n]')


def csv_line(cells: Iterable[str], *, raw: bool = False) -> str:
    """Return one line of a CSV file without its end; `raw` as in `csv_cell`."""
    return ",".join(csv_cell(cell, raw=raw) for cell in cells)


def csv_cell(text: str, *, raw: bool = False) -> str:
    """Return one cell; `raw` leaves it as it is where a spreadsheet would run it as a formula."""
    return _quoted(text if raw else in_cell(text))


def _quoted(cell: str) -> str:
    # Not the csv module: before Python 3.13 it leaves a lone \r unquoted, which readers take for a line end.
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell
