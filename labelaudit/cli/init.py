"""`labelaudit init`."""

from __future__ import annotations

from typing import Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, reports_errors

Output = Annotated[str, typer.Option("--output", metavar="FILE", help="The file to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


@reports_errors
def init(
    audit: opt.AuditPath = None,
    data: opt.Data = None,
    output: Output = "labelaudit.toml",
    force: Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Write commented settings of the gate, with limits that the dataset meets today.

    Examples:

      labelaudit init

      labelaudit init --output gate/labelaudit.toml
    """
    from labelaudit.api.init import init as run

    path = run(audit, data=data, output=output, force=force)
    if quiet:
        return
    console = make_console()
    console.print(f"wrote {path}", markup=False, soft_wrap=True)
    console.print("Next: labelaudit baseline, then labelaudit check", markup=False)
