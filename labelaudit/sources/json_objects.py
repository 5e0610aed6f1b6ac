"""Tables in JSON that are no plain list of rows: columns, rows by id, image to label, tasks of annotation tools."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from labelaudit.core.errors import DataError
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.splits import split_of_words

Rows = list[dict[str, Any]]

ROWS = frozenset({"data", "rows", "items", "records", "samples", "examples", "entries", "results", "tasks", "dataset"})


def object_in(text: str) -> dict[str, Any] | None:
    """Return the one JSON object that a text is; None where it is something else, such as an object a line."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except json.JSONDecodeError:  # several objects, a line each
        return None
    return found if isinstance(found, dict) else None


def rows_of_object(found: dict[str, Any]) -> Rows | None:
    """Return the rows that an object stands for; None where it is a row itself.

    Raises:
        DataError: an image has several labels.
    """
    if isinstance(found.get("classes"), list) and isinstance(found.get("labels"), dict):
        return _of_numbers(found["labels"], found["classes"])
    if all(isinstance(found.get(name), list) for name in ("images", "annotations", "categories")):
        return _of_coco(found)
    if isinstance(found.get("columns"), list) and _are_lists(found.get("data")):
        return rows_of_lists(found["data"], names=found["columns"])
    values = list(found.values())
    if values and all(map(_are_rows, values)) and all(map(split_of_words, found)):
        return [{**row, "split": split} for split, rows in found.items() for row in rows]
    rows = [name for name in found if _are_rows(found[name]) and (len(found) == 1 or name.casefold() in ROWS)]
    if len(rows) == 1:  # beside a schema, a version
        return rows_of_list(found[rows[0]])
    if values and all(isinstance(value, list) for value in values):
        return _of_images_by_label(found) or _of_columns(found)
    if values and all(isinstance(value, dict) for value in values):
        return _of_dicts(found)
    if _maps_images(found):
        return [{"path": name, "label": label} for name, label in found.items()]
    return None


def rows_of_list(items: Sequence[Any]) -> Rows:
    """Return the rows of a list of objects: tasks of Label Studio as their data and their first answer."""
    if items and all(isinstance(item.get("data"), dict) and "annotations" in item for item in items):
        return [{"id": item.get("id"), **item["data"], "label": _first_choice(item)} for item in items]
    return list(items)


def rows_of_lists(items: Sequence[Sequence[Any]], *, names: Sequence[Any] | None = None) -> Rows:
    """Return the rows of a list of lists; columns without a name are counted.

    Raises:
        DataError: the lists differ in length.
    """
    names = [f"column {place + 1}" for place in range(len(items[0]))] if names is None else list(map(str, names))
    wrong = [position for position, row in enumerate(items) if len(row) != len(names)]
    if wrong:
        raise DataError(f"row {wrong[0]} has {len(items[wrong[0]])} values where {len(names)} are expected.")
    return [dict(zip(names, row, strict=True)) for row in items]


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without objects in its cells: {"a": {"b": 1}} is {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": cell for inner, cell in flattened(value).items()}
        else:
            flat[name] = value
    return flat


def _first_choice(task: Mapping[str, Any]) -> Any:
    """Return the choices of the first annotation of a task that stands; None where there is none."""
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result", ()):
            choices = result.get("value", {}).get("choices")
            if choices:
                return choices
    return None


def _of_numbers(labels: dict[str, Any], classes: list[Any]) -> Rows:
    """Return the rows of FiftyOne's {"classes": [...], "labels": {"image": number}}."""
    rows: Rows = []
    for name, label in labels.items():
        is_place = isinstance(label, int) and 0 <= label < len(classes)
        rows.append({"image": name, "label": str(classes[label]) if is_place else label})
    return rows


def _of_coco(found: dict[str, Any]) -> Rows:
    names = {category["id"]: category.get("name", category["id"]) for category in found["categories"]}
    labels: dict[Any, set[str]] = defaultdict(set)
    for annotation in found["annotations"]:
        labels[annotation["image_id"]].add(str(names.get(annotation["category_id"])))
    several = [image.get("file_name") for image in found["images"] if len(labels[image["id"]]) > 1]
    if several:
        raise DataError(
            f"{len(several):,} images have annotations of several categories, such as {several[0]!r}: these are objects"
            " in images, not labels of images.",
            hint="Cut the objects out, an image each, or give a table of paths and labels.",
        )
    return [
        {"file_name": image["file_name"], "label": next(iter(labels[image["id"]]), None)} for image in found["images"]
    ]


def _of_images_by_label(found: dict[str, list[Any]]) -> Rows | None:
    """Return the rows of {"cat": ["1.jpg", "2.jpg"], "dog": [...]}; None where these are no names of images."""
    items = [item for values in found.values() for item in values]
    if not items or not all(isinstance(item, str) for item in items) or not _names_images(items):
        return None
    is_table = any(not _names_images(values) for values in found.values())  # a column of labels beside one of paths
    return None if is_table else [{"path": name, "label": label} for label, names in found.items() for name in names]


def _of_columns(found: dict[str, list[Any]]) -> Rows | None:
    if len({len(values) for values in found.values()}) != 1:
        return None
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _of_dicts(found: dict[str, dict[str, Any]]) -> Rows | None:
    """Return the rows of pandas' {"column": {"row": value}} or {"row": {"column": value}}."""
    keys = [tuple(value) for value in found.values()]
    inner = keys[0]
    if len(set(keys)) == 1 and all(key.isdecimal() for key in inner):
        return [{name: values[key] for name, values in found.items()} for key in inner]
    if any(isinstance(cell, dict) for row in found.values() for cell in row.values()):
        return None
    return [{"id": key, **row} for key, row in found.items()]


def _maps_images(found: dict[str, Any]) -> bool:
    return _names_images(found) and all(isinstance(value, str | int) for value in found.values())


def _names_images(names: Sequence[str] | Mapping[str, Any]) -> bool:
    suffixes = image_suffixes()
    return sum(PurePosixPath(name).suffix.lower() in suffixes for name in names) > len(names) / 2


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _are_lists(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, list) for item in value)
