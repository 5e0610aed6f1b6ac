"""CSV and TSV text to columns of strings, each row with its line; nothing is guessed but the delimiter."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.urls import Place

Column = list[str | None]  # (rows,) None where the cell is empty

_DELIMITERS = (",", ";", "\t", "|")


def read_delimited(source: Place, data: bytes) -> tuple[dict[str, Column], list[int]]:
    """Return the columns by name, and the line (from 1, the header included) on which each row starts.

    Every cell is a string as written, so that the class names "NA" and "None" stay names.

    Args:
        source: where the bytes are from, for messages.
        data: the whole file.

    Raises:
        DataError: not UTF-8, no header, a name twice, or rows of different lengths.
    """
    text = _decode(source, data)
    header, rows, lines = _parse(source, text, delimiter=_delimiter(source, text))
    names = _column_names(source, header)
    _require_equal_lengths(source, rows, lines, len(names))
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: [cell or None for cell in column] for name, column in zip(names, columns, strict=True)}, lines


def _decode(source: Place, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{source}:{line}: byte 0x{data[error.start]:02x} is not UTF-8.",
            hint=f"Save the table as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {source.name} > utf8.csv",
        ) from error


def _delimiter(source: Place, text: str) -> str:
    """Return the usual delimiter of the suffix, or the one that the header holds most often."""
    usual = "\t" if source.suffix.lower() == ".tsv" else ","
    header = next((line for line in text.splitlines() if line.strip()), "")
    if usual in header:
        return usual
    return max(_DELIMITERS, key=lambda delimiter: (header.count(delimiter), delimiter == usual))


def _parse(source: Place, text: str, *, delimiter: str) -> tuple[list[str], list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for row in reader:
            if row:  # an empty line is no row
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{source}:{start}: {error}.", hint="Is a quotation mark left open?") from error
    if not rows:
        raise DataError(f"{source}: the table is empty.", hint="Its first line names the columns: path,label")
    return rows[0], rows[1:], lines[1:]


def _column_names(source: Place, header: Sequence[str]) -> list[str]:
    names = [name.strip() or f"unnamed: {position}" for position, name in enumerate(header)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{source}: the header names a column twice: {shorten(map(repr, twice))}.", hint="Rename one of them."
        )
    return names


def _require_equal_lengths(source: Place, rows: list[list[str]], lines: list[int], width: int) -> None:
    wrong = [f"line {line} has {len(row)}" for row, line in zip(rows, lines, strict=True) if len(row) != width]
    if wrong:
        raise DataError(
            f"{source}: {len(wrong):,} rows do not have the {width} fields of the header: {shorten(wrong)}.",
            hint="Put fields that hold the delimiter in quotation marks, and remove the fields that are too many.",
        )
