"""`labelaudit report`."""

from __future__ import annotations

from typing import Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, reports_errors

Audit = Annotated[
    str | None,
    typer.Argument(
        metavar="[AUDIT]",
        help="An audit, the data it is of, or a folder with .labelaudit/.",
        show_default="the latest",
    ),
]
Output = Annotated[str, typer.Option("--output", metavar="FILE", help="The page to write.")]
Data = Annotated[
    str | None, typer.Option(metavar="PATH", help="Where the data is now.", show_default="where it was scanned")
]
Limit = Annotated[int, typer.Option(min=1, help="Show so many suspects at most, the worst.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file even where no report of labelaudit stands.")
]


@reports_errors
def report(
    audit: Audit = None,
    output: Output = "report.html",
    data: Data = None,
    limit: Limit = 500,
    overwrite: Overwrite = False,
    quiet: opt.Quiet = False,
) -> None:
    """Write an audit as one HTML page: how noisy, what to do, the suspects with their pictures, and charts.

    The page needs no network and no other file, so that it can be mailed or archived. What it shows of the samples is
    in it: share it with those only who may see the data.

    Examples:

      labelaudit report

      labelaudit report photos/ --output noise.html
    """
    from labelaudit.api.report import write_report as run

    path = run(audit, output=output, data=data, limit=limit, overwrite=overwrite)
    if not quiet:
        size = path.stat().st_size / 1e6
        make_console(stderr=True).print(f"wrote {path} ({size:.1f} MB)", markup=False, soft_wrap=True)
