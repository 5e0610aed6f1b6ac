"""CSV, TSV and lists: the cells of a text table by their place in the text, so that all others stay byte for byte."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import pyarrow as pa

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.functional.images import image_suffixes
from labelaudit.mending.spans import Edit, edited

Quoting = Literal["standard", "none", "list", "aligned", "fasttext"]
Span = tuple[int, int]

_MARKS = (  # the longer first: that of UTF-16 is the beginning of that of UTF-32
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 1_000  # rows that are compared with what was read
_LABEL = "__label__"  # of fastText


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text, and how it was written."""

    text: str
    codec: str
    mark: bytes  # byte order mark
    pack: Callable[[bytes], bytes] = bytes  # how the file is compressed

    def bytes_of(self, text: str) -> bytes:
        """Return another text, written in the same way; raises DataError where the encoding has no such letter."""
        try:
            return self.pack(self.mark + text.encode(self.codec))
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
    starts: Sequence[int]  # (rows,) where each begins
    width: int  # columns; 0 where their names are not in one line
    header: Span | None  # None where the first line is data

    def span(self, row: int, column: int) -> Span:
        """Return where a cell is, quotation marks included."""
        return self.cells(row)[column]

    def raw(self, row: int, column: int) -> str:
        """Return a cell as it is written."""
        start, end = self.span(row, column)
        return self.encoded.text[start:end]

    def cells(self, row: int) -> list[Span]:
        """Return where the cells of a row are."""
        text, start = self.encoded.text, self.starts[row]
        if self.quoting in _BY_WORDS:
            return _BY_WORDS[self.quoting](text, (start, _line_end(text, start)))
        return _cells_from(text, start, self.delimiter, self.quoting)

    def value(self, raw: str) -> str:
        """Return what a cell says."""
        if self.quoting == "fasttext":
            return raw.removeprefix(_LABEL)
        is_quoted = self.quoting == "standard" and raw.startswith('"')
        return raw[1:-1].replace('""', '"') if is_quoted else raw

    def written(self, value: str) -> str:
        """Return a value as a cell; raises ConfigError where no quotation marks could enclose what they must."""
        breaks = any(letter in value for letter in (self.delimiter, "\n", "\r"))
        if self.quoting == "standard" and (breaks or '"' in value):
            return '"' + value.replace('"', '""') + '"'
        if breaks or (self.quoting in _BY_WORDS and len(value.split()) != 1):
            raise ConfigError(f"{value!r} cannot be a cell: the table encloses none in quotation marks.")
        return f"{_LABEL}{value}" if self.quoting == "fasttext" else value

    def removal(self, row: int) -> Edit:
        """Return the edit that removes a row with its line."""
        end = self._end(row)
        found = _LINE_END.match(self.encoded.text, end)
        return Edit(self.starts[row], end if found is None else found.end())

    def added(self, name: str, cell_of: Callable[[int], str]) -> list[Edit]:
        """Return the edits that put a column behind the others.

        Raises:
            ConfigError: cells are separated by blanks, or rows end otherwise than the header.
        """
        if self.quoting in _BY_WORDS or any(len(self.cells(row)) != self.width for row in range(len(self.starts))):
            raise ConfigError("a column cannot be added to a table of this form.", hint="Leave the option away.")
        head = [] if self.header is None else [self._appended(self.header[1], name)]
        return head + [self._appended(self._end(row), cell_of(row)) for row in range(len(self.starts))]

    def with_edits(self, edits: Sequence[Edit]) -> bytes:
        """Return the file with these edits."""
        return self.encoded.bytes_of(edited(self.encoded.text, edits))

    def _appended(self, end: int, value: str) -> Edit:
        return Edit(end, end, self.delimiter + self.written(value))

    def _end(self, row: int) -> int:
        """Return where a row ends, before the end of its line."""
        if self.quoting in _BY_WORDS:
            return _line_end(self.encoded.text, self.starts[row])
        return self.cells(row)[-1][1]


def decoded(data: bytes, encoding: str | None, *, pack: Callable[[bytes], bytes] = bytes) -> Encoded:
    """Return a file's text; raises DataError where it would not be written back as it was.

    Args:
        data: of the file, unpacked.
        encoding: as the user named it.
        pack: compresses it again.
    """
    asked = (encoding or "utf-8").casefold().replace("_", "-").removesuffix("-sig")
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), (b"", asked))
    text = data[len(mark) :].decode(codec)
    if mark + text.encode(codec) != data:
        raise DataError(f"text in {codec} that has several spellings in bytes.", hint="Save the table as UTF-8.")
    return Encoded(text, codec, mark, pack)


