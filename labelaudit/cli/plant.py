"""`labelaudit plant`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.recipe import DataSettings

Out = Annotated[
    str,
    typer.Argument(
        metavar="OUT", help="A new table (.csv, .tsv, .parquet, .jsonl); with --copy a new folder.", show_default=False
    ),
]
Noise = Annotated[str, typer.Option(metavar="KIND:RATE", help="What to plant; docs/how-to/bench.md lists the kinds.")]
Tail = Annotated[
    float, typer.Option(min=1.0, help="Thin the classes out, the last to 1/TAIL of the largest, before planting.")
]
Copy = Annotated[bool, typer.Option("--copy", help="Copy the images into class folders by their noisy labels.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws: the same seed plants the same noise.")]


@reports_errors
@opt.options_of(DataSettings, without=("probs", "image_size", "trusted", "trusted_per_class"))
def plant(
    *,
    data: opt.Source,
    out: Out,
    noise: Noise = "sym:0.2",
    tail: Tail = 1.0,
    copy: Copy = False,
    seed: Seed = 0,
    settings: dict[str, Any],
    device: opt.Device = "auto",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Write a noisy version of data whose labels you trust, and the truth beside it.

    Of a table, OUT is a copy with other labels; of a folder, a list of the images where they are. The true labels are
    written to OUT's name with .truth.csv. DATA is not changed.

    Examples:

      labelaudit plant photos/ noisy.csv --noise asym:0.3

      labelaudit plant labels.csv noisy.csv --noise 'map:0.4:cat>dog,dog>cat'

      labelaudit plant photos/ noisy-photos --copy --noise open_set:0.2
    """
    from labelaudit.api.plant import plant as run

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        found = run(
            data,
            out,
            noise=noise,
            tail=tail,
            seed=seed,
            copy=copy,
            device=device,
            on_event=progress,
            **settings,
        )
    if json:
        print_json(found.to_dict())
        return
    console = make_console(no_color=no_color)
    rate = f"{found.rate:.1%}".replace("%", " %")
    for line in (
        f"{found.path}: {found.samples:,} samples, {found.wrong:,} wrong labels (actual rate {rate})",
        f"{found.truth}: their true labels",
        f"Next: {found.command}",
    ):
        console.print(line, markup=False, soft_wrap=True)
