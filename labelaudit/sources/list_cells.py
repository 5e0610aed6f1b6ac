"""Lists in cells of text, as JSON, Python, numpy and PostgreSQL write them: read, and written in the same way."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Sequence
from typing import Any

_ENDS = {"[": "]", "(": ")", "{": "}"}
_LONGEST = 10_000  # characters of a cell that is looked into
_BY_BLANKS = re.compile(r"""\[\s*(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))*\s*\]""")  # numpy: ['a' 'b']
_NUMBERS_BY_BLANKS = re.compile(r"\[\s*\d+(?:\s+\d+)*\s*\]")
_PLAIN_SET = re.compile(r"\{[^:']*\}")  # PostgreSQL: {a,"b c"}


def items_of(text: str) -> list[Any] | None:
    """Return the items of a list; None of any other text."""
    text = text.strip()
    if not 2 <= len(text) <= _LONGEST or _ENDS.get(text[0]) != text[-1]:
        return None
    try:
        return _items_of(text)
    except (ValueError, csv.Error):  # a number of thousands of digits, a line end in the middle of a word
        return None


def _items_of(text: str) -> list[Any] | None:
    if _is_by_blanks(text):
        return _words(text)
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return list(found) if isinstance(found, list | tuple | set) else _of_plain_set(text)
    return _of_plain_set(text)


def list_text(items: Sequence[Any], like: str) -> str:
    """Return a list as text, as another one is written."""
    like = like.strip()
    comma = "," if "," in like and ", " not in like else ", "
    if _is_by_blanks(like) and len(_words(like)) > 1:  # one item looks the same as Python's
        return f"[{' '.join(repr(item) if isinstance(item, str) else str(item) for item in items)}]"
    if like.startswith("{") and "'" not in like:
        return f"{{{comma.strip().join(map(_in_plain_set, items))}}}"
    if like.startswith("["):
        return str(list(items)) if "'" in like else json.dumps(list(items), ensure_ascii=False, separators=(comma, ":"))
    inner = comma.join(map(repr, items))
    if like.startswith("("):
        return f"({inner}{',' if len(items) == 1 else ''})"
    return f"{{{inner}}}"


def _is_by_blanks(text: str) -> bool:
    return bool(_BY_BLANKS.fullmatch(text) or _NUMBERS_BY_BLANKS.fullmatch(text)) and not text.startswith('["')


def _words(text: str) -> list[Any]:
    if "'" not in text and '"' not in text:
        return [int(word) for word in text[1:-1].split()]
    return [one or two for one, two in re.findall(r"""'([^']*)'|"([^"]*)\"""", text)]


def _of_plain_set(text: str) -> list[Any] | None:
    if not _PLAIN_SET.fullmatch(text):
        return None
    inner = text[1:-1].strip()
    return [item.strip() for item in next(csv.reader([inner], skipinitialspace=True))] if inner else []


def _in_plain_set(item: Any) -> str:
    text = str(item)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,\s"{}]', text) else text
