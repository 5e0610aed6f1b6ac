"""`labelaudit demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.progress import ScanProgress
from labelaudit.cli.render import print_demo, print_summary

Folder = Annotated[str, typer.Argument(help="Where to write the images and the results.")]


@reports_errors
def demo(
    folder: Folder = "labelaudit-demo",
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Try it on data that comes along: handwritten digits with 8 % planted wrong labels.

    Writes 1,797 small images with the truth beside them, scans them like any folder, exports the suspects, and says
    how many of the planted errors were found. About a minute on two CPU cores.

    Example:

      labelaudit demo
    """
    from labelaudit.api.demo import demo as run

    with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
        found = run(folder, seed=seed, device=device, on_event=progress)
    if json:
        print_json({"summary": found.audit.summary, "demo": found.to_dict()})
        return
    console = make_console(no_color=no_color)
    print_summary(console, found.audit.summary, root=folder)
    print_demo(console, found)
