"""Decisions in a table: an edited suspect.csv, or any with columns sample_id (or path) and decision or label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from labelaudit.core.errors import DataError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.core.shown import out_of_cell
from labelaudit.handover.samples import Said
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.inside import reading
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import load_table

Verdict = Literal["ok", "wrong", "accept", ""]
_WORDS: tuple[tuple[Verdict, str, tuple[str, ...]], ...] = (
    ("ok", "", ("ok", "right", "keep", "yes", "y", "true", "1", "correct")),
    ("wrong", "", ("wrong", "no", "n", "false", "0", "incorrect", "relabel")),
    ("accept", "", ("accept", "accepted", "suggested")),
    ("wrong", "drop", ("drop", "remove", "delete", "left out")),
    ("", "ambiguous", ("ambiguous", "unclear", "?")),
)


def read_decisions_table(path: Path) -> tuple[list[Said], list[str]]:
    """Return what the rows say, and what is wrong with those that say nothing that is understood.

    Raises:
        DataError: the table cannot be read, or has no column that names samples, or none that decides.
    """
    with reading(path):
        table = load_table(path, Store(None), DataSettings(labels_as_written=True))
        columns = {name.strip().casefold(): cell_texts(cells) for name, cells in table.columns.items()}
    if not columns.keys() & {"sample_id", "path"} or not columns.keys() & {"decision", "label"}:
        raise DataError(
            f"{path}: no columns of decisions; columns: {shorten(table.columns, show=10)}.",
            hint="It needs sample_id (or path), and decision or label, as labelaudit export --suspect.csv writes them.",
        )
    said, bad = [], []
    for row in range(len(table)):
        cells = {name: (texts[row] or "").strip() for name, texts in columns.items()}
        found = _said(cells, f"line {table.lines[row]}")
        if isinstance(found, str):
            bad.append(found)
        elif found is not None:
            said.append(found)
    return said, bad


def _said(cells: Mapping[str, str], place: str) -> Said | str | None:
    word, label = cells.get("decision", ""), out_of_cell(cells.get("label", ""))
    if not word and not label:
        return None
    found = next(((v, kind) for v, kind, words in _WORDS if word.casefold() in words), None) if word else ("", "")
    if found is None:
        return f"{place}: decision {word!r}, expected ok, wrong, accept, drop or ambiguous"
    verdict, kind = found
    sample = out_of_cell(cells.get("sample_id") or cells.get("path") or "")
    given = cells.get("given_label") or cells.get("given")
    return Said(
        place=place,
        sample=sample,
        given_label=None if given is None else out_of_cell(given),
        verdict=verdict,
        label=label,
        kind=kind,
        note=out_of_cell(cells.get("note") or cells.get("why_decided") or ""),
        who=out_of_cell(cells.get("reviewer", "")),
    )
