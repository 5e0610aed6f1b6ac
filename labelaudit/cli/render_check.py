"""The results of a check as text on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelaudit.gate.result import word_of, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labelaudit.gate.result import CheckReport, CheckResult

_WORST, _LISTED = 10, 5
_STYLES = {"fail": "bold red", "warn": "bold yellow", "pass": "green", "skip": "dim"}


def print_report(console: Console, report: CheckReport, *, quiet: bool = False) -> None:
    """Print the failed checks, then the others, the worst samples, and one line that sums it up.

    Args:
        console: where to.
        report: the results.
        quiet: failed checks only.
    """
    order = {"fail": 0, "warn": 1, "pass": 2, "skip": 3}
    shown = sorted(report.results, key=lambda result: order[word_of(result)])
    if quiet:
        shown = list(report.failed)
    else:
        console.print(report.source, style="bold", markup=False)
        console.print(f"audit {report.audit_name}", style="dim", markup=False)
        console.print()
    if shown:
        console.print(_results_table(shown), markup=False)
    for result in report.failed:
        _print_listed(console, result)
    if quiet:
        return
    worst = report.worst(_WORST)
    if worst:
        console.print()
        console.print(_worst_table(report), markup=False)
    console.print()
    for note in report.notes:
        console.print(f"note: {note}", style="dim", markup=False, soft_wrap=True)
    for hint in dict.fromkeys(result.hint for result in report.failed if result.hint):
        console.print(f"next: {hint}", style="dim", markup=False, soft_wrap=True)
    console.print(words(report), style="green" if report.passed else "bold red", markup=False)


def _results_table(results: list[CheckResult]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=False, overflow="fold")
    table.add_column(overflow="fold")
    for result in results:
        word = word_of(result)
        table.add_row(Text(word, style=_STYLES[word]), Text(result.name), Text(result.message))
    return table


def _worst_table(report: CheckReport) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title="Worst samples",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for name in ("sample", "given", "suggested"):
        table.add_column(name, overflow="fold")
    table.add_column("clean prob", justify="right")
    table.add_column("check", overflow="fold")
    for result, sample in report.worst(_WORST):
        prob = "-" if sample.clean_prob is None else f"{sample.clean_prob:.2f}"
        table.add_row(sample.path, sample.given_label or "-", sample.suggested_label or "-", prob, result.rule)
    return table


def _print_listed(console: Console, result: CheckResult) -> None:
    """Print what a result is about and has no row in the findings."""
    if not result.listed:
        return
    console.print(f"\n{result.rule}:", markup=False)
    for line in result.listed[:_LISTED]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if len(result.listed) > _LISTED:
        console.print(f"  and {len(result.listed) - _LISTED:,} more", markup=False)
