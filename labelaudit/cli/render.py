"""Summaries, inspections and demonstrations as text on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelaudit.cli.render_labels import label_table
from labelaudit.cli.render_verdict import plain_table, print_verdict
from labelaudit.core.errors import count
from labelaudit.core.wording import duration, is_lost, percent, range_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labelaudit.api.demo import Demo

_CLASSES_SHOWN, _PAIRS_SHOWN, _PEOPLE_SHOWN = 10, 5, 10
_BETWEEN = 6  # blanks between two tables


def print_summary(console: Console, summary: Mapping[str, Any], *, root: str = ".") -> None:
    """Print an audit's summary and the commands that come next."""
    _print_header(console, summary)
    print_verdict(console, summary)
    if summary.get("worth_a_look"):
        console.print()
        console.print(_worst_table("Worth a look", summary["worth_a_look"]), markup=False)
    elif summary["worst"] and not summary["noise"]["quiet"] and not is_lost(summary):
        console.print()
        console.print(_worst_table("Most suspicious", summary["worst"]), markup=False)  # a file may be [red].png
        console.print()
        if summary.get("labels"):
            console.print(label_table(summary), markup=False)
        else:
            pairs = _confusion_table(summary["confusions"]) if summary["confusions"] else None
            _print_side_by_side(console, _class_table(summary), pairs or _pair_table(summary["confused_pairs"]))
    if summary.get("annotators"):
        _print_annotators(console, summary["annotators"])
    _print_set_aside(console, summary["set_aside"])
    _print_next(console, summary, root)


def print_inspection(console: Console, found: Mapping[str, Any], *, scan_command: str) -> None:
    """Print what would be scanned, and the command that scans it."""
    kind = {"features": "table rows", "probs": "rows of probabilities"}.get(found["kind"], found["kind"])
    split = f", split {found['split']}" if found["split"] else ""
    console.print(f"{found['source']}{split}", style="bold", markup=False)
    console.print(_facts(found, kind), markup=False)
    console.print()
    classes = found["classes"]
    console.print(_counts_table(classes, "classes" if found["several"] is None else "labels"), markup=False)
    if found["columns"]:
        console.print()
        console.print(_columns_table(found["columns"]), markup=False)
    console.print()
    console.print(_first_table(found["first"]), markup=False)
    if found["remarks"]:
        console.print()
    for remark in found["remarks"]:
        style = "yellow" if remark["level"] == "warning" else "dim"
        console.print(f"{remark['level']}: {remark['text']}", style=style, markup=False)
    problems = found["problems"]
    if problems:
        console.print(f"\n{count(len(problems), 'sample')} would be set aside:", style="yellow")
        for row in problems[:5]:
            console.print(f"  {_with_place(row)}", markup=False)
        if len(problems) > 5:
            console.print(f"  and {len(problems) - 5:,} more (--json lists all)")
    console.print(f"\nNext: {scan_command}", markup=False, soft_wrap=True)


def print_demo(console: Console, demo: Demo) -> None:
    """Print how a demonstration compares with the truth."""
    console.print("\nAgainst the truth", style="bold")
    console.print(f"  {demo.found} of {demo.planted} planted errors found, {demo.false_alarms} false alarms")
    console.print(f"  {demo.corrected} of the {demo.found} found come with the true label as suggestion")
    console.print(
        f"  average precision {demo.average_precision:.3f}; of the {demo.planted} most suspicious samples "
        f"{100 * demo.precision_at_k:.0f} % are planted errors"
    )
    console.print(f"\n  the suspects: {demo.folder / 'suspect.csv'}", markup=False)
    console.print(f"  the truth:    {demo.folder / 'truth.csv'}", markup=False)


