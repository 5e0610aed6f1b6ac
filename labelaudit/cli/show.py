"""`labelaudit show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

Sample = Annotated[
    str | None, typer.Argument(metavar="[SAMPLE]", help="All that is known of this one.", show_default=False)
]
Top = Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Suspects.", show_default=False)]
Class = Annotated[
    str | None, typer.Option("--class", metavar="NAME", help="Suspects with this label.", show_default=False)
]
Pair = Annotated[
    str | None,
    typer.Option(
        "--pair",
        metavar="GIVEN,SUGGESTED",
        help="Suspects with this label, and this one suggested.",
        show_default=False,
    ),
]


@reports_errors
def show(
    sample: Sample = None,
    audit: opt.AuditPath = None,
    top: Top = None,
    class_: Class = None,
    pair: Pair = None,
    json: opt.Json = False,
    quiet: opt.QuietAnyway = False,
    no_color: opt.NoColor = False,
) -> None:
    """Print the summary of a finished audit again, all that is known of one sample, or a list of suspects.

    Examples:

      labelaudit show

      labelaudit show cat/17.jpg

      labelaudit show --top 50 --class cat

      labelaudit show --pair cat,dog

      labelaudit show --audit photos/ --json
    """
    from labelaudit.api.load import show as run

    del quiet  # what it prints is all that it is for
    given, _, suggested = (pair or "").partition(",")
    if pair is not None and not (given and suggested):
        raise ConfigError(f"--pair {pair!r}: two classes are needed.", hint="Such as --pair cat,dog")
    found = run(audit, sample, top=top, label=class_, pair=None if pair is None else (given.strip(), suggested.strip()))
    if json:
        print_json(found)
        return
    console = make_console(no_color=no_color)
    if sample is not None:
        _print_sample(console, found)
    elif "suspects" in found and isinstance(found["suspects"], list):
        _print_suspects(console, found)
    else:
        from labelaudit.cli.render import print_summary

        print_summary(console, found, root=audit or ".")


def _print_sample(console: Console, found: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(found["path"], style="bold", markup=False, soft_wrap=True)
    rows = [("file", found["file"]), ("text", found["text"]), ("given", _with_prob(found, "given_label", "clean_prob"))]
    rows.append(("suggested", _with_prob(found, "suggested_label", "suggested_prob")))
    rows.append(("verdict", " ".join(text for text in (found["action"], found["issue"]) if text)))
    rows.append(("rank", f"{found['rank']:,}"))
    rows.append(("networks", ", ".join(f"{each['label']} {each['prob']:.2f}" for each in found["top"])))
    rows.append(("why", found["detail"]))
    rows += [("twin", f"{twin['path']} ({twin['given_label']})") for twin in found["twins"]]
    rows += [("decided", _decision(each)) for each in found["decisions"]]
    if found["sample_id"] != found["path"]:
        rows.append(("id", found["sample_id"]))
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value:
            table.add_row(Text(name, style="dim"), Text(str(value)))
    console.print(table)


def _print_suspects(console: Console, found: Mapping[str, Any]) -> None:
    from labelaudit.cli.render_verdict import plain_table

    rows = found["suspects"]
    looked = f", {found['decided']:,} of them decided" if found["decided"] else ""
    console.print(f"{len(rows):,} of {found['of']:,} suspects{looked}", markup=False)
    if not rows:
        return
    table = plain_table(None, ("rank", "right"), "sample", "given", "suggested", ("prob", "right"), "decided")
    for row in rows:
        prob = row["suggested_prob"]
        decided = row["decided"]
        said = "" if decided is None else " ".join(text for text in (decided["decision"], decided["label"]) if text)
        shown = "-" if prob is None else f"{prob:.2f}"
        table.add_row(f"{row['rank']:,}", row["path"], row["given_label"], row["suggested_label"] or "-", shown, said)
    console.print(table, markup=False)


def _with_prob(found: Mapping[str, Any], label: str, prob: str) -> str:
    if found[label] is None:
        return ""
    return found[label] if found[prob] is None else f"{found[label]}  {found[prob]:.2f}"


def _decision(each: Mapping[str, str]) -> str:
    label = f" -> {each['label']}" if each["label"] else ""
    return f"{each['decision']}{label}, {each['who']}, {each['when'][:10]}: {each['why']}"
