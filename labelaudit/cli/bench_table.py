"""The rows of a bench on the terminal: a column per method, ours first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from labelaudit.lab.bench_rows import mean_and_sd, measures_of, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

_METHODS_AT_ONCE = 4  # columns that fit on a terminal of 80


def print_bench(console: Console, frame: pd.DataFrame) -> None:
    """Print a table for each setting; several where there are many methods, each with ours in it."""
    for title, rows in settings_of(frame):
        console.print(f"{title}, {rows['samples'].iloc[0]:,} samples", markup=False, style="bold")
        for methods in _portions(list(dict.fromkeys(rows["method"]))):
            console.print(_table(rows, methods))
    if frame["seed"].nunique() > 1:
        console.print("± is the standard deviation over the seeds.")


def _portions(methods: list[str]) -> Iterator[list[str]]:
    """Yield the methods, a few at a time, the first in every portion."""
    ours, rivals = methods[0], methods[1:]
    size = _METHODS_AT_ONCE - 1
    for start in range(0, max(1, len(rivals)), size):
        yield [ours, *rivals[start : start + size]]


def _table(rows: pd.DataFrame, methods: list[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for method in methods:
        table.add_column(method, justify="right")
    for measure, name in measures_of(rows).items():
        cells = [mean_and_sd(rows.loc[rows["method"] == method, measure], measure) for method in methods]
        table.add_row(name, *cells)
    return table
