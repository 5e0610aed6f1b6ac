"""An audit in short for a notebook: how noisy, the worst ten, and where the whole is to be had."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from labelaudit.core.wording import ends_of, headline, is_lost

_COLUMNS = ("sample", "given", "suggested", "p(wrong)")


def short_html(summary: Mapping[str, Any]) -> str:
    """Return the summary of an audit as a few lines of HTML; names are escaped, and nothing is loaded."""
    ends = "" if is_lost(summary) or summary["noise"]["quiet"] else ends_of(summary)
    facts = [
        f"{summary['samples']:,} samples, {summary['classes']:,} classes",
        f"{summary['suspects']:,} suspects",
        *([ends] if ends else []),
    ]
    parts = [f"<p><strong>{escape(headline(summary))}</strong><br>{escape(' · '.join(facts))}</p>"]
    parts += [f"<p>{escape(doubt['text'])}</p>" for doubt in summary["noise"]["doubts"]]
    shown = summary["worth_a_look"] or summary["worst"]
    if shown:
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        rows = "".join(map(_row, shown))
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    parts.append(
        "<p><code>audit.suspects</code> has all of them; <code>labelaudit.write_report(audit)</code> shows them.</p>"
    )
    return f"<div>{''.join(parts)}</div>"


def _row(row: Mapping[str, Any]) -> str:
    cells = (row["path"], row["given_label"], row["suggested_label"] or "", f"{1 - row['clean_prob']:.2f}")
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
