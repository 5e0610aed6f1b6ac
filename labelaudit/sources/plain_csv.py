"""Large text tables that are plain: no quotation marks, no empty lines, a header, rows of one length; read by Arrow.

A million rows cell by cell are seconds and gigabytes. Whatever is not plain is left to `csv_file`, which knows more and
says what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from labelaudit.sources.headers import begins_with_data
from labelaudit.sources.text_layouts import title_rows

SMALLEST = 2**20  # characters; smaller tables are read at once anyway
_HEAD = 20  # lines that tell whether there are titles


@dataclass(frozen=True, slots=True)
class Plain:
    """A header and the columns below it."""

    header: list[str]
    columns: list[pa.ChunkedArray]  # of strings, null where a cell is empty


def read_plain(text: str, delimiter: str, *, quoting: str) -> Plain | None:
    """Return the cells of a plain table that is large; None for any other.

    Args:
        text: of the whole file, without comments and marks.
        delimiter: between cells.
        quoting: "none" where quotation marks are characters like any other.
    """
    if len(text) < SMALLEST or len(delimiter) != 1 or delimiter == " " or not _is_plain(text, quoting=quoting):
        return None
    head = [line.split(delimiter) for line in text[: 2**16].splitlines()[:_HEAD]]
    if len(head[0]) < 2 or title_rows(head) or any(len(row) != len(head[0]) for row in head):
        return None
    try:
        table = _parsed(text, delimiter, len(head[0]))
    except pa.ArrowInvalid:  # rows of another length: said by who reads them one by one
        return None
    return None if _has_no_header(head, table) else Plain(head[0], table.columns)


def _is_plain(text: str, *, quoting: str) -> bool:
    if ('"' in text and quoting != "none") or text.startswith(("\n", "\r")):
        return False
    if "\r" in text:
        return text.count("\r") == text.count("\r\n") == text.count("\n") and "\r\n\r\n" not in text
    return "\n\n" not in text


def _parsed(text: str, delimiter: str, width: int) -> pa.Table:
    names = [str(number) for number in range(width)]
    return csv.read_csv(
        io.BytesIO(text.encode()),
        read_options=csv.ReadOptions(column_names=names, skip_rows=1, block_size=2**24),
        parse_options=csv.ParseOptions(
            delimiter=delimiter, quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _has_no_header(head: Sequence[Sequence[str]], table: pa.Table) -> bool:
    """Return whether the first line is data: each of its cells is a number, an image, or found again below it."""
    found = [cell if _is_in(table.column(place), cell) else None for place, cell in enumerate(head[0])]
    below = [[cell or "" for cell in found]]  # as if all that is found again stood in the second line
    return begins_with_data([head[0], *below])


def _is_in(cells: pa.ChunkedArray, text: str) -> bool:
    return bool(text.strip()) and bool(pc.any(pc.equal(cells, text)).as_py())
