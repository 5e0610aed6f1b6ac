"""Files that name classes: lists, JSON, YAML, CSV and .pbtxt, in the shapes that tools write."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelaudit.core.errors import DataError
from labelaudit.core.files import parse_json, read_regular

_MOST = 2**26  # bytes of such a file

Names = list[str] | dict[str, str]  # in the order of the classes, or from one name of a class to another

# Where a larger file has them, such as a model's config.json; the first that is there.
_KEYS = (
    "id2label",
    "class_names",
    "classes",
    "names",
    "label2id",
    "class_to_idx",
    "idx_to_class",
    "labels",
    "categories",
)
_NUMBERS = ("id", "index", "class_id", "label")
_TEXTS = ("name", "display_name", "label_name", "title")
_ITEM = re.compile(r"item\s*\{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*:\s*(?:\"([^\"]*)\"|'([^']*)'|(-?\d+))")


def read_name_file(path: Path) -> Names:
    """Return the names of classes as a file has them.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        text = read_regular(path, most=_MOST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: class names cannot be read: {error}.") from error
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _of_json(path, text)
    if suffix in (".yaml", ".yml"):
        return _or_refused(path, _of_yaml(text))
    if suffix in (".csv", ".tsv"):
        return _or_refused(path, _of_rows(text, "\t" if suffix == ".tsv" else ","))
    if suffix == ".pbtxt":
        return _or_refused(path, _of_items([dict(_fields(item)) for item in _ITEM.findall(text)]))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _of_json(path: Path, text: str) -> Names:
    try:
        values = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}.") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}.") from error
    return _or_refused(path, _of_value(values))


def _or_refused(path: Path, names: Names | None) -> Names:
    if not names:
        raise DataError(f"{path}: a list of names is needed, or an object from number to name.")
    return names


def _of_value(value: Any) -> Names | None:
    """Return the names in a list or an object, or in a part of it that is called so."""
    if isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            return value
        return _of_items(value) if all(isinstance(item, dict) for item in value) else None
    if not isinstance(value, dict):
        return None
    for key in _KEYS:
        if isinstance(value.get(key), list | dict):
            return _of_value(value[key])
    if all(isinstance(item, str | int) for item in value.values()):
        return {str(key): str(item) for key, item in value.items()}
    if all(isinstance(item, list) and item and isinstance(item[-1], str) for item in value.values()):
        return {str(key): item[-1] for key, item in value.items()}  # of ImageNet: ["n01440764", "tench"]
    if all(isinstance(item, dict) for item in value.values()):
        names = {str(key): _text_of(item) for key, item in value.items()}
        return {key: name for key, name in names.items() if name is not None} if None not in names.values() else None
    return None


def _of_items(items: Sequence[Mapping[str, Any]]) -> Names | None:
    """Return the names of [{"id": 0, "name": "cat"}, ...]; in their order where they have no numbers."""
    names = [_text_of(item) for item in items]
    numbers = [next((str(item[key]) for key in _NUMBERS if key in item), None) for item in items]
    if not items or None in names:
        return None
    if None in numbers:
        return [name for name in names if name is not None]
    return {
        number: name for number, name in zip(numbers, names, strict=True) if number is not None and name is not None
    }


def _text_of(item: Mapping[str, Any]) -> str | None:
    return next((str(item[key]) for key in _TEXTS if isinstance(item.get(key), str)), None)


def _fields(item: str) -> list[tuple[str, str]]:
    return [(name, quoted or single or number) for name, quoted, single, number in _FIELD.findall(item)]


def _of_yaml(text: str) -> Names | None:
    """Return what stands under `names:`, as a list or an object on its line or below it."""
    lines = [line.split(" #")[0].rstrip() for line in text.splitlines()]
    at = next((place for place, line in enumerate(lines) if re.match(r"(names|classes|class_names)\s*:", line)), None)
    if at is None:
        return None
    inline = lines[at].partition(":")[2].strip()
    if not inline:
        below = [line for line in lines[at + 1 :] if line.strip()]
        items = [line.strip() for line in below[: _first_unlike(below)]]
    else:
        whole = inline + "".join(lines[at + 1 :]) if inline[-1] not in "]}" else inline
        items = re.split(r",\s*", whole[1 : max(whole.find("]"), whole.find("}"))])
    if all(item.startswith("- ") for item in items):
        return [_unquoted(item[2:]) for item in items]
    pairs = [item.split(":", 1) for item in items]
    if items and all(len(pair) == 2 for pair in pairs):
        return {_unquoted(key): _unquoted(name) for key, name in pairs}
    return [_unquoted(item) for item in items] if inline else None


def _first_unlike(lines: Sequence[str]) -> int:
    """Return how many lines belong to the block that begins with the first."""
    return next((place for place, line in enumerate(lines) if not line.startswith((" ", "\t", "- "))), len(lines))


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")


def _of_rows(text: str, delimiter: str) -> Names | None:
    """Return the names of rows of two cells, number and name in any order, with or without a header."""
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    if not rows or any(len(row) < 2 for row in rows):
        return [row[0].strip() for row in rows] or None
    numbered = [place for place in (0, 1) if all(row[place].strip().isdecimal() for row in rows[1:])]
    if not numbered:
        return None
    key = numbered[0]
    body = rows if rows[0][key].strip().isdecimal() else rows[1:]
    return {row[key].strip(): row[1 - key].strip() for row in body}
