"""JSON lines, arrays of rows, and the objects that hold a table: one value is changed, all else stays byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.mending.cells import CellEdits
from labelaudit.mending.delimited import Encoded, decoded
from labelaudit.mending.json_spans import Key, Node, node_of, removals
from labelaudit.mending.spans import Edit, edited
from labelaudit.sources.json_objects import ROWS, object_in
from labelaudit.sources.list_cells import items_of, list_text


class JsonRows:
    """Rows that are objects of their own: a line each, or the items of one array."""

    def __init__(self, path: Path, encoded: Encoded) -> None:
        self._path, self._encoded, self._text = path, encoded, encoded.text
        self._array = node_of(self._text, depth=1) if self._text.lstrip().startswith("[") else None
        self._starts = self._line_starts() if self._array is None else [begin for begin, _ in self._array.members]

    def cell(self, row: int, column: str) -> Hashable:
        """Return a value as it is written."""
        return _written_text(self._text, self._place(row, column))

    def said(self, cell: str) -> str:
        """Return a value as text."""
        return said_in_json(cell)

    def written(self, word: str, like: str) -> Hashable:
        """Return a word as a value."""
        return written_in_json(word, like)

    def items(self, cell: str) -> list[Any]:
        """Return the items of a list, or of one that is written as text."""
        return items_in_json(cell)

    def listed(self, items: Sequence[Any], like: str) -> str:
        """Return a list as it would be written."""
        return listed_in_json(items, like)

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the rows with other values."""
        found = []
        for (row, column), value in edits.cells.items():
            place = self._place(row, column)
            found.append(Edit(place.start, place.end, value))
        for name, texts in edits.added.items():
            found += [self._member(row, name, text) for row, text in texts.items()]
        if self._array is not None:
            found += removals(self._array, edits.left_out)
        else:
            found += [Edit(self._starts[row], self._line_end(self._starts[row])) for row in edits.left_out]
        path.write_bytes(self._encoded.bytes_of(edited(self._text, found)))

    def _object(self, row: int) -> Node:
        return node_of(self._text, self._starts[row], depth=1)

    def _place(self, row: int, column: str) -> Node:
        """Return where a value is: of the column, of "a.b" in objects, or the choice of a task of Label Studio."""
        node = node_of(self._text, self._starts[row], depth=8)
        if "annotations" in node.below and "data" in node.below and column not in node.below:
            return _choice(node, self._text)
        return node.at(_path_to(node, column))

    def _member(self, row: int, name: str, text: str) -> Edit:
        node = self._object(row)
        end = node.members[-1][1] if node.members else node.start + 1
        comma = ", " if node.members else ""
        return Edit(end, end, f"{comma}{json.dumps(name)}: {json.dumps(text, ensure_ascii=False)}")

    def _line_starts(self) -> list[int]:
        starts, at = [], 0
        for line in self._text.split("\n"):
            if line.strip():
                starts.append(at)
            at += len(line) + 1
        return starts

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end + 1


@dataclass(frozen=True, slots=True)
class Way:
    """Where the rows of an object are, in one of the forms that are read."""

    label: Callable[[int, str], Sequence[Sequence[Key]]]  # row, column -> paths of its value, all alike
    row: Callable[[int], Iterable[Sequence[Key]]]  # all that makes up a row
    words: Mapping[str, str] | None = None  # as written -> name, where the file has the names of its classes