def _print_header(console: Console, summary: Mapping[str, Any]) -> None:
    seconds = summary["seconds"]
    n_labels = len(summary.get("labels") or ())
    parts = [
        f"{summary['samples'] // max(n_labels, 1):,} samples",
        f"{n_labels} labels, several a sample" if n_labels else f"{summary['classes']} classes",
        f"method {summary['method']}",
        f"recipe {summary['recipe']}",
        *([f"schedule scaled to {scale:g}"] if (scale := summary["epochs_scale"]) != 1 else []),
        *([duration(seconds)] if seconds is not None else []),
        str(summary["device"]),
    ]
    console.print()
    console.print(str(summary["source"]), style="bold", markup=False)
    console.print(" · ".join(parts), style="dim", markup=False)


def _worst_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(title, "sample", "given", "suggested", ("suggested prob", "right"), ("clean prob", "right"))
    for row in rows:
        suggested, prob = row["suggested_label"], row["suggested_prob"]
        table.add_row(
            row["path"],
            row["given_label"],
            suggested or "-",
            "-" if prob is None else f"{prob:.2f}",
            f"{row['clean_prob']:.2f}",
        )
    return table


def _class_table(summary: Mapping[str, Any]) -> Table:
    rows: Sequence[Mapping[str, Any]] = summary["per_class"]
    noisiest = sorted(rows, key=lambda row: (-row["share"], row["label"]))[:_CLASSES_SHOWN]
    title = "Noise per class" if len(rows) <= _CLASSES_SHOWN else f"Noisiest {_CLASSES_SHOWN} of {len(rows)} classes"
    knows_ranges = any(row["interval"] for row in noisiest)
    ranges = [("certain to possible" if summary["witnesses"] else "90 % interval", "right")] if knows_ranges else []
    table = plain_table(title, "class", ("samples", "right"), ("suspects", "right"), ("noise", "right"), *ranges)
    for row in noisiest:
        cells = [row["label"], f"{row['samples']:,}", f"{row['suspects']:,}", percent(row["share"])]
        table.add_row(*cells, *([range_of(row["interval"])] if knows_ranges else []))
    return table


def _confusion_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table("Most confused", "true", "given", ("labels", "right"), ("of the true", "right"))
    for row in rows[:_PAIRS_SHOWN]:
        table.add_row(row["true"], row["given"], f"{row['expected']:,.0f}", percent(row["rate"]))
    return table


def _pair_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table("Most confused", "given", "suggested", ("suspects", "right"))
    for row in rows[:_PAIRS_SHOWN]:
        table.add_row(row["given"], row["suggested"], f"{row['count']:,}")
    return table


_COLUMNS_SHOWN = 20


def _columns_table(columns: Sequence[Mapping[str, str]]) -> Table:
    """Return what columns are taken for: those with a role first, those to learn from, and those left out."""
    table = plain_table("Columns", "column", "taken for", "why")
    shown = sorted(columns, key=lambda each: each["use"] in ("number", "category"))[:_COLUMNS_SHOWN]
    for each in shown:
        table.add_row(each["name"], each["use"], each["why"])
    if len(columns) > len(shown):
        table.add_row(f"and {len(columns) - len(shown):,} more", "", "--json lists all")
    return table


def _first_table(rows: Sequence[Mapping[str, str]]) -> Table:
    table = plain_table("The first as they are read", "sample", "label", "content")
    for row in rows:
        table.add_row(row["path"], row["label"], row["content"])
    return table


def _counts_table(classes: Mapping[str, int], what: str) -> Table:
    shown = sorted(classes.items(), key=lambda item: (-item[1], item[0]))
    title = f"{len(classes)} {what}" if len(shown) <= 20 else f"20 largest of {len(classes)} {what}"
    table = plain_table(title, "class" if what == "classes" else "label", ("samples", "right"))
    for label, samples in shown[:20]:
        table.add_row(label, f"{samples:,}")
    return table


