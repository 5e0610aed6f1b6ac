"""How the data itself writes each class: a number, a name, a list of one, quoted or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from labelaudit.core.errors import ConfigError

T = TypeVar("T", bound=Hashable)

_LOOKED_AT = 1_000  # samples of a class that tell how it is written


def spellings(written: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Return how each class is written: as most of its samples have it, of equals the first.

    Args:
        written: (class, what the cell of one of its samples holds).
    """
    seen: dict[str, Counter[T]] = defaultdict(Counter)
    for label, cell in written:
        if seen[label].total() < _LOOKED_AT:
            seen[label][cell] += 1
    return {label: counts.most_common(1)[0][0] for label, counts in seen.items()}


def unknown_word(label: str, known: Mapping[str, object], source: object) -> ConfigError:
    """Return the error for a class of which nothing tells how the data would write it."""
    example = next(iter(known.items()), None)
    how = f", as {example[0]!r} is {example[1]!r}" if example else ""
    return ConfigError(
        f"{source}: no sample is of class {label!r}, so nothing tells how it is written there{how}.",
        hint="labelaudit export --relabelled.csv writes the names of all labels as a new table.",
    )
