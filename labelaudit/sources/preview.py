"""The first samples as they will be read, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelaudit.core.arrays import FloatN
from labelaudit.core.dataset import Dataset, Images, Probabilities, Texts, Vectors
from labelaudit.core.model_facts import ColumnFacts

_SHOWN, _LONGEST = 8, 160  # values of a sample, and characters
_REST = 1e-6  # of a column's size; values are float32


def first_samples(dataset: Dataset, *, n: int = 2) -> list[dict[str, str]]:
    """Return the first samples: id, path, label and what a network would see of each, in a line."""
    return [
        {
            "sample_id": dataset.sample_ids[index],
            "path": dataset.paths[index],
            "label": dataset.classes[int(dataset.given[index])],
            "content": described(dataset, index),
        }
        for index in range(min(n, len(dataset)))
    ]


def described(dataset: Dataset, index: int) -> str:
    """Return what one sample holds, in a line."""
    content = dataset.content
    if isinstance(content, Texts):
        text = " ".join(content.read(index).split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    if isinstance(content, Images):
        try:
            return f"an image of {len(content.read(index)):,} bytes"
        except OSError as error:
            return f"an image that cannot be read: {error}"
    values = content.values[index]
    if isinstance(content, Probabilities):
        most = np.argsort(-values, kind="stable")[:3]
        return ", ".join(f"{dataset.classes[k]} {values[k]:.2f}" for k in most)
    if isinstance(content, Vectors) and content.columns:
        cells = list(_cells(content, index))
        left = f", and {len(cells) - _SHOWN:,} more" if len(cells) > _SHOWN else ""
        return ", ".join(cells[:_SHOWN]) + left
    numbers = ", ".join(f"{value:.3g}" for value in values[:3])
    return f"{len(values):,} numbers: {numbers}{', ...' if len(values) > 3 else ''}"


def _cells(content: Vectors, index: int) -> Iterator[str]:
    """Yield "temp = 12.5", "colour = red" from encoded columns, gaps filled as a network sees them."""
    start = 0
    for fact in content.columns:
        values = content.values[index, start : start + fact.width]
        start += fact.width
        yield f"{fact.name} = {_cell(fact, values.astype(np.float64))}"


def _cell(fact: ColumnFacts, values: FloatN) -> str:
    if fact.is_number:
        found = float(values[0]) * fact.scale + fact.mean
        is_rest = abs(found) < _REST * (abs(fact.mean) + fact.scale)  # what rounding leaves of 0
        return f"{0 if is_rest else found:.4g}"
    place = int(values.argmax()) if values.any() else len(fact.categories)
    return fact.categories[place] if place < len(fact.categories) else "(rare)"
