"""`labelaudit export` and `labelaudit show`."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any, get_type_hints

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.render import print_summary
from labelaudit.core.errors import ConfigError
from labelaudit.exports.names import FORMATS, WHATS

_PANEL = "Tables"
_ABOUT = {
    "suspect": "what is probably wrong, the worst first",
    "clean": "what is probably right",
    "relabelled": "all samples, confident suggestions applied",
    "all": "every row of the findings",
}

Output = Annotated[str, typer.Option("--output", metavar="DIR", help="Folder to write to.")]
ToStdout = Annotated[bool, typer.Option("--stdout", help="Write one table to stdout instead of a file.")]
Raw = Annotated[bool, typer.Option("--raw", help="Leave cells as they are that a spreadsheet would run as a formula.")]


@reports_errors
def export(
    audit: opt.AuditPath = None,
    output: Output = ".",
    stdout: ToStdout = False,
    raw: Raw = False,
    quiet: opt.Quiet = False,
    **tables: bool,
) -> None:
    """Write the findings as tables: --WHAT.FORMAT, several at once.

    WHAT is suspect, clean, relabelled or all; FORMAT is csv, tsv, parquet, jsonl or json. The labels on disk are
    never touched: a table is a new file, named like its option.

    Examples:

      labelaudit export --suspect.csv

      labelaudit export --suspect.csv --relabelled.parquet --output results/

      labelaudit export --suspect.jsonl --stdout | head
    """
    names = [name for name, asked in zip(TABLES, tables.values(), strict=True) if asked]
    if not names:
        raise ConfigError("nothing to export.", hint="Name a table: labelaudit export --suspect.csv")
    if stdout:
        _to_stdout(audit, names, raw=raw)
        return
    from labelaudit.api.export import export as run

    console = make_console(stderr=True)
    for path in run(audit, *names, output=output, raw=raw):
        if not quiet:
            console.print(f"wrote {path}", markup=False, soft_wrap=True)


@reports_errors
def show(
    audit: opt.AuditPath = None, json: opt.Json = False, quiet: opt.QuietAnyway = False, no_color: opt.NoColor = False
) -> None:
    """Print the summary of a finished audit again.

    Examples:

      labelaudit show

      labelaudit show --audit photos/ --json
    """
    from labelaudit.api.load import show as run

    del quiet  # what it prints is all that it is for
    summary = run(audit)
    if json:
        print_json(summary)
    else:
        print_summary(make_console(no_color=no_color), summary, root=audit or ".")


def _to_stdout(audit: str | None, names: list[str], *, raw: bool) -> None:
    if len(names) > 1:
        raise ConfigError(f"--stdout takes one table, not {len(names)}.", hint=f"Keep --{names[0]}.")
    from labelaudit.api.export import decided_findings
    from labelaudit.api.load import load
    from labelaudit.exports.names import parse_export_name
    from labelaudit.exports.tables import render_table, select

    what, fmt = parse_export_name(names[0])
    if fmt == "parquet" and sys.stdout.isatty():
        raise ConfigError("Parquet is binary and stdout is a terminal.", hint="Redirect it: > suspect.parquet")
    table = render_table(select(decided_findings(load(audit)), what), fmt, raw=raw)
    sys.stdout.buffer.write(table.encode() if isinstance(table, str) else table)


TABLES = [f"{what}.{fmt}" for what in WHATS for fmt in FORMATS]


def _with_table_options(command: Any) -> None:
    """Give the command one flag per table: twenty parameters that nobody should write out by hand."""
    hints = get_type_hints(command, include_extras=True)  # this file's annotations are strings
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    added = []
    for name in TABLES:
        what, _, fmt = name.partition(".")
        about = _ABOUT[what] if fmt == FORMATS[0] else f"the same as {fmt}"
        flag = Annotated[bool, typer.Option(f"--{name}", help=about, rich_help_panel=_PANEL)]
        added.append(
            inspect.Parameter(name.replace(".", "_"), inspect.Parameter.KEYWORD_ONLY, default=False, annotation=flag)
        )
    command.__signature__ = inspect.Signature([*own, *added])
    command.__annotations__ = {p.name: p.annotation for p in [*own, *added]} | {"return": None}


_with_table_options(export)
