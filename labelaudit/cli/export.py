"""`labelaudit export`."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, reports_errors
from labelaudit.core.errors import ConfigError, count
from labelaudit.exports.names import ALIASES, FORMATS, SHEET, TABLES, TOOLS, parse_export_name

if TYPE_CHECKING:
    pass

_PANEL, _TOOLS = "Tables", "Other tools"
_ABOUT = {
    "suspect": "what is probably wrong, the worst first; csv, tsv and xlsx are for people",
    "clean": "what is probably right",
    "relabelled": "all samples, confident suggestions applied",
    "all": "every row of the findings, with hashes and raw scores",
}

Output = Annotated[str, typer.Option("--output", metavar="DIR", help="Folder to write to.")]
ToStdout = Annotated[bool, typer.Option("--stdout", help="Write one table to stdout instead of a file.")]
Raw = Annotated[bool, typer.Option("--raw", help="Leave cells as they are that a spreadsheet would run as a formula.")]
Relabelled = Annotated[
    bool,
    typer.Option(
        "--relabelled",
        "--relabeled",
        help="The corrected data in the format that it came in: the same as apply --confident.",
        rich_help_panel=_PANEL,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that somebody else wrote or changed.")]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="TOOL",
        help=f"{', '.join(TOOLS)}; several at once. `import` takes decisions back.",
        show_default=False,
        autocompletion=lambda incomplete: [tool for tool in TOOLS if tool.startswith(incomplete)],
        rich_help_panel=_TOOLS,
    ),
]
Served = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="The folder that Label Studio serves files from (LOCAL_FILES_DOCUMENT_ROOT), or that CVAT has.",
        show_default="images are within the tasks",
        rich_help_panel=_TOOLS,
    ),
]
Everything = Annotated[
    bool, typer.Option("--everything", help="All samples instead of suspects.", rich_help_panel=_TOOLS)
]


@reports_errors
def export(
    audit: opt.AuditPath = None,
    output: Output = ".",
    stdout: ToStdout = False,
    raw: Raw = False,
    relabelled: Relabelled = False,
    overwrite: Overwrite = False,
    to: To = None,
    data: opt.Data = None,
    served: Served = None,
    everything: Everything = False,
    quiet: opt.Quiet = False,
    **tables: bool,
) -> None:
    """Write the findings as tables: --WHAT.FORMAT, several at once; or for another tool: --to TOOL.

    WHAT is suspect, clean, relabelled or all; FORMAT is csv, tsv, parquet, jsonl or json, of suspect xlsx as well. The
    labels on disk are never touched: a table is a new file, named like its option. Corrected data in the format that it
    came in: labelaudit apply.

    Examples:

      labelaudit export --suspect.csv

      labelaudit export --suspect.xlsx --relabelled.parquet --output results/

      labelaudit export --suspect.jsonl --stdout | head

      labelaudit export --to label-studio
    """
    names = [name for name, asked in zip(_NAMES, tables.values(), strict=True) if asked]
    if not names and not to and not relabelled:
        raise ConfigError("nothing to export.", hint="Name a table: labelaudit export --suspect.csv")
    if stdout:
        _to_stdout(audit, [*names, *(to or ())], raw=raw)
        return
    console = make_console(stderr=True)

    def say(text: str) -> None:
        if not quiet:
            console.print(f"wrote {text}", markup=False, soft_wrap=True)

    if names:
        from labelaudit.api.export import export_tables

        for each in export_tables(audit, names, output=output, raw=raw, overwrite=overwrite):
            say(f"{each.path}: {count(each.rows, 'row')} of {each.source}")
    if relabelled:
        from labelaudit.api.apply import apply

        applied = apply(audit, output=output, data=data, confident=True)
        changed = count(len(applied.difference.changes), "label")
        told = f"{applied.output}: {changed} changed, of {applied.difference.source}"
        say(told if applied.record is not None else "nothing: no label is to be changed")
    if to:
        from labelaudit.api.export import hand_over

        for path in hand_over(
            audit, *to, output=output, data=data, served=served, everything=everything, overwrite=overwrite
        ):
            say(str(path))


def _to_stdout(audit: str | None, names: list[str], *, raw: bool) -> None:
    if len(names) > 1:
        raise ConfigError(f"--stdout takes one table, not {len(names)}.", hint=f"Keep --{names[0]}.")
    from labelaudit.api.export import rendered_tables
    from labelaudit.api.load import load

    _, fmt = parse_export_name(names[0])
    if fmt in ("parquet", "xlsx") and sys.stdout.isatty():
        raise ConfigError(f".{fmt} is binary and stdout is a terminal.", hint=f"Redirect it: > {names[0]}")
    ((_, content),) = rendered_tables(load(audit), names, raw=raw).values()
    sys.stdout.buffer.write(content)


_OTHER_NAMES = [name.replace(what, alias) for alias, what in ALIASES.items() for name in TABLES if what in name]
_NAMES = [*TABLES, *_OTHER_NAMES]


def _with_table_options(command: Any) -> None:
    """Give the command one flag per table: twenty parameters that nobody should write out by hand."""
    hints = get_type_hints(command, include_extras=True)  # this file's annotations are strings
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    added = [_flag(name) for name in _NAMES]
    command.__signature__ = inspect.Signature([*own, *added])
    command.__annotations__ = {p.name: p.annotation for p in [*own, *added]} | {"return": None}


def _flag(name: str) -> inspect.Parameter:
    what, _, fmt = name.partition(".")
    about = _ABOUT.get(what) if fmt == FORMATS[0] else f"the same as {fmt}"
    if name == SHEET:
        about = "the same as a workbook with small pictures"
    flag = Annotated[bool, typer.Option(f"--{name}", help=about, rich_help_panel=_PANEL, hidden=name in _OTHER_NAMES)]
    return inspect.Parameter(name.replace(".", "_"), inspect.Parameter.KEYWORD_ONLY, default=False, annotation=flag)


_with_table_options(export)