def text_table(
    encoded: Encoded, delimiter: str, columns: Mapping[str, pa.ChunkedArray], lines: Sequence[int]
) -> TextTable | None:
    """Return the places of the rows of a text table; None where it cannot be seen how it was read.

    Args:
        encoded: the file.
        delimiter: between its cells.
        columns: what was read, as text: it tells what quotation marks and blanks mean.
        lines: (rows,) on which each row begins, from 1.
    """
    ways: tuple[Quoting, ...] = ("list", "fasttext", "aligned") if delimiter == " " else ("standard", "none")
    above = _arff_lines(encoded.text)
    for quoting in ways:
        begins = _line_starts(encoded.text, by_words=quoting in _BY_WORDS)
        if not lines or max(lines) + above > len(begins):
            continue
        starts = [begins[line - 1 + above] for line in lines]
        header = None if next(iter(columns)) == "column 1" else _header(encoded.text, starts[0])
        found = TextTable(encoded, delimiter, quoting, starts, 0 if above else len(columns), header)
        if _agrees(found, list(columns.values())):
            return found
    return None


def _agrees(table: TextTable, columns: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether the places hold what was read, as far as some rows tell, evenly spaced."""
    for row in range(0, len(table.starts), max(1, len(table.starts) // _LOOKED_AT)):
        texts = [table.encoded.text[start:end] for start, end in table.cells(row)]
        if len(texts) < len(columns) or any(text.strip() for text in texts[len(columns) :]):
            return False
        for text, column in zip(texts, columns, strict=False):
            if (table.value(text) or None) != column[row].as_py():
                return False
    return True


def _line_starts(text: str, *, by_words: bool) -> list[int]:
    """Return where each line begins, as the reader of the table counts them."""
    if not by_words:
        return [0, *(found.end() for found in _LINE_END.finditer(text))]
    starts, at = [], 0
    for line in text.splitlines(keepends=True):
        starts.append(at)
        at += len(line)
    return starts


def _arff_lines(text: str) -> int:
    """Return how many more lines are above the rows of an ARFF file than the one that its names are read as."""
    if not text[:1000].lstrip().startswith(("@", "%")):
        return 0
    found = re.search(r"(?mi)^@data[^\n]*\n", text)
    return 0 if found is None else text.count("\n", 0, found.end()) - 1


def _header(text: str, first: int) -> Span | None:
    """Return where the last line above the first row is that holds anything."""
    end = len(text[:first].rstrip("\r\n"))
    start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
    return (start, end) if end else None


def _line_end(text: str, start: int) -> int:
    found = _LINE_END.search(text, start)
    return len(text) if found is None else found.start()


_LINE_END = re.compile(r"\r\n|\n|\r")
_CELLS = {
    "standard": r'(?:"[^"]*(?:""[^"]*)*"(?={0}|[\r\n]|\Z)|(?:(?!{0})[^\r\n])*)',
    "none": r"(?:(?!{0})[^\r\n])*",
}


def _cells_from(text: str, start: int, delimiter: str, quoting: Quoting) -> list[Span]:
    pattern, at, spans = re.compile(_CELLS[quoting].format(re.escape(delimiter))), start, []
    while True:
        found = pattern.match(text, at)
        assert found is not None  # an empty cell matches
        spans.append(found.span())
        at = found.end()
        if not text.startswith(delimiter, at):
            return spans
        at += len(delimiter)


def _list_cells(text: str, row: Span) -> list[Span]:
    """Return the two cells of a line: a path and a word behind it, or a word and a path behind it."""
    line = text[row[0] : row[1]]
    start, end = row[0] + len(line) - len(line.lstrip()), row[0] + len(line.rstrip())
    words = line.split()
    if len(words) < 2:
        return [(start, end)]
    first, last = words[0], words[-1]
    if PurePosixPath(last).suffix.lower() in image_suffixes():
        rest = text[start + len(first) : end]
        return [(start, start + len(first)), (end - len(rest.lstrip()), end)]
    n = next((n for n in range(len(words) - 1, 0, -1) if _is_image(words[n - 1])), len(words) - 1)
    path = text[start:end].rsplit(None, len(words) - n)[0].rstrip()
    rest = text[start + len(path) : end]
    return [(start, start + len(path)), (end - len(rest.lstrip()), end)]


def _is_image(word: str) -> bool:
    return PurePosixPath(word).suffix.lower() in image_suffixes()


def _aligned_cells(text: str, row: Span) -> list[Span]:
    return [found.span() for found in re.compile(r"[^ \t]+").finditer(text, *row)]


def _fasttext_cells(text: str, row: Span) -> list[Span]:
    """Return the label, its mark included, and the text behind it; one span where there are several labels."""
    found = re.compile(rf"[ \t]*({_LABEL}\S+)\s+(.*?)\s*\Z", re.DOTALL).match(text[row[0] : row[1]])
    if found is None or found[2].startswith(_LABEL):
        return [row]
    return [(row[0] + found.start(1), row[0] + found.end(1)), (row[0] + found.start(2), row[0] + found.end(2))]


_BY_WORDS: Mapping[str, Callable[[str, Span], list[Span]]] = {
    "list": _list_cells,
    "aligned": _aligned_cells,
    "fasttext": _fasttext_cells,
}
