"""From table cells to inputs: standardised numbers and one-hot categories, by facts that are learnt once.

The same facts encode later rows, so that a stored classifier sees them as it saw its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatND
from labelaudit.core.model_facts import ColumnFacts

_COMMON_SHARE = 100  # a category seen in fewer than one row of this many joins the rare ones: at most 100 inputs


@dataclass(frozen=True, slots=True)
class Column:
    """One column, its cells read."""

    values: NDArray[Any]  # (N,) float64 with NaN where missing, or strings with None where missing
    is_number: bool


def learn_columns(columns: dict[str, Column]) -> tuple[ColumnFacts, ...]:
    """Return how to encode columns: numbers first, then categories, each in the order of the table."""
    ordered = sorted(columns.items(), key=lambda item: not item[1].is_number)
    return tuple(_number(name, c.values) if c.is_number else _categories(name, c.values) for name, c in ordered)


def encode_columns(columns: dict[str, Column], facts: Sequence[ColumnFacts]) -> FloatND:
    """Return (N, D) inputs.

    Args:
        columns: (N,) cells each, by name; there may be more than the facts name.
        facts: of each column that is used.
    """
    return np.concatenate([_encode(columns[fact.name].values, fact) for fact in facts], axis=1, dtype=np.float32)


def _number(name: str, values: NDArray[np.float64]) -> ColumnFacts:
    median = float(np.median(values[~np.isnan(values)]))
    filled = np.where(np.isnan(values), median, values)
    deviation = float(filled.std())
    return ColumnFacts(name, is_number=True, median=median, mean=float(filled.mean()), scale=deviation or 1.0)


def _categories(name: str, values: NDArray[Any]) -> ColumnFacts:
    counts = Counter(text for text in values if text is not None)
    most_frequent = min(counts, key=lambda text: (-counts[text], text))
    counts[most_frequent] += sum(text is None for text in values)
    fewest = max(1, len(values) // _COMMON_SHARE)
    common = tuple(sorted(text for text, n in counts.items() if n >= fewest))
    return ColumnFacts(
        name, is_number=False, categories=common, most_frequent=most_frequent, pools_rare=len(common) < len(counts)
    )


def _encode(values: NDArray[Any], fact: ColumnFacts) -> NDArray[np.float64]:
    if fact.is_number:
        return ((np.where(np.isnan(values), fact.median, values) - fact.mean) / fact.scale)[:, None]
    place = {text: at for at, text in enumerate(fact.categories)}
    rare = len(fact.categories) if fact.pools_rare else -1
    found = [place.get(fact.most_frequent if text is None else text, rare) for text in values]
    positions = np.array(found, dtype=np.int64)
    inputs = np.zeros((len(values), fact.width))
    known = np.flatnonzero(positions >= 0)
    inputs[known, positions[known]] = 1.0
    return inputs
