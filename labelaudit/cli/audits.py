"""`labelaudit audits` and `labelaudit compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import audit_names
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.core.errors import count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labelaudit.api.audits import Compared, ListedAudit
    from labelaudit.gate.columns import Sample

_SHOWN = 10  # samples

Place = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA|FOLDER]",
        help="The audits of this data, or of a folder that has .labelaudit/.",
        show_default="all here",
    ),
]
Remove = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Remove this audit for good; the beginning of its name is enough. Several at once.",
        show_default=False,
        autocompletion=audit_names,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Remove also what holds decisions of people, or still runs.")]
Before = Annotated[
    str, typer.Argument(metavar="A", help="The audit before.", show_default=False, autocompletion=audit_names)
]
After = Annotated[
    str | None,
    typer.Argument(metavar="[B]", help="The audit after.", show_default="the latest", autocompletion=audit_names),
]


@reports_errors
def audits(
    place: Place = None,
    remove: Remove = None,
    force: Force = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """List the audits: of which data, how noisy, how large; or remove some.

    Examples:

      labelaudit audits

      labelaudit audits photos/ --json

      labelaudit audits --remove 20260412-0931
    """
    from labelaudit.api.audits import audits as run
    from labelaudit.api.audits import remove_audits

    console = make_console(stderr=json or bool(remove), no_color=no_color)
    if remove:
        for each in remove_audits(remove, place, force=force):
            if not quiet:
                console.print(f"removed {each.name} ({_bytes(each.size)})", markup=False, soft_wrap=True)
        return
    found = run(place)
    if json:
        print_json({"schema": 1, "audits": [each.to_dict() for each in found]})
        return
    if not found:
        console.print("no audits here; `labelaudit scan DATA` makes one", markup=False)
        return
    console.print(_audits_table(found), markup=False)
    if not quiet:
        total = sum(each.size for each in found)
        console.print(f"\n{count(len(found), 'audit')}, {_bytes(total)}{_cache(found[0].path)}", markup=False)


@reports_errors
def compare(
    before: Before,
    after: After = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Say what became of the suspects from one audit to another: new, fixed or still there.

    A sample is known by its content: it may have been renamed. Both audits may be of different versions of the data.

    Examples:

      labelaudit compare 20260412-093144-panel-3eacbc

      labelaudit compare old/ new/ --json
    """
    from labelaudit.api.audits import compare as run

    compared = run(before, after)
    if json:
        print_json(compared.to_dict())
        return
    _print_compared(make_console(no_color=no_color), compared, quiet=quiet)


def _audits_table(found: list[ListedAudit]) -> Table:
    from labelaudit.cli.render_verdict import plain_table
    from labelaudit.core.wording import percent

    table = plain_table(None, "audit", "data", ("samples", "right"), ("noise", "right"), ("size", "right"))
    for each in found:
        state = "-" if each.noise is None else percent(each.noise)
        samples = "-" if each.samples is None else f"{each.samples:,}"
        noise = state if each.status == "finished" else each.status
        table.add_row(each.name, each.source, samples, noise, _bytes(each.size))
    return table


def _print_compared(console: Console, compared: Compared, *, quiet: bool) -> None:
    from labelaudit.core.wording import percent

    rates = ["?" if rate is None else percent(rate) for rate in compared.noise]
    before, after = compared.suspects
    console.print(compared.describe(), style="bold", markup=False)
    if quiet:
        return
    console.print(f"likely wrong  {rates[0]} before, {rates[1]} after", markup=False)
    console.print(f"suspects      {before:,} before, {after:,} after", markup=False)
    groups = compared.between
    fixed = (("another label", groups.relabelled), ("no suspect now", groups.cleared), ("gone", groups.gone))
    words = [f"{len(samples):,} {what}" for what, samples in fixed if samples]
    if words:
        console.print(f"fixed         {', '.join(words)}", markup=False)
    for title, samples in (
        ("New suspects of samples that were there", groups.new),
        ("New suspects of new samples", groups.added),
    ):
        if samples:
            console.print()
            console.print(_samples_table(title, samples), markup=False)
            if len(samples) > _SHOWN:
                console.print(f"and {len(samples) - _SHOWN:,} more (--json lists all)", style="dim")


def _samples_table(title: str, samples: tuple[Sample, ...]) -> Table:
    from labelaudit.cli.render_verdict import plain_table

    table = plain_table(title, "sample", "given", "suggested", ("clean prob", "right"))
    for each in samples[:_SHOWN]:
        prob = "-" if each.clean_prob is None else f"{each.clean_prob:.2f}"
        table.add_row(each.path, each.given_label or "-", each.suggested_label or "-", prob)
    return table


def _cache(audit: Path) -> str:
    """Return how large the cache beside the audits is, for the end of a sentence; "" where there is none."""
    from labelaudit.api.audits import folder_size

    cache = audit.parent.parent / "cache"
    size = folder_size(cache)
    return f"; {_bytes(size)} of pixels and vectors in {cache.parent.name}/cache, to delete at any time" if size else ""


def _bytes(size: int) -> str:
    """Return "812 B", "4.1 MB" or "1.2 GB"."""
    if size < 1000:
        return f"{size} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if size < scale * 1000:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e9:.1f} GB"
