"""CSV, TSV and lists: the cells of a text table by their place in the text, so that all others stay byte for byte."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import pyarrow as pa

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.functional.images import image_suffixes
from labelaudit.mending.spans import Edit, edited

Quoting = Literal["standard", "none", "list"]
Span = tuple[int, int]

_MARKS = (  # the longer first: that of UTF-16 is the beginning of that of UTF-32
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 1_000  # rows that are compared with what was read
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text, and how it was written."""

    text: str
    codec: str
    mark: bytes  # byte order mark

    def bytes_of(self, text: str) -> bytes:
        """Return another text, written in the same way; raises DataError where the encoding has no such letter."""
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError as error:
            letter = text[error.start : error.end]
            raise DataError(
                f"{letter!r} cannot be written in {self.codec}, the encoding of the table.",
                hint="Name the class otherwise, or save the table as UTF-8.",
            ) from error


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows of a text table by their place."""

    encoded: Encoded
    delimiter: str
    quoting: Quoting
    header: Span | None  # None where the first line is data
    rows: Sequence[Span]  # (rows,) without the line's end
    ends: Sequence[int]  # (rows,) behind the line's end

    def span(self, row: int, column: int) -> Span:
        """Return where a cell is, quotation marks included."""
        return self.cells(self.rows[row])[column]

    def raw(self, row: int, column: int) -> str:
        """Return a cell as it is written."""
        start, end = self.span(row, column)
        return self.encoded.text[start:end]

    def value(self, raw: str) -> str:
        """Return what a cell says."""
        is_quoted = self.quoting == "standard" and raw.startswith('"')
        return raw[1:-1].replace('""', '"') if is_quoted else raw

    def written(self, value: str) -> str:
        """Return a value as a cell; raises ConfigError where no quotation marks could enclose what they must."""
        breaks = any(letter in value for letter in (self.delimiter, "\n", "\r"))
        if self.quoting == "standard" and (breaks or value.startswith('"') or '"' in value):
            return '"' + value.replace('"', '""') + '"'
        if breaks or (self.quoting == "list" and len(value.split()) != 1):
            raise ConfigError(f"{value!r} cannot be a cell: the table encloses none in quotation marks.")
        return value

    def removal(self, row: int) -> Edit:
        """Return the edit that removes a row with its line."""
        return Edit(self.rows[row][0], self.ends[row])

    def added(self, name: str, cell_of: Callable[[int], str]) -> list[Edit]:
        """Return the edits that put a column behind the others."""
        if self.quoting == "list":
            raise ConfigError("a list of paths and labels can have no more columns.", hint="Leave the column away.")
        head = [] if self.header is None else [self._appended(self.header[1], name)]
        return head + [self._appended(end, cell_of(row)) for row, (_, end) in enumerate(self.rows)]

    def with_edits(self, edits: Sequence[Edit]) -> bytes:
        """Return the file with these edits."""
        return self.encoded.bytes_of(edited(self.encoded.text, edits))

    def _appended(self, end: int, value: str) -> Edit:
        return Edit(end, end, self.delimiter + self.written(value))

    def cells(self, row: Span) -> list[Span]:
        """Return where the cells of a line are."""
        text = self.encoded.text
        if self.quoting == "list":
            return _list_cells(text, row)
        pattern, at, spans = _cell_pattern(self.delimiter, self.quoting), row[0], []
        while True:
            found = pattern.match(text, at, row[1])
            assert found is not None  # an empty cell matches
            spans.append(found.span())
            at = found.end() + 1
            if found.end() >= row[1]:
                return spans


def decoded(data: bytes, encoding: str | None) -> Encoded:
    """Return a file's text; raises DataError where it would not be written back as it was."""
    asked = (encoding or "utf-8").casefold().replace("_", "-").removesuffix("-sig")
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), (b"", asked))
    text = data[len(mark) :].decode(codec)
    found = Encoded(text, codec, mark)
    if found.bytes_of(text) != data:
        raise DataError(f"text in {codec} that has several spellings in bytes.", hint="Save the table as UTF-8.")
    return found


def text_table(encoded: Encoded, delimiter: str, columns: Sequence[pa.ChunkedArray]) -> TextTable | None:
    """Return the places of the rows of a text table; None where it cannot be seen how it was read.

    Args:
        encoded: the file.
        delimiter: between its cells.
        columns: what was read, as text: it tells whether there is a header and what quotation marks mean.
    """
    separator_line = _SEPARATOR_LINE.match(encoded.text)
    start = separator_line.end() if separator_line else 0
    ways: tuple[Quoting, ...] = ("list",) if delimiter == " " else ("standard", "none")
    n_rows = len(columns[0])
    for quoting in ways:
        rows, ends = _lines(encoded.text, start, delimiter, quoting)
        if len(rows) - n_rows not in (0, 1):
            continue
        header = rows[0] if len(rows) > n_rows else None
        skip = len(rows) - n_rows
        found = TextTable(encoded, delimiter, quoting, header, rows[skip:], ends[skip:])
        if _agrees(found, columns):
            return found
    return None


def _agrees(table: TextTable, columns: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether the places hold what was read, as far as some rows tell, evenly spaced."""
    for row in range(0, len(table.rows), max(1, len(table.rows) // _LOOKED_AT)):
        cells = table.cells(table.rows[row])
        if len(cells) != len(columns):
            return False
        for (start, end), column in zip(cells, columns, strict=True):
            if (table.value(table.encoded.text[start:end]) or None) != column[row].as_py():
                return False
    return True


def _lines(text: str, start: int, delimiter: str, quoting: Quoting) -> tuple[list[Span], list[int]]:
    """Return the place of each row that is not empty, and where its line ends."""
    rows: list[Span] = []
    ends: list[int] = []
    if quoting == "list":
        for line in text[start:].splitlines(keepends=True):
            if line.strip():
                rows.append((start, start + len(line.rstrip("\r\n"))))
                ends.append(start + len(line))
            start += len(line)
        return rows, ends
    cell = _CELLS[quoting].format(re.escape(delimiter))
    pattern = re.compile(rf"({cell}(?:{re.escape(delimiter)}(?:{cell}))*)(\r\n|\n|\r|\Z)")
    while start < len(text):
        found = pattern.match(text, start)
        if found is None or found.end() == start:
            break
        if found[1]:
            rows.append(found.span(1))
            ends.append(found.end())
        start = found.end()
    return rows, ends


_CELLS = {
    "standard": r'(?:"[^"]*(?:""[^"]*)*"(?={0}|[\r\n]|\Z)|[^{0}\r\n]*)',
    "none": r"[^{0}\r\n]*",
}


def _cell_pattern(delimiter: str, quoting: Quoting) -> re.Pattern[str]:
    return re.compile(_CELLS[quoting].format(re.escape(delimiter)))


def _list_cells(text: str, row: Span) -> list[Span]:
    """Return the two cells of a line: a path and a word behind it, or a word and a path behind it."""
    line = text[row[0] : row[1]]
    start, end = row[0] + len(line) - len(line.lstrip()), row[0] + len(line.rstrip())
    first, *_, last = line.split()
    if PurePosixPath(last).suffix.lower() in image_suffixes():
        rest = text[start + len(first) : end]
        return [(start, start + len(first)), (end - len(rest.lstrip()), end)]
    path = text[start : end - len(last)].rstrip()
    return [(start, start + len(path)), (end - len(last), end)]
