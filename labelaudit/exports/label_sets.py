"""The table of samples with several labels each, as its owner wrote it, with the labels that a scan suggests."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.dataset import Several
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.list_cells import items_of, list_text
from labelaudit.sources.store import Store
from labelaudit.sources.table import table_rows
from labelaudit.sources.table_file import Table, load_table

_YES = frozenset({"1", "1.0", "true", "yes", "x"})
_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of the labels of one row."""

    come: tuple[str, ...]
    go: tuple[str, ...]

    def of(self, labels: Sequence[str]) -> list[str]:
        """Return the labels after it, what stays in its order."""
        return [label for label in labels if label not in self.go] + [name for name in self.come if name not in labels]


def relabelled_table(
    source: Path, settings: DataSettings, wrong: Collection[str], *, names: Sequence[str], fmt: str
) -> bytes:
    """Return a table with the suggested labels: the same columns, rows and kind of file; only labels differ.

    Args:
        source: of the scan.
        settings: how the scan read it.
        wrong: ids of the pairs, "id#label", whose label is the other way round.
        names: (L,) of the labels, as the pairs are called.
        fmt: of the file to write.

    Raises:
        ConfigError: the source is no table that can be written, or of another kind.
        DataError: it has other labels by now.
    """
    if _FORMATS.get(source.suffix.lower()) != fmt:
        known = _FORMATS.get(source.suffix.lower())
        hint = f"Write relabelled.{known}." if known else "Its findings can be written: all.csv"
        raise ConfigError(f"the labels of {source} are not written as {fmt}.", hint=hint)
    table = load_table(source, Store(None), settings)
    dataset, rows = table_rows(table, settings)
    several = dataset.several
    if several is None or len(several.names) != len(names):
        raise DataError(f"{source}: its labels are not those that were audited.", hint="Scan it again.")
    changes: dict[int, _Change] = {}
    for at, row in enumerate(rows.tolist()):
        flips = [k for k, name in enumerate(names) if f"{dataset.sample_ids[at]}#{name}" in wrong]
        if flips:
            changes[row] = _change(several, at, flips)
    return _WRITERS[fmt](source, table, several, changes)


def _change(several: Several, at: int, flips: Sequence[int]) -> _Change:
    has = several.has[at]
    return _Change(
        come=tuple(several.names[k] for k in flips if not has[k]), go=tuple(several.names[k] for k in flips if has[k])
    )


def _changed_columns(table: Table, several: Several, changes: Mapping[int, _Change]) -> dict[str, list[Any]]:
    """Return the cells of the columns in which labels change."""
    if several.kind == "columns":
        return {name: _bits(table, several.names, name, changes) for name in several.names}
    assert several.column is not None
    cells = table.columns[several.column].to_pylist()
    glue = _glue(cells, several.between)
    return {several.column: [_cell(cell, changes.get(row), several.between, glue) for row, cell in enumerate(cells)]}


def _bits(table: Table, names: Sequence[str], name: str, changes: Mapping[int, _Change]) -> list[Any]:
    """Return a column of 0 and 1 as it is written, changed."""
    cells: list[Any] = table.columns[name].to_pylist()
    if not any(name in change.come or name in change.go for change in changes.values()):
        return cells
    some = cells
    if len(set(map(_is_yes, cells))) < 2:  # the others show how the missing one is written
        some = [cell for each in names for cell in table.columns[each].to_pylist()]
    yes, no = _most([cell for cell in some if _is_yes(cell)]), _most([cell for cell in some if not _is_yes(cell)])
    for row, change in changes.items():
        if name in change.come or name in change.go:
            cells[row] = yes if name in change.come else no
    return cells


def _is_yes(cell: Any) -> bool:
    return str(cell).strip().casefold() in _YES


def _most(cells: Sequence[Any]) -> Any:
    return Counter(cells).most_common(1)[0][0] if cells else None


def _glue(cells: Sequence[Any], between: str) -> str:
    """Return what stands between two labels of a cell, blanks included."""
    if not between.strip():
        return between
    found = Counter(match for cell in cells if cell for match in re.findall(rf"\s*{re.escape(between)}\s*", str(cell)))
    return found.most_common(1)[0][0] if found else between


def _cell(cell: Any, change: _Change | None, between: str, glue: str) -> Any:
    """Return a cell of several labels, changed, as it is written."""
    if change is None:
        return cell
    if isinstance(cell, list):
        return change.of([str(item) for item in cell])
    text = "" if cell is None else str(cell)
    if between:
        return glue.join(change.of([part for piece in text.split(between) if (part := piece.strip())])) or None
    return list_text(change.of([str(item) for item in items_of(text) or []]), text)


def _delimited(source: Path, table: Table, several: Several, changes: Mapping[int, _Change]) -> bytes:
    del source
    columns = {name: cells.to_pylist() for name, cells in table.columns.items()} | _changed_columns(
        table, several, changes
    )
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=table.delimiter or ",", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _parquet(source: Path, table: Table, several: Several, changes: Mapping[int, _Change]) -> bytes:
    whole = pq.read_table(source)
    for name, cells in _changed_columns(table, several, changes).items():
        place = whole.schema.get_field_index(name)
        field = whole.schema.field(place)
        whole = whole.set_column(place, field, pa.array(cells, field.type))
    buffer = io.BytesIO()
    pq.write_table(whole, buffer)
    return buffer.getvalue()


def _json_lines(source: Path, table: Table, several: Several, changes: Mapping[int, _Change]) -> bytes:
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    _put_in(rows, _changed_columns(table, several, changes), changes)
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _json_array(source: Path, table: Table, several: Several, changes: Mapping[int, _Change]) -> bytes:
    rows = json.loads(source.read_text(encoding="utf-8-sig"))
    if not isinstance(rows, list):
        raise ConfigError(f"{source}: labels are written into a JSON list of rows only.", hint="Write all.json.")
    _put_in(rows, _changed_columns(table, several, changes), changes)
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


def _put_in(rows: list[dict[str, Any]], columns: Mapping[str, Sequence[Any]], changes: Mapping[int, _Change]) -> None:
    for row in changes:
        for name, cells in columns.items():
            if name in rows[row]:
                rows[row][name] = cells[row]


_Writer = Callable[[Path, Table, Several, Mapping[int, _Change]], bytes]
_WRITERS: Mapping[str, _Writer] = {
    "csv": _delimited,
    "tsv": _delimited,
    "parquet": _parquet,
    "jsonl": _json_lines,
    "json": _json_array,
}
