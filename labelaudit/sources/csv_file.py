"""CSV, TSV and lists as text to columns of strings, each row with its line; every guess is a remark."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, DataError, count, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.headers import begins_with_data, column_names, headless_remark
from labelaudit.sources.labels import is_number
from labelaudit.sources.plain_csv import Plain, read_plain
from labelaudit.sources.text_layouts import (
    RARE_DELIMITERS,
    comment_lines,
    double_delimiter,
    fasttext_rows,
    is_aligned,
    is_list,
    is_sparse,
    split_list_line,
    title_rows,
    without_arff_head,
)
from labelaudit.sources.urls import Place

LIST_SUFFIXES = (".txt", ".lst", ".tab", ".dat", ".data", ".arff")  # lists, or tables under another name

Column: TypeAlias = list[str | None] | pa.ChunkedArray  # (rows,) None where the cell is empty
Quoting = Literal["standard", "none"]

_SPARSE_HINT = "Write one column a feature: sklearn.datasets.load_svmlight_file(path), then toarray()."
_DELIMITERS = ("\t", ";", "|", ",")  # where several fit, the comma is the one within the cells: in "1,5;carp"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_BY_NAME = {"tab": "\t", "\\t": "\t", "blank": " ", "space": " ", "comma": ",", "semicolon": ";"}
_MARKS = (  # the longer first: that of UTF-16 is the beginning of that of UTF-32
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Delimited:
    """The cells of a text file."""

    columns: dict[str, Column]
    lines: list[int]  # (rows,) on which each row starts, from 1, the header included
    remarks: tuple[Remark, ...]
    delimiter: str


@dataclass(frozen=True, slots=True)
class _Parsed:
    """Rows of cells; the first may be a header."""

    rows: list[list[str]]
    lines: list[int]

    def fits(self) -> bool:
        """Return whether all rows have as many cells as the first, and more than one."""
        return bool(self.rows) and len(self.rows[0]) > 1 and all(len(row) == len(self.rows[0]) for row in self.rows)


def read_delimited(source: Place, data: bytes, settings: DataSettings) -> Delimited:
    """Return the columns by name, and the line on which each row starts.

    Every cell is a string as written, so that the class names "NA" and "None" stay names.

    Args:
        source: where the bytes are from, for messages; its suffix tells the usual delimiter.
        data: the whole file.
        settings: encoding, delimiter, quoting and header, where the user knows better.

    Raises:
        DataError: an unknown encoding, no header, a name twice, or rows of different lengths.
        ConfigError: an encoding that does not exist.
    """
    text = _decode(source, data, settings.encoding)
    text, named = _without_separator_line(text)
    before, text = _comments(text)
    text = without_arff_head(text)
    delimiter = _asked_delimiter(settings.delimiter) or named or _delimiter(source, text)
    plain = None if settings.no_header else read_plain(text, delimiter, quoting=settings.quoting)
    if plain is not None:
        return _of_plain(source, plain, delimiter, above=before + (named is not None), comments=before)
    parsed, remarks = _parse(source, text, delimiter, settings.quoting)
    remarks += _comment_remarks(source, before)
    above = before + (named is not None)  # lines that are not parsed
    parsed = _Parsed(parsed.rows, [line + above for line in parsed.lines]) if above else parsed
    parsed, said = _table_of(source, parsed)
    remarks += said
    if not parsed.rows:
        raise DataError(f"{source}: the table is empty.", hint="Its first line names the columns: path,label")
    headless = settings.no_header or begins_with_data(parsed.rows)
    width = len(parsed.rows[0])
    if headless:
        header, body = [f"column {number}" for number in range(1, width + 1)], parsed
        remarks.append(headless_remark(source, parsed.rows[0], asked=settings.no_header))
    else:
        header, body = parsed.rows[0], _Parsed(parsed.rows[1:], parsed.lines[1:])
    names = column_names(source, header)
    _require_equal_lengths(source, body, width, delimiter)
    columns = zip(*body.rows, strict=True) if body.rows else ((),) * width
    cells = {name: [cell or None for cell in column] for name, column in zip(names, columns, strict=True)}
    return Delimited(cells, body.lines, tuple(remarks), delimiter)


def _of_plain(source: Place, plain: Plain, delimiter: str, *, above: int, comments: int) -> Delimited:
    """Return a plain table; its first row stands below the header and the lines above that."""
    names = column_names(source, plain.header)
    first = above + 2
    lines = list(range(first, first + len(plain.columns[0])))
    columns = dict(zip(names, plain.columns, strict=True))
    return Delimited(columns, lines, tuple(_comment_remarks(source, comments)), delimiter)


def _comment_remarks(source: Place, lines: int) -> list[Remark]:
    if not lines:
        return []
    return [Remark("note", f"{source.name}: comments above the table, left out: {count(lines, 'line')}.")]


def _comments(text: str) -> tuple[int, str]:
    """Return how many lines of comments stand above a table, and the text below them."""
    if not text.startswith("#"):
        return 0, text
    lines = _head(text, lines=100)
    n = comment_lines(lines, _DELIMITERS)
    for _ in range(n):
        text = text.partition("\n")[2]
    return n, text


def _table_of(source: Place, parsed: _Parsed) -> tuple[_Parsed, list[Remark]]:
    """Return the rows without titles above them, and with a name for every column that the first row lacks."""
    remarks: list[Remark] = []
    n = title_rows(parsed.rows)
    if n:
        shown = shorten((repr(" ".join(filter(None, row))) for row in parsed.rows[:n]), show=3)
        remarks.append(Remark("warning", f"{source.name}: lines above the table, left out: {shown}."))
        parsed = _Parsed(parsed.rows[n:], parsed.lines[n:])
    if len(parsed.rows) < 2:
        return parsed, remarks
    header, body = parsed.rows[0], parsed.rows[1:]
    if any(len(row) != len(header) + 1 for row in body):
        return parsed, remarks
    if all(not row[-1].strip() for row in body):  # a delimiter at the end of every row
        return _Parsed([header, *(row[:-1] for row in body)], parsed.lines), remarks
    if len({row[0] for row in body}) < len(body) or all(map(is_number, header)):  # no names of rows, as R writes them
        return parsed, remarks
    text = f"{source.name}: the header lacks a name for the first column, which is read as the names of the rows."
    remarks.append(Remark("warning", text))
    return _Parsed([["id", *header] if "id" not in header else ["row names", *header], *body], parsed.lines), remarks


def _decode(source: Place, data: bytes, encoding: str | None) -> str:
    named = encoding or next((name for mark, name in _MARKS if data.startswith(mark)), None) or "utf-8"
    try:
        text = data.decode(named)
    except LookupError as error:
        raise ConfigError(f"--encoding {named!r} is not known.", hint="Such as windows-1252 or utf-16.") from error
    except UnicodeError as error:
        raise _not_decoded(source, data, named, error) from error
    if "\0" in text:
        raise DataError(
            f"{source}: holds zero bytes: it is UTF-16 without a byte order mark, or no text at all.",
            hint="Say which: --encoding utf-16-le or --encoding utf-16-be",
        )
    return text.removeprefix("\ufeff")


def _not_decoded(source: Place, data: bytes, named: str, error: UnicodeError) -> DataError:
    if not isinstance(error, UnicodeDecodeError):
        return DataError(f"{source}: is not {named}: {error}.", hint="Name its encoding with --encoding.")
    line = data.count(b"\n", 0, error.start) + 1
    shown = "UTF-8" if named in ("utf-8", "utf-8-sig") else named
    return DataError(
        f"{source}:{line}: byte 0x{data[error.start]:02x} is not {shown}.",
        hint=f"Save the table as UTF-8, or name its encoding, such as: {source.name} --encoding windows-1252",
    )


def _without_separator_line(text: str) -> tuple[str, str | None]:
    """Return the text without the line `sep=;` that Excel reads, and the delimiter that it names."""
    found = re.match(r'"?sep=(.)"?\r?\n', text, flags=re.IGNORECASE)
    return (text[found.end() :], found[1]) if found else (text, None)


def _asked_delimiter(asked: str | None) -> str | None:
    return None if asked is None else _BY_NAME.get(asked.casefold(), asked)


def _delimiter(source: Place, text: str) -> str:
    """Return the delimiter that cuts the first lines into equally many cells, the most of them."""
    usual = "\t" if ".tsv" in source.name.lower() else ","
    head = _head(text)
    widths = {delimiter: _width(head, delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: widths[delimiter])
    if widths[best] > 1:
        return best
    if is_list(head) or text.startswith("__label__"):
        return " "
    rare = max(RARE_DELIMITERS, key=lambda delimiter: _width(head, delimiter))
    if _width(head, rare) > 1:
        return rare
    if double := double_delimiter(head):
        return double
    if is_sparse(head):
        raise DataError(f"{source}: its lines look like LIBSVM: {head[0][:60]!r}.", hint=_SPARSE_HINT)
    if is_aligned(head):
        return " "
    first = head[0] if head else ""
    return max(_DELIMITERS, key=lambda delimiter: (first.count(delimiter), delimiter == usual))


def _head(text: str, *, lines: int = 50) -> list[str]:
    """Return the first lines that are not empty."""
    found = re.findall(r"[^\r\n]+", text[: 2**18])
    return [line for line in found[:lines] if line.strip()]


def _width(head: Sequence[str], delimiter: str) -> int:
    """Return how many cells each of the first lines has, by quoting or without; 0 where they differ."""
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            widths = {len(row) for row in csv.reader(head, delimiter=delimiter, quoting=quoting, strict=True) if row}
        except csv.Error:
            continue
        if len(widths) == 1:
            return widths.pop()
    return 0


def _parse(source: Place, text: str, delimiter: str, quoting: str) -> tuple[_Parsed, list[Remark]]:
    """Return the rows, and what to say about quotation marks."""
    if delimiter == " ":
        return _parse_words(source, text)
    if delimiter == "::":
        text, delimiter = text.replace("::", "\x1f"), "\x1f"
    plain: Callable[[], _Parsed] = lambda: _read_rows(text, delimiter, csv.QUOTE_NONE)  # noqa: E731
    if quoting == "none" or '"' not in text:
        return plain(), []
    try:
        quoted = _read_rows(text, delimiter, csv.QUOTE_MINIMAL)
    except csv.Error as error:
        return _without_quoting(source, text, delimiter, error, asked=quoting)
    if quoting == "auto" and _holds_line_breaks(quoted) and (every := plain()).fits():
        return _choose_reading(source, quoted, every, delimiter)
    return quoted, _line_break_remark(quoted)


def _read_rows(text: str, delimiter: str, quoting: Literal[0, 3]) -> _Parsed:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
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
        raise csv.Error(f"{start}: {error}") from error
    return _Parsed(rows, lines)


def _parse_words(source: Place, text: str) -> tuple[_Parsed, list[Remark]]:
    """Return the rows of a text whose cells are separated by blanks: lines of fastText, aligned columns, or a list."""
    rows = fasttext_rows(text)
    if rows is not None:
        lines = [number for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
        said = Remark("note", f"{source.name}: lines of fastText: labels behind __label__, then a text.")
        return _Parsed(rows, [1, *lines]), [said]
    head = _head(text)
    if not is_list(head) and is_aligned(head):
        plain = re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text)
        said = Remark("note", f"{source.name}: cells are separated by blanks.")
        plain = re.sub(r"[ \t]+", " ", plain)
        try:
            return _read_rows(plain, " ", csv.QUOTE_MINIMAL), [said]
        except csv.Error:
            return _read_rows(plain, " ", csv.QUOTE_NONE), [said]
    return _parse_list(source, text)


def _parse_list(source: Place, text: str) -> tuple[_Parsed, list[Remark]]:
    found = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = [(number, split_list_line(line) or line.rsplit(None, 1)) for number, line in found]
    wrong = [f"line {number}" for number, row in rows if len(row) != 2]
    if wrong:
        raise DataError(
            f"{source}: {len(wrong):,} lines are not a path, a blank and a label: {shorten(wrong)}.",
            hint="Name what separates the cells with --delimiter.",
        )
    return _Parsed([row for _, row in rows], [number for number, _ in rows]), []


def _without_quoting(
    source: Place, text: str, delimiter: str, error: csv.Error, *, asked: str
) -> tuple[_Parsed, list[Remark]]:
    """Return the rows where quotation marks are characters like any other, if a tab separates the cells."""
    parsed = _read_rows(text, delimiter, csv.QUOTE_NONE)
    if asked == "auto" and delimiter == "\t" and parsed.fits():
        said = f"{source.name}: quotation marks do not match ({error}), so they are read as part of the cells"
        return parsed, [Remark("warning", f"{said}; --quoting standard refuses such a file.")]
    hint = "Is a quotation mark left open?"
    if parsed.fits():
        hint += " If such marks mean nothing in this file: --quoting none"
    raise DataError(f"{source}:{error}.", hint=hint) from error


def _holds_line_breaks(parsed: _Parsed) -> bool:
    return any("\n" in cell or "\r" in cell for row in parsed.rows for cell in row)


def _choose_reading(source: Place, quoted: _Parsed, plain: _Parsed, delimiter: str) -> tuple[_Parsed, list[Remark]]:
    """Return every line as a row where a tab separates cells; refuse where it may be meant either way."""
    lost = len(plain.rows) - len(quoted.rows)
    if delimiter == "\t":
        text = f"{source.name}: {lost:,} rows would be lost if quotation marks joined lines, so they are read as part"
        return plain, [Remark("warning", f"{text} of the cells; --quoting standard joins the lines.")]
    raise DataError(
        f"{source}: quotation marks open on one line and close on another, and every line is a whole row as well: "
        f"{len(quoted.rows) - 1:,} or {len(plain.rows) - 1:,} rows.",
        hint="Say whether they enclose cells (--quoting standard) or mean nothing (--quoting none).",
    )


def _line_break_remark(parsed: _Parsed) -> list[Remark]:
    lines = [f"line {line}" for row, line in zip(parsed.rows, parsed.lines, strict=True) if "\n" in "".join(row)]
    if not lines:
        return []
    return [Remark("note", f"Rows with line breaks in quoted cells: {len(lines):,} ({shorten(lines)}).")]


def _require_equal_lengths(source: Place, body: _Parsed, width: int, delimiter: str) -> None:
    wrong = [
        f"line {line} has {len(row)}" for row, line in zip(body.rows, body.lines, strict=True) if len(row) != width
    ]
    if wrong:
        between = _NAMES.get(delimiter, repr(delimiter))
        raise DataError(
            f"{source}: {len(wrong):,} rows do not have the {width} fields of the header, separated by {between}: "
            f"{shorten(wrong)}.",
            hint="Put fields that hold the delimiter in quotation marks, and remove the fields that are too many;"
            " or name another delimiter with --delimiter.",
        )
