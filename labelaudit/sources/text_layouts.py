"""What stands around the rows of a text table, or between their cells: comments, titles, blanks, marks of formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from labelaudit.functional.images import image_suffixes
from labelaudit.sources.labels import is_number

RARE_DELIMITERS = ("^", "~", "\x01", "\x1f", "¦")  # tried where no usual one fits
_FASTTEXT = re.compile(r"((?:__label__\S+\s+)+)(\S.*)")
_ARFF_NAME = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_SPARSE = re.compile(r"\S+(\s+\d+:[-+.\deE]+)+\s*(#.*)?")
_FEWEST_ALIGNED = 2  # cells
_FEWEST_BELOW_TITLE = 3  # columns of a table whose title is followed by empty cells
_LOOKED_AT = 20  # rows


def without_arff_head(text: str) -> str:
    """Return the rows of an ARFF file under the names of their attributes; any other text as it is."""
    if not text[:1000].lstrip().startswith(("@", "%")):
        return text
    head, mark, body = _cut(text, r"(?mi)^@data[^\n]*\n")
    if not mark or not re.search(r"(?mi)^@attribute\s", head):
        return text
    names = ",".join(name.strip("'\"") for name in _ARFF_NAME.findall(head))
    return f"{names}\n" + re.sub(r"(?m)^%[^\n]*\n", "", body)


def is_sparse(head: Sequence[str]) -> bool:
    """Return whether lines are those of LIBSVM: 1 3:0.5 7:1."""
    return bool(head) and all(_SPARSE.fullmatch(line.strip()) for line in head)


def fasttext_rows(text: str) -> list[list[str]] | None:
    """Return [label, text] of every line of fastText: __label__cat it purrs; None of any other text.

    Several labels are joined by bars.
    """
    if not text.startswith("__label__"):
        return None
    found = [_FASTTEXT.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    if not found or None in found:
        return None
    rows = [
        ["|".join(label.removeprefix("__label__") for label in match[1].split()), match[2]] for match in found if match
    ]
    return [["label", "text"], *rows]


def double_delimiter(head: Sequence[str]) -> str | None:
    """Return "::" where it cuts every line into as many cells."""
    widths = {line.count("::") for line in head}
    return "::" if len(widths) == 1 and 0 not in widths else None


def is_aligned(head: Sequence[str]) -> bool:
    """Return whether blanks line up a table of numbers: every line has as many words, one column of them numbers.

    The first line may lack the name of the first column, as R writes it.
    """
    words = [line.split() for line in head]
    width = 0 if not words or any("\t" in line for line in head) else len(words[-1])
    if len(words) < 2 or width < _FEWEST_ALIGNED or any(len(row) != width for row in words[1:]):
        return False
    if len(words[0]) != width and not len(words[0]) == width - 1 >= _FEWEST_ALIGNED:
        return False
    return any(all(is_number(cell) for cell in column) for column in zip(*words[1:], strict=True))


def comment_lines(lines: Sequence[str], delimiters: Sequence[str]) -> int:
    """Return how many of the first lines are comments: # and as few cells as no other line has."""
    n = next((place for place, line in enumerate(lines) if not line.lstrip().startswith("#")), len(lines))
    if n in (0, len(lines)):
        return 0
    width = max(lines[n].count(delimiter) for delimiter in delimiters)
    last = max(lines[n - 1].count(delimiter) for delimiter in delimiters)
    return n - 1 if last == width else n  # the last may be the header: #id,label


def title_rows(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows are titles or empty: words in the first cell alone, above a table."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:_LOOKED_AT]]
    n = next((place for place, count in enumerate(filled) if count > 1), 0)
    if not n or max(filled[n:]) > filled[n]:
        return 0
    return n if all(_is_title(row, len(rows[n])) for row in rows[:n]) else 0


def _is_title(row: Sequence[str], width: int) -> bool:
    """Return whether a row is no header: of words in its first cell, or empty; pandas leaves the first one empty."""
    if not any(cell.strip() for cell in row):
        return True
    is_apart = len(row) == 1 < width or len(row) >= _FEWEST_BELOW_TITLE
    return is_apart and bool(row[0].strip()) and " " in row[0].strip()


def is_list(head: Sequence[str]) -> bool:
    """Return whether every line is the path of an image, a blank, and a word; or the other way round.

    Lines may have several words where they differ in how many: then they are labels.
    """
    rows = [split_list_line(line) for line in head]
    counts = {len(row[1].split()) for row in rows if row is not None}
    return bool(head) and None not in rows and (counts == {1} or len(counts) > 1 or _begins_with_label(head))


def split_list_line(line: str) -> list[str] | None:
    """Return [path, label] or [label, path] of a line of a list; a path may hold blanks, a label may not."""
    suffixes = image_suffixes()
    words = line.split()
    if len(words) < 2:
        return None
    if PurePosixPath(words[-1]).suffix.lower() in suffixes:
        return [words[0], line.strip()[len(words[0]) :].strip()]
    n = next((n for n in range(len(words) - 1, 0, -1) if PurePosixPath(words[n - 1]).suffix.lower() in suffixes), None)
    if n is None:
        return None
    path = line.strip().rsplit(None, len(words) - n)[0].strip()
    return [path, " ".join(words[n:])]


def _begins_with_label(head: Sequence[str]) -> bool:
    return all(PurePosixPath(line.split()[-1]).suffix.lower() in image_suffixes() for line in head)


def _cut(text: str, pattern: str) -> tuple[str, str, str]:
    found = re.search(pattern, text)
    return (text, "", "") if found is None else (text[: found.start()], found[0], text[found.end() :])
