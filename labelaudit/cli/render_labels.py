"""What a scan of several labels a sample says of each label, as text on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labelaudit.cli.render_verdict import plain_table
from labelaudit.core.wording import percent, range_of

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 20


def label_table(summary: Mapping[str, Any]) -> Table:
    """Return the labels with who has them, who should not, and who should; the most suspects first."""
    rows: Sequence[Mapping[str, Any]] = summary["labels"]
    worst = sorted(rows, key=lambda row: (-row["should_not"] - row["lacks_but_should"], row["name"]))[:_SHOWN]
    title = "Labels" if len(rows) <= _SHOWN else f"{_SHOWN} of {len(rows)} labels, the most suspects first"
    table = plain_table(
        title,
        "label",
        ("have it", "right"),
        ("should not", "right"),
        ("lack it, but should", "right"),
        ("wrong", "right"),
        ("certain to possible", "right"),
    )
    for row in worst:
        counts = [f"{row[name]:,}" for name in ("has", "should_not", "lacks_but_should")]
        table.add_row(row["name"], *counts, percent(row["noise_rate"]), range_of(row["interval"]))
    return table