class JsonObject:
    """One object that holds a table: columns, rows by id, a map from image to label, FiftyOne and COCO labels."""

    def __init__(self, path: Path, encoded: Encoded, found: Mapping[str, Any], way: Way) -> None:
        self._path, self._encoded, self._found, self._way = path, encoded, found, way

    @cached_property
    def _root(self) -> Node:
        return node_of(self._encoded.text, depth=4)

    def cell(self, row: int, column: str) -> Hashable:
        """Return a value as it is written."""
        return _written_text(self._encoded.text, self._root.at(self._way.label(row, column)[0]))

    def said(self, cell: str) -> str:
        """Return a value as text; the name of a number where the file has the names."""
        return (self._way.words or {}).get(cell) or said_in_json(cell)

    def written(self, word: str, like: str) -> Hashable:
        """Return a word as a value, or its number where the file has the names."""
        if self._way.words is None:
            return written_in_json(word, like)
        found = next((cell for cell, name in self._way.words.items() if name == word), None)
        if found is None:
            raise ConfigError(f"{self._path}: its list of classes has no {word!r}.", hint="Add it to the list first.")
        return found

    def items(self, cell: str) -> list[Any]:
        """Return the items of a list, or of one that is written as text."""
        return items_in_json(cell)

    def listed(self, items: Sequence[Any], like: str) -> str:
        """Return a list as it would be written."""
        return listed_in_json(items, like)

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the object with other values."""
        if edits.added:
            raise ConfigError(f"{self._path}: rows of this form get no columns.", hint="The record has what changed.")
        found = []
        for (row, column), value in edits.cells.items():
            places = [self._root.at(path) for path in self._way.label(row, column)]
            found += [Edit(place.start, place.end, value) for place in places]
        gone: dict[tuple[Key, ...], list[int]] = {}
        for row in edits.left_out:
            for *above, last in self._way.row(row):
                keys = list(self._root.at(above).below)
                gone.setdefault(tuple(above), []).append(keys.index(last))
        for holder, members in gone.items():
            found += removals(self._root.at(holder), members)
        path.write_bytes(self._encoded.bytes_of(edited(self._encoded.text, found)))


def open_json(path: Path, data: bytes, pack: Callable[[bytes], bytes]) -> JsonRows | JsonObject:
    """Return the rows of a JSON file.

    Args:
        path: of the file.
        data: its content, unpacked.
        pack: compresses it again.
    """
    encoded = decoded(data, None, pack=pack)
    whole = object_in(encoded.text)
    if whole is None:
        return JsonRows(path, encoded)
    way = _way_of(whole)
    if way is None:
        return JsonRows(path, encoded)  # a single row
    return JsonObject(path, encoded, whole, way)


def _way_of(found: Mapping[str, Any]) -> Way | None:
    """Return where the rows are; the forms and their order are those of `sources/json_objects.py`."""
    if isinstance(found.get("classes"), list) and isinstance(found.get("labels"), dict):
        names = list(found["labels"])
        words = {str(number): str(name) for number, name in enumerate(found["classes"])}
        return Way(lambda row, _: [("labels", names[row])], lambda row: [("labels", names[row])], words)
    if all(isinstance(found.get(name), list) for name in ("images", "annotations", "categories")):
        return _way_of_coco(found)
    values = list(found.values())
    if isinstance(found.get("columns"), list) and isinstance(found.get("data"), list):
        return _way_of_rows(found)
    if sum(_are_rows(found[name]) and (len(found) == 1 or name.casefold() in ROWS) for name in found) == 1:
        return _way_of_rows(found)
    if values and all(isinstance(value, list) for value in values):
        return Way(lambda row, name: [(name, row)], lambda row: [(name, row) for name in found])
    if values and all(isinstance(value, dict) for value in values):
        return _way_of_dicts(found)
    keys = list(found)
    if any(isinstance(value, list | dict) for value in values):
        return None
    return Way(lambda row, _: [(keys[row],)], lambda row: [(keys[row],)]) if len(keys) > 1 and _maps(found) else None


def _maps(found: Mapping[str, Any]) -> bool:
    from labelaudit.sources.json_objects import rows_of_object

    return rows_of_object(dict(found)) is not None


def _path_to(node: Node, column: str) -> Sequence[Key]:
    """Return the path to a column: its name, or names of objects within each other with dots between them."""
    if column in node.below:
        return [column]
    for name, below in node.below.items():
        if isinstance(name, str) and column.startswith(f"{name}."):
            return [name, *_path_to(below, column.removeprefix(f"{name}."))]
    raise KeyError(column)


def _choice(task: Node, text: str) -> Node:
    """Return the choices of the first annotation of a task that stands."""
    for annotation in task.at(["annotations"]).below.values():
        cancelled = annotation.below.get("was_cancelled")
        if cancelled is not None and _written_text(text, cancelled) == "true":
            continue
        for result in annotation.at(["result"]).below.values():
            value = result.below.get("value")
            if value is not None and "choices" in value.below:
                return value.below["choices"]
    raise KeyError("choices")


def _way_of_coco(found: Mapping[str, Any]) -> Way:
    images = found["images"]
    of_image: dict[Any, list[int]] = {}
    for place, annotation in enumerate(found["annotations"]):
        of_image.setdefault(annotation["image_id"], []).append(place)

    def label(row: int, column: str) -> list[Sequence[Key]]:
        del column
        places = of_image.get(images[row]["id"])
        if not places:
            raise DataError(f"image {images[row].get('file_name')!r} has no annotation to change.")
        return [("annotations", place, "category_id") for place in places]

    def whole(row: int) -> list[Sequence[Key]]:
        notes: list[Sequence[Key]] = [("annotations", place) for place in of_image.get(images[row]["id"], [])]
        return [("images", row), *notes]

    words = {json.dumps(each["id"]): str(each.get("name", each["id"])) for each in found["categories"]}
    return Way(label, whole, words)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _way_of_rows(found: Mapping[str, Any]) -> Way:
    """Return where rows are that stand under a name: beside a schema, or as lists under the names of columns."""
    if isinstance(found.get("columns"), list):
        names = list(map(str, found["columns"]))
        return Way(lambda row, name: [("data", row, names.index(name))], lambda row: [("data", row)])
    key = next(n for n, value in found.items() if _are_rows(value) and (len(found) == 1 or n.casefold() in ROWS))
    return Way(lambda row, name: [(key, row, name)], lambda row: [(key, row)])


def _way_of_dicts(found: Mapping[str, Mapping[str, Any]]) -> Way:
    keys = [tuple(value) for value in found.values()]
    inner = keys[0]
    if len(set(keys)) == 1 and all(key.isdecimal() for key in inner):
        return Way(lambda row, name: [(name, inner[row])], lambda row: [(name, inner[row]) for name in found])
    outer = list(found)
    return Way(lambda row, name: [(outer[row], name)], lambda row: [(outer[row],)])


def _written_text(text: str, node: Node) -> str:
    return text[node.start : node.end]


def said_in_json(cell: str) -> str:
    """Return a JSON value as text; the item of a list of one."""
    value = json.loads(cell)
    return str(value[0]) if isinstance(value, list) and len(value) == 1 else str(value)


def items_in_json(cell: str) -> list[Any]:
    """Return the items of a list, or of one that is written as text."""
    value = json.loads(cell)
    return (items_of(value) or []) if isinstance(value, str) else list(value or ())


def listed_in_json(items: Sequence[Any], like: str) -> str:
    """Return a list as a JSON value of the kind of another."""
    value = json.loads(like)
    text = list_text(items, value if isinstance(value, str) else like)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text


def written_in_json(word: str, like: str) -> str:
    """Return a word as a JSON value of the kind of another; raises ConfigError where it is no number, as that is."""
    value = json.loads(like)
    if isinstance(value, list):
        return json.dumps([word], ensure_ascii=False)
    if isinstance(value, str):
        return json.dumps(word, ensure_ascii=False)
    try:
        json.loads(word)
    except ValueError as error:
        raise ConfigError(f"{word!r} is no number, as the labels are.") from error
    return word
