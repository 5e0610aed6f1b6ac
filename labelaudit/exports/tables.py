"""Findings as tables for other tools: csv, tsv, parquet, jsonl, json; the same findings give the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelaudit.core.files import write_atomically
from labelaudit.core.findings import FINDINGS_SCHEMA, Action, suspects, table_of
from labelaudit.core.summary import six_digits
from labelaudit.exports.csv_cells import csv_cell
from labelaudit.exports.decided import ENDS
from labelaudit.exports.names import Format, What
from labelaudit.exports.people import rows_of

_EXTRA_COLUMNS = (  # of the corrected table; both ends of the noise rate; and where people decided on samples
    *(pa.field(name, pa.float32()) for name in ENDS),
    pa.field("label", pa.string()),
    pa.field("changed", pa.bool_()),
    pa.field("decision", pa.string()),
)


def select(frame: pd.DataFrame, what: What) -> pd.DataFrame:
    """Return a part of the findings.

    Args:
        frame: findings in Dataset order.
        what: suspect = action other than keep, most suspicious first; clean = action keep; relabelled = the corrected
            table: all but dropped samples and those that a person called wrong without saying what is right; samples
            that await review keep their label; all = everything.
    """
    if what == "suspect":
        return suspects(frame)
    if what == "clean":
        return frame[frame["action"] == Action.KEEP].reset_index(drop=True)
    return _relabelled(frame) if what == "relabelled" else frame


def write_table(frame: pd.DataFrame, path: Path, fmt: Format, *, raw: bool = False) -> None:
    """Write a part of the findings to a file, whole or not at all; `raw` as in `render_table`."""
    content = render_table(frame, fmt, raw=raw)
    data = content.encode() if isinstance(content, str) else content
    write_atomically(path, lambda part: part.write_bytes(data))


def render_texts(frame: pd.DataFrame, separator: str, *, raw: bool = False) -> str:
    r"""Return a table of texts as csv or tsv with \n line ends; `raw` as in `render_table`."""
    rows = [[csv_cell(cell, raw=raw) for cell in row] for row in rows_of(frame)]
    return "".join(separator.join(row) + "\n" for row in rows)


def render_table(frame: pd.DataFrame, fmt: Format, *, raw: bool = False) -> str | bytes:
    r"""Return a part of the findings as a file's content: bytes for parquet, otherwise text with \n line ends.

    Numbers in text have 6 significant digits; what is missing is empty in csv and tsv, null in json. Lists are left
    out of csv and tsv.

    Args:
        frame: what `select` returns.
        fmt: the file format.
        raw: leave csv and tsv cells that a spreadsheet would run as formulas as they are, instead of putting a
            single quote in front.
    """
    table = table_of(frame, extra=_EXTRA_COLUMNS)
    if fmt == "parquet":
        return _parquet(table)
    if fmt in ("csv", "tsv"):
        return _delimited(table, "," if fmt == "csv" else "\t", raw=raw)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    lines = [encode(record) for record in _records(table)]
    if fmt == "jsonl":
        return "".join(f"{line}\n" for line in lines)
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def _relabelled(frame: pd.DataFrame) -> pd.DataFrame:
    kept = frame[frame["action"] != Action.DROP]
    if "decision" in kept:  # a label that is known to be wrong never stays
        kept = kept[~((kept["decision"] == "wrong") & (kept["action"] != Action.RELABEL))]
    kept = kept.reset_index(drop=True)
    label = kept["given_label"].where(kept["action"] != Action.RELABEL, kept["suggested_label"])
    changed = ((kept["action"] == Action.RELABEL) & (label != kept["given_label"])).astype("bool")
    columns = {name: kept[name] for name in ("sample_id", "path", "given_label", "clean_prob")}
    order = ["sample_id", "path", "label", "given_label", "changed", "clean_prob"]
    return pd.DataFrame(columns | {"label": label, "changed": changed})[order]


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    metadata = {b"labelaudit.findings_schema": str(FINDINGS_SCHEMA)}
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd")
    return buffer.getvalue()


def _delimited(table: pa.Table, separator: str, *, raw: bool) -> str:
    columns = [column for column in table.schema if not pa.types.is_list(column.type)]
    cells = [_cells(table[column.name], raw=raw) for column in columns]
    header = separator.join(column.name for column in columns)
    return "\n".join([header, *map(separator.join, zip(*cells, strict=True))]) + "\n"


def _cells(column: pa.ChunkedArray, *, raw: bool) -> list[str]:
    values = column.to_pylist()
    if pa.types.is_floating(column.type):
        return ["" if value is None else f"{value:.6g}" for value in values]
    if not pa.types.is_string(column.type):
        return [str(value) for value in values]
    return [csv_cell(value or "", raw=raw) for value in values]


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    columns = [_json_values(column) for column in table.columns]
    return (dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def _json_values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_list(column.type):
        items = _json_values(pc.list_flatten(column))
        ends = np.cumsum(pc.list_value_length(column).to_numpy()).tolist()
        return [items[start:end] for start, end in pairwise([0, *ends])]
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [None if value is None else six_digits(value) for value in values]
    return values
