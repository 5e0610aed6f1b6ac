"""Write reproduction.md: every published table, what reproduces its cells, what that needs, and what cannot be run.

python docs/make_reproduction.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labelaudit.lab.published_cells import (
    Cell,
    TableFacts,
    cells,
    columns_of,
    hours,
    line_of,
    shown_values,
    tables,
)
from labelaudit.lab.published_schedules import schedule_title
from labelaudit.lab.published_tables import settings

OUT = Path(__file__).with_name("reproduction.md")


def text() -> str:
    """Return the page."""
    found = tables().values()
    n, runnable = sum(each.cells for each in found), sum(each.runnable for each in found)
    lines = [
        "# Published tables",
        "",
        "Made by `docs/make_reproduction.py` from `labelaudit/lab/published/`; do not edit. How to run them:",
        "[how-to](how-to/reproduce.md).",
        "",
        f"{runnable} of {n} cells can be run. Hours are those of one H100 for all runs of a table, estimated by",
        "arithmetic: no card has been measured yet, and none of these runs has been made at full length.",
        "`labelaudit reproduce --table NAME` prints a table beside what was found on your machine.",
        "",
        "| table | paper | cells | can be run | runs | hours | needs |",
        "|---|---|---|---|---|---|---|",
        *(_summary(each) for each in found),
    ]
    for each in found:
        lines += ["", *_table(each)]
    return "\n".join(lines) + "\n"


def _summary(facts: TableFacts) -> str:
    counts = f"{facts.cells} | {facts.runnable} | {len(facts.settings)} | {max(1, round(facts.hours))}"
    return f"| {facts.name} | {facts.paper} | {counts} | {', '.join(facts.needs)} |"


def _table(facts: TableFacts) -> Iterator[str]:
    mine = [cell for cell in cells() if cell.table == facts.name]
    columns, values = columns_of(mine), shown_values(mine, [])
    yield f"## {facts.name}"
    yield ""
    yield "A dot is blank in the paper; what ends with - cannot be run."
    yield ""
    yield f"| | {' | '.join(columns)} | run by | hours each |"
    yield "|---" * (len(columns) + 3) + "|"
    for line in dict.fromkeys(map(line_of, mine)):
        of_line = [cell for cell in mine if line_of(cell) == line]
        shown = " | ".join(values.get((line, column), ".") for column in columns)
        yield f"| {line.replace(' | ', ', ')} | {shown} | {_run_by(of_line)} | {_hours(of_line)} |"
    reasons = dict.fromkeys(f"- {cell.row['method']}: {cell.reason}." for cell in mine if cell.reason)
    run = [(cell.row["method"], settings()[cell.settings[0]]) for cell in mine if cell.settings]
    schedules = dict.fromkeys(f"- {method}: {schedule_title(setting)}." for method, setting in run)
    yield from ("", *reasons) if reasons else ()
    yield from ("", "Schedules:", "", *schedules) if schedules else ()


def _run_by(of_line: list[Cell]) -> str:
    """Return the names that reproduce a line, with * for the noise and the rate."""
    names = [settings()[name] for cell in of_line for name in cell.settings]
    patterns = dict.fromkeys(
        "/".join([*each.name.split("/")[:2], "*", *([each.variant] if each.variant else [])]) for each in names
    )
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def _hours(of_line: list[Cell]) -> str:
    each = sorted({round(hours(settings()[name]), 2) for cell in of_line for name in cell.settings})
    return "" if not each else f"{each[0]:g}" if len(each) == 1 else f"{each[0]:g} to {each[-1]:g}"


if __name__ == "__main__":
    OUT.write_text(text(), encoding="utf-8")
