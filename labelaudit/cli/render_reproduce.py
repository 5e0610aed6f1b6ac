"""The published tables in the terminal: how far each can be run, and one of them beside what was found here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labelaudit.cli.console import print_json
from labelaudit.lab.published_cells import cells, columns_of, line_of, require_table, shown_values, tables
from labelaudit.lab.reproduction_folder import read_results

if TYPE_CHECKING:
    from rich.console import Console


def print_tables(console: Console, out: str, *, json: bool) -> None:
    """Print every table with its cells: how many can be run, what they need, how long all take, what was done here."""
    from rich import box
    from rich.table import Table

    done = {row["name"] for row in read_results(Path(out) / "results.csv")}
    if json:
        rows = [{**each.to_dict(), "done": sorted(done & set(each.settings))} for each in tables().values()]
        print_json({"schema": 1, "tables": rows})
        return
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("table", "cells", "can be run", "runs", "H100 hours", "done here", "needs"):
        shown.add_column(column, justify="left" if column in ("table", "needs") else "right", overflow="fold")
    for each in tables().values():
        n_done = len(done & set(each.settings))
        counts = (each.cells, each.runnable, len(each.settings), max(1, round(each.hours)), n_done)
        shown.add_row(each.name, *map(str, counts), ", ".join(each.needs))
    console.print(shown)
    n, runnable = (sum(getattr(each, name) for each in tables().values()) for name in ("cells", "runnable"))
    console.print(
        f"{runnable} of {n} published cells can be run. Hours are an estimate by arithmetic; no card was measured.\n"
        "labelaudit reproduce --table drpl/4 prints a table, --list the names of all settings.",
        markup=False,
    )


def print_table(console: Console, name: str, part: str, out: str, *, json: bool) -> None:
    """Print a published table, each cell with what was found here, and why some cells cannot be run."""
    from rich import box
    from rich.table import Table

    facts = require_table(name)
    mine = [
        cell for cell in cells() if cell.table == name and (not part or any(part in each for each in cell.settings))
    ]
    values = shown_values(mine, read_results(Path(out) / "results.csv"))
    if json:
        rows = [{"line": line, "column": column, "value": value} for (line, column), value in values.items()]
        print_json({"schema": 1, "table": name, "cells": rows})
        return
    console.print(f"{facts.paper}, table {name.rpartition('/')[2]}", markup=False, style="bold")
    columns = columns_of(mine)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    shown.add_column("", overflow="fold")
    for column in columns:
        shown.add_column(column, justify="right", overflow="fold")
    for line in dict.fromkeys(map(line_of, mine)):
        shown.add_row(line, *(values.get((line, column), ".") for column in columns))  # a dot: blank in the paper
    console.print(shown)
    reasons = dict.fromkeys(f"{cell.row['method']}: {cell.reason}" for cell in mine if cell.reason)
    console.print("published | found here; ~ at another scale or changed; - cannot be run; . blank", markup=False)
    for reason in reasons:
        console.print(f"- {reason}", markup=False)
