"""`labelaudit methods`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.imports import importing

if TYPE_CHECKING:
    from rich.table import Table

    from labelaudit.api.methods import MethodFacts


@reports_errors
def methods(json: opt.Json = False, quiet: opt.QuietAnyway = False, no_color: opt.NoColor = False) -> None:
    """List the methods that can look for wrong labels: for scan --method and train --method.

    Examples:

      labelaudit methods

      labelaudit methods --json
    """
    del quiet  # what it prints is all that it is for
    with importing():
        from labelaudit.api.methods import list_methods

    found = list_methods()
    if json:
        print_json({"schema": 1, "methods": [facts.to_dict() for facts in found]})
        return
    console = make_console(no_color=no_color)
    console.print(_table(found), markup=False)
    console.print("\nNext: labelaudit scan DATA --method NAME", markup=False)


def _table(found: list[MethodFacts]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("method", "what it does", "trusted samples", "classifier"):
        table.add_column(column, overflow="fold", no_wrap=column == "method")
    for facts in found:
        trusted = "needed" if facts.needs_trusted else "welcome"
        table.add_row(facts.name, facts.summary, trusted, "yes" if facts.trains_classifier else "no")
    return table
