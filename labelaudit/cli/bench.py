"""`labelaudit bench DATA`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import one_of
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.errors import ConfigError
from labelaudit.scanning.request import Request

if TYPE_CHECKING:
    import pandas as pd

_RESULTS = ".labelaudit/bench.parquet"

Noise = Annotated[
    list[str] | None,
    typer.Option(
        "--noise", metavar="KIND:RATE", help="What to plant, or none; several at once.", show_default="sym:0.2"
    ),
]
Rival = Annotated[
    list[str] | None,
    typer.Option(
        "--rival",
        help="cleanlab, argmax, small-loss, neighbours, aum, elr, cleanlab-obvious,"
        " embeddings-cleanlab (logistic regression on the same vectors), boosting-cleanlab (tables) or all; several.",
        autocompletion=one_of(
            "cleanlab",
            "argmax",
            "small-loss",
            "neighbours",
            "aum",
            "elr",
            "cleanlab-obvious",
            "embeddings-cleanlab",
            "boosting-cleanlab",
            "all",
        ),
        show_default=False,
    ),
]
LabelsFile = Annotated[
    list[str] | None,
    typer.Option(
        "--labels-file",
        metavar="FILE[:COLUMN]",
        help="Noisy labels to judge, such as CIFAR-N's: .pt, .npy, .npz or a table; no code in it is run.",
        show_default=False,
    ),
]
Tail = Annotated[
    float, typer.Option(min=1.0, help="Thin the classes out, the last to 1/TAIL of the largest, before planting.")
]
Samples = Annotated[
    int | None,
    typer.Option(
        min=10, help="Draw so many samples anew for every seed: how small data fares.", show_default="all of them"
    ),
]
Results = Annotated[
    str, typer.Option(metavar="FILE", help="Parquet file that collects the rows; those in it are not run again.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Run again what the results file has.")]
Markdown = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the tables as Markdown, too.", show_default=False)
]
Seeds = Annotated[int, typer.Option(min=1, help="Repetitions.")]


@reports_errors
@opt.options_of(Request, without=("probs", "prob_columns", "budget", "seed"))
def bench(
    *,
    data: opt.Source,
    noise: Noise = None,
    rival: Rival = None,
    seeds: Seeds = 1,
    tail: Tail = 1.0,
    samples: Samples = None,
    labels_file: LabelsFile = None,
    settings: dict[str, Any],
    results: Results = _RESULTS,
    fresh: Fresh = False,
    markdown: Markdown = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Plant wrong labels in data that you trust, and see who finds them.

    The labels of DATA count as the truth. Rivals see the same samples, the same network and the same number of
    training images. A bench that was stopped goes on when the same command is given again.

    Examples:

      labelaudit bench photos/ --noise sym:0.2 --rival cleanlab --seeds 3

      labelaudit bench photos/ --noise asym:0.3 --noise none --rival all --markdown bench.md

      labelaudit bench photos/ --samples 300 --noise none --noise sym:0.1 --seeds 20 --quick

      labelaudit bench cifar10/ --labels-file CIFAR-10_human.pt:worse_label --json
    """
    from labelaudit.api.bench import bench as run

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        frame = run(
            data,
            noise=noise or ([] if labels_file else ["sym:0.2"]),
            labels_files=labels_file or [],
            tail=tail,
            samples=samples,
            rivals=rival or [],
            seeds=seeds,
            results=results,
            fresh=fresh,
            on_event=progress,
            **settings,
        )
    if markdown is not None:
        _write_markdown(Path(markdown), frame)
    if json:
        print_json(_as_json(frame))
    else:
        from labelaudit.cli.bench_table import print_bench

        print_bench(make_console(no_color=no_color), frame)


def _write_markdown(path: Path, frame: pd.DataFrame) -> None:
    from labelaudit.lab.bench_rows import to_markdown

    try:
        path.write_text(to_markdown(frame), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--markdown {path} cannot be written: {error.strerror}.") from error


def _as_json(frame: pd.DataFrame) -> dict[str, Any]:
    """Return every row, and their means and standard deviations; what is not defined is null."""
    from labelaudit.lab.bench_rows import summarise

    tables = {"summary": summarise(frame), "rows": frame}
    return {"schema": 2} | {
        name: table.astype(object).where(table.notna(), None).to_dict("records") for name, table in tables.items()
    }