def _facts(found: Mapping[str, Any], kind: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    sides = found["image_sides"]
    what = "classes" if found["several"] is None else "labels, several a sample"
    rows = [("samples", f"{found['samples']:,} {kind}, {len(found['classes'])} {what}")]
    if found["trusted"]:
        rows.append(("trusted", f"{found['trusted']:,} labels"))
    if sides:
        rows.append(("short side", f"{sides['least']} to {sides['most']} pixels, median {sides['median']}"))
    rows += [("device", found["device"]), ("recipe", found["why"])]
    if found["estimated_seconds"] is not None:
        rows.append(("time", f"about {duration(found['estimated_seconds'])}"))
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _print_set_aside(console: Console, set_aside: Mapping[str, Any]) -> None:
    if not set_aside["count"]:
        return
    console.print(f"\n{count(set_aside['count'], 'sample')} could not be scanned", style="yellow")
    for row in set_aside["first"]:
        console.print(f"  {_with_place(row)}", markup=False)


def _with_place(row: Mapping[str, Any]) -> str:
    """Return what is wrong with a sample, and which it is, once."""
    path, detail = str(row["path"]), str(row["detail"])
    return detail if detail.startswith(f"{path}:") else f"{path}: {detail}"


def _print_annotators(console: Console, annotators: Mapping[str, Any]) -> None:
    """Print how good the people are whose answers the given labels add up to, the worst first.

    Args:
        console: where to.
        annotators: of a summary.
    """
    table = plain_table("People", "who", ("answers", "right"), ("right", "right"), ("90 % interval", "right"))
    for person in annotators["persons"][:_PEOPLE_SHOWN]:
        interval = range_of([person["low"], person["high"]])
        table.add_row(person["name"], f"{person['answers']:,}", percent(person["accuracy"]), interval)
    console.print()
    console.print(table, markup=False)
    rest = len(annotators["persons"]) - _PEOPLE_SHOWN
    if rest > 0:
        console.print(f"and {rest:,} more, who are right more often", style="dim")
    again = annotators["look_again"]["count"]
    agree = annotators["agreement"]
    pairs = "" if agree is None else f"; {percent(agree)} of pairs of answers agree"
    console.print(f"{count(again, 'sample')} need another look{pairs}", markup=False)


def _print_next(console: Console, summary: Mapping[str, Any], root: str) -> None:
    where = "" if root == "." else f" --audit {shlex.quote(root)}"
    path = Path(summary["audit"]["path"])
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    console.print(f"\nResults in {shown}", markup=False, soft_wrap=True)
    steps = []
    is_one_label = not summary.get("labels")
    looked_at = "suspects" if summary["suspects"] else "least certain"
    if (summary["suspects"] or summary.get("worth_a_look")) and is_one_label:
        steps.append((f"labelaudit review{where}", f"look at the {looked_at} in the browser, and decide"))
    if summary["suspects"]:
        steps.append((f"labelaudit export --suspect.csv{where}", "the suspects as a table"))
    finish = summary.get("finish")
    if finish:
        model = shlex.quote(str(shown / Path(finish["model"]).parent))
        steps.append((f"labelaudit predict {model} DATA", f"labels by the classifier that {finish['method']} trained"))
    if summary["actions"]["relabel"]:
        command = "apply --confident" if is_one_label else "export --relabelled.csv"
        steps.append((f"labelaudit {command}{where}", "the data with the confident suggestions applied"))
    steps.append((f"labelaudit show --json{where}", "this summary for a program"))
    width = max(len(command) for command, _ in steps)
    for command, purpose in steps:
        console.print(f"  {command:<{width}}  ", markup=False, soft_wrap=True, end="")
        console.print(purpose, style="dim", soft_wrap=True)


def _print_side_by_side(console: Console, *tables: Table) -> None:
    """Print tables beside each other where all fit, else one below the other."""
    from rich.measure import Measurement
    from rich.table import Table

    shown = [table for table in tables if table.row_count]
    widths = [Measurement.get(console, console.options, table).maximum for table in shown]
    if sum(widths) + _BETWEEN * (len(shown) - 1) > console.width:
        for place, table in enumerate(shown):
            if place:
                console.print()
            console.print(table, markup=False)
        return
    grid = Table.grid(padding=(0, _BETWEEN))
    grid.add_row(*shown)
    console.print(grid, markup=False)
