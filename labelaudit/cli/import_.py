"""`labelaudit import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, reports_errors
from labelaudit.core.errors import count

if TYPE_CHECKING:
    from labelaudit.api.import_ import Imported

File = Annotated[str, typer.Argument(metavar="FILE", help="What people decided.", show_default=False)]
Who = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decided, where the file does not say it.", show_default="git's user.name"),
]
NewClass = Annotated[bool, typer.Option("--new-class", help="Labels may be ones that the audit does not know.")]


@reports_errors
def import_(
    file: File,
    audit: opt.AuditPath = None,
    new_class: NewClass = False,
    who: Who = None,
    baseline: opt.Baseline = None,
    config: opt.Config = None,
    quiet: opt.Quiet = False,
) -> None:
    """Take decisions over from an edited suspect.csv, Label Studio, FiftyOne or CVAT: all of them or none.

    FILE is a table with the columns sample_id (or path) and decision (ok, wrong, accept, drop, ambiguous) or label; the
    JSON export of Label Studio; samples of FiftyOne; or CVAT's XML for images. Lines that do not fit are listed.

    Examples:

      labelaudit import suspect.csv

      labelaudit import project-1.json --who ann
    """
    from labelaudit.api.import_ import import_ as run

    imported = run(file, audit=audit, new_class=new_class, who=who, baseline=baseline, config=config)
    if not quiet:
        print_imported(imported)


def print_imported(imported: Imported) -> None:
    """Print what was taken over, in short."""
    console = make_console()
    decisions = imported.decisions
    wrong = sum(known.decision == "wrong" for known in decisions)
    right = sum(known.decision == "ok" for known in decisions)
    others = len(decisions) - wrong - right
    parts = [f"{right:,} right", f"{wrong:,} wrong", *([f"{others:,} ambiguous"] if others else [])]
    again = f"; {imported.unchanged:,} known already" if imported.unchanged else ""
    told = f"{count(len(decisions), 'decision')} from {imported.source}: {', '.join(parts)}{again}"
    console.print(told, markup=False, soft_wrap=True)
    if imported.marked.baseline is not None:
        console.print(f"{imported.marked.baseline.describe()}; commit it", markup=False, soft_wrap=True)
