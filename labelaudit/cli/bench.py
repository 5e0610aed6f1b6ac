"""`labelaudit bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.progress import ScanProgress

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

Noise = Annotated[
    list[str] | None,
    typer.Option("--noise", metavar="KIND:RATE", help="What to plant; several at once.", show_default="sym:0.2"),
]
Rival = Annotated[
    list[str] | None,
    typer.Option("--rival", help="cleanlab or argmax, on five-fold probabilities.", show_default=False),
]
Seeds = Annotated[int, typer.Option(min=1, help="Repetitions.")]

_COLUMNS = (
    "auroc",
    "ap",
    "p_at_k",
    "f1",
    "tpr",
    "fpr",
    "relabel_accuracy",
    "noise_rate_error",
    "ece",
    "seconds",
    "epochs",
)


Plot = Annotated[str | None, typer.Option(help="Picture of `growth` to write, .svg or .png.", show_default=False)]
Trusted = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A dataset as for scan; or `speed`, or `growth`.", show_default=False),
]


@reports_errors
def bench(
    data: Trusted,
    noise: Noise = None,
    rival: Rival = None,
    seeds: Seeds = 1,
    split: opt.Split = "train",
    path_column: opt.PathColumn = None,
    label_column: opt.LabelColumn = None,
    image_root: opt.ImageRoot = None,
    recipe: opt.RecipeName = None,
    option: opt.Override = None,
    device: opt.Device = "auto",
    plot: Plot = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Plant wrong labels in data that you trust, and see who finds them.

    The labels of DATA count as the truth. Rivals see the same samples, the same network and the same number of
    training images.

    Examples:

      labelaudit bench photos/ --noise sym:0.2 --rival cleanlab --seeds 3

      labelaudit bench photos/ --noise none --json

      labelaudit bench speed

      labelaudit bench growth --plot growth.svg
    """
    if data in ("speed", "growth"):
        with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
            found = _own_bench(data, device, plot, progress)
        if json:
            print_json(found)
        else:
            make_console(no_color=no_color).print(_rows_table(found["rows"]))
        return
    from labelaudit.api.bench import bench as run

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        frame = run(
            data,
            noise=noise or ["sym:0.2"],
            rivals=rival or [],
            seeds=seeds,
            recipe=recipe,
            device=device,
            overrides=opt.parse_overrides(option),
            on_event=progress,
            split=split,
            path_column=path_column,
            label_column=label_column,
            image_root=image_root,
        )
    if json:
        print_json({"schema": 1, "rows": frame.astype(object).where(frame.notna(), None).to_dict("records")})
    else:
        make_console(no_color=no_color).print(_table(frame, seeds))


def _own_bench(name: str, device: str, plot: str | None, progress: ScanProgress) -> dict[str, Any]:
    """Run the benchmark of our own speed or growth."""
    if name == "speed":
        from labelaudit.api.bench_speed import bench_speed

        return bench_speed(device=device, on_event=progress)
    from labelaudit.api.bench_growth import bench_growth

    return bench_growth(plot=None if plot is None else Path(plot), on_event=progress)


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
        return f"{value:,.2f}"
    return "-" if value is None else str(value)


def _table(frame: pd.DataFrame, seeds: int) -> Table:
    """Return means over the seeds, with the standard deviation where there are several."""
    from rich import box
    from rich.table import Table

    columns = [name for name in _COLUMNS if name in frame]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"n = {seeds} seeds", title_justify="left")
    table.add_column("noise (actual)")
    table.add_column("method")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for (noise, method), rows in frame.groupby(["noise", "method"], sort=False):
        cells = [_mean_and_sd(rows[name], name) for name in columns]
        table.add_row(f"{noise} ({rows['wrong'].mean():.1%})", str(method), *cells)
    return table


def _mean_and_sd(values: pd.Series[float], name: str) -> str:
    if values.isna().all():
        return "-"
    if name in ("seconds", "epochs"):
        return f"{values.mean():.0f}"
    spread = f" ±{values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"
