"""`labelaudit apply`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.core.errors import ConfigError, count

if TYPE_CHECKING:
    from rich.console import Console

    from labelaudit.mending.changes import Change
    from labelaudit.mending.mend import Difference

_WHAT, _WHERE = "What to change", "What to write"

Confident = Annotated[
    bool,
    typer.Option("--confident", help="Confident suggestions as well, where nobody decided.", rich_help_panel=_WHAT),
]
Test = Annotated[
    bool, typer.Option("--test", help="Samples of a test split as well; else they stay.", rich_help_panel=_WHAT)
]
WrongAs = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The class of wrong labels without the right one.",
        show_default="they are left out",
        rich_help_panel=_WHAT,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="PATH",
        help="The new file or folder, or one to put it in.",
        show_default="beside the data",
        rich_help_panel=_WHERE,
    ),
]
By = Annotated[
    Literal["link", "copy", "symlink"],
    typer.Option(
        metavar="link|copy|symlink",
        help="How files that stay come into a new folder; link = hard links.",
        rich_help_panel=_WHERE,
    ),
]
LabelBefore = Annotated[
    bool,
    typer.Option("--label-before", help="Add a column with the former label of changed rows.", rich_help_panel=_WHERE),
]
Reason = Annotated[
    bool, typer.Option("--reason", help="Add a column that says why they were changed.", rich_help_panel=_WHERE)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the difference and write nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Undo = Annotated[str | None, typer.Option(metavar="PATH", help="Remove what apply wrote there.", show_default=False)]

_SHOWN = 10


@reports_errors
def apply(
    audit: opt.AuditPath = None,
    output: Output = None,
    confident: Confident = False,
    test: Test = False,
    wrong_as: WrongAs = None,
    by: By = "link",
    label_before: LabelBefore = False,
    reason: Reason = False,
    data: opt.Data = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    undo: Undo = None,
    baseline: opt.Baseline = None,
    config: opt.Config = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Write the corrected data, in the format that it came in: a table with one column changed, a folder, shards.

    By what people decided (labelaudit mark, ask, review, import), and nothing else unless told. The old data is never
    touched: the difference is shown, and a new file or folder is written beside it, with a record of every change.

    Examples:

      labelaudit apply --dry-run

      labelaudit apply --output labels-2.csv --yes

      labelaudit apply --undo labels-2.csv
    """
    console = make_console(no_color=no_color)
    if undo is not None:
        _undo(console, undo)
        return
    from labelaudit.api.apply import Applied
    from labelaudit.api.apply import plan as run

    found = run(
        audit,
        output=output,
        data=data,
        by=by,
        confident=confident,
        test=test,
        wrong_as=wrong_as,
        label_before=label_before,
        reason=reason,
        baseline=baseline,
        config=config,
    )
    difference = found.difference
    if not json and not quiet:
        _print_difference(console, difference)
    ready = bool(difference.changes) and not dry_run and (yes or _agreed(console, json=json))
    record = found.write() if ready else None
    if json:
        print_json(Applied(difference, record).to_dict())
    elif record is not None and not quiet:
        console.print(f"wrote {difference.output}", markup=False, soft_wrap=True)
        console.print(f"      {record}: each change, for --undo", style="dim", markup=False, soft_wrap=True)


def _agreed(console: Console, *, json: bool) -> bool:
    """Ask whether to write; raises ConfigError where there is nobody to ask."""
    if json or not sys.stdin.isatty():
        raise ConfigError("nobody is here to ask.", hint="Add --yes to write this, or --dry-run to only look.")
    console.print("Write it? [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def _undo(console: Console, output: str) -> None:
    from labelaudit.api.apply import undo
    from labelaudit.mending.record import describe_kept

    undone = undo(output)
    console.print(f"removed {count(undone.removed, 'file')}: {undone.output}", markup=False, soft_wrap=True)
    if undone.kept:
        console.print(f"kept {describe_kept(undone)}", style="yellow", markup=False, soft_wrap=True)


def _print_difference(console: Console, difference: Difference) -> None:
    """Print what would change, in short."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, soft_wrap=True)

    say(f"{difference.source} -> {difference.output}", "bold")
    relabelled, left_out = difference.relabelled, difference.left_out
    say(
        f"{difference.words}: {len(relabelled):,} of {count(difference.samples, 'label')} changed, "
        f"{len(left_out):,} left out"
    )
    if difference.splits:
        say("by split: " + ", ".join(f"{name} {n:,}" for name, n in difference.splits.items()))
    _print_pairs(console, difference)
    for change in difference.changes[:_SHOWN]:
        say(f"  {_in_words(change)}")
    if len(difference.changes) > _SHOWN:
        say(f"  and {len(difference.changes) - _SHOWN:,} more (--json lists all)", "dim")
    if difference.held_back:
        say(f"left alone: {count(len(difference.held_back), 'sample')} of a test split (--test changes them)", "yellow")
    if difference.stale:
        stale = count(len(difference.stale), "sample")
        say(f"left alone: {stale} that changed since the audit, such as {difference.stale[0].path}", "yellow")
    if difference.undecided:
        say(f"not applied: {count(difference.undecided, 'confident suggestion')} (--confident applies them)", "dim")
    for note in difference.notes:
        say(f"note: {note}", "dim")
    if not difference.changes:
        say("nothing to change: decide first, by labelaudit review, mark, ask or import", "yellow")


def _print_pairs(console: Console, difference: Difference) -> None:
    from labelaudit.cli.render_verdict import plain_table

    if len(difference.pairs) < 2:
        return
    table = plain_table(None, "before", "after", ("labels", "right"))
    for before, after, n in difference.pairs[:_SHOWN]:
        table.add_row(before, after, f"{n:,}")
    console.print(table, markup=False)


def _in_words(change: Change) -> str:
    after = "left out" if change.after is None else change.after
    who = f" ({change.who})" if change.who else " (suggested)" if change.by == "suggestion" else ""
    return f"{change.path}: {change.before} -> {after}{who}"
