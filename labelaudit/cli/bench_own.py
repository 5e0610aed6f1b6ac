"""`labelaudit bench speed`, `growth`, `probs` and `intervals`: what labelaudit measures of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.bench import Seeds
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.progress import ScanProgress

if TYPE_CHECKING:
    from rich.table import Table

_INTERVALS = ".labelaudit/intervals.parquet"

Plot = Annotated[str | None, typer.Option(help="Picture to write, .svg or .png.", show_default=False)]
Results = Annotated[
    str, typer.Option(metavar="FILE", help="Parquet file that collects the scans; those in it are not run again.")
]


@reports_errors
def speed(
    device: opt.Device = "auto",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Hold each fast path beside the obvious way to do the same."""
    from labelaudit.lab.bench_speed import bench_speed

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        measured = bench_speed(device=device, on_event=progress)
    _print(measured, json=json, no_color=no_color)


@reports_errors
def growth(
    plot: Plot = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Measure time and memory of whole scans, from a thousand samples to a million.

    Example:

      labelaudit bench growth --plot growth.svg
    """
    from labelaudit.lab.bench_growth import bench_growth

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        measured = bench_growth(plot=None if plot is None else Path(plot), on_event=progress)
    _print(measured, json=json, no_color=no_color)


@reports_errors
def probs(
    seeds: Seeds = 1,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """See what is made of probabilities that come with the data, from classifiers of several kinds."""
    from labelaudit.lab.bench_probs import bench_probs

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        measured = bench_probs(seeds=seeds, on_event=progress)
    _print(measured, json=json, no_color=no_color)


@reports_errors
def intervals(
    seeds: Seeds = 1,
    results: Results = _INTERVALS,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Count how often the interval of the noise rate holds the truth, over many small scans."""
    from labelaudit.lab.bench_intervals import bench_intervals

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        measured = bench_intervals(seeds=seeds, results=results, on_event=progress)
    _print(measured, json=json, no_color=no_color)


def _print(measured: dict[str, Any], *, json: bool, no_color: bool) -> None:
    if json:
        print_json(measured)
        return
    console = make_console(no_color=no_color)
    console.print(_rows_table(measured["rows"]))
    if "counted" in measured:
        console.print(measured["counted"])


def _rows_table(rows: list[dict[str, Any]]) -> Table:
    """Return rows of plain values as a table with their keys as titles."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, value in rows[0].items():
        table.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        table.add_row(*[_cell(value) for value in row.values()])
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3f}"
    return "-" if value is None else str(value)
