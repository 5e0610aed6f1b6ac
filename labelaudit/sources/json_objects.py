"""Tables that are one JSON object: columns, rows by id, a map from image to label, FiftyOne and COCO labels."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

from labelaudit.core.errors import DataError
from labelaudit.functional.images import image_suffixes

Rows = list[dict[str, Any]]


def rows_of_object(found: dict[str, Any]) -> Rows | None:
    """Return the rows that an object stands for; None where it is a row itself.

    Raises:
        DataError: an image has several labels.
    """
    if isinstance(found.get("classes"), list) and isinstance(found.get("labels"), dict):
        return _of_numbers(found["labels"], found["classes"])
    if all(isinstance(found.get(name), list) for name in ("images", "annotations", "categories")):
        return _of_coco(found)
    values = list(found.values())
    if values and all(isinstance(value, list) for value in values):
        return _of_columns(found)
    if values and all(isinstance(value, dict) for value in values):
        return _of_dicts(found)
    if _maps_images(found):
        return [{"path": name, "label": label} for name, label in found.items()]
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
    suffixes = image_suffixes()
    named = sum(PurePosixPath(key).suffix.lower() in suffixes for key in found)
    return named > len(found) / 2 and all(isinstance(value, str | int) for value in found.values())
