"""`labelaudit verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.last_door import FAILED

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="[AUDIT]", help="An audit, the data it is of, or a folder with .labelaudit/.", show_default="the latest"
    ),
]


@reports_errors
def verify(
    audit: Named = None, json: opt.Json = False, quiet: opt.Quiet = False, no_color: opt.NoColor = False
) -> None:
    """Check that an audit is what it was when it was finished: sizes, checksums, shapes, decisions.

    Ends with 0 if it is whole, and with 3 if it is not. Checksums tell of accidents: whoever writes to an audit on
    purpose can write them, too.

    Examples:

      labelaudit verify

      labelaudit verify photos/ --json
    """
    from labelaudit.api.audits import verify as run

    verified = run(audit)
    if json:
        print_json(verified.to_dict())
    elif not quiet or not verified.is_whole:
        console = make_console(no_color=no_color)
        console.print(verified.describe(), markup=False, soft_wrap=True)
        for text in verified.problems:
            console.print(f"  {text}", style="red", markup=False, soft_wrap=True)
        for text in verified.notes:
            console.print(f"  note: {text}", style="dim", markup=False, soft_wrap=True)
    if not verified.is_whole:
        raise typer.Exit(FAILED)
