"""How the data itself writes each class: a number, a name, a list of one, quoted or not."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

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


def items_in(text: str) -> list[Any]:
    """Return the items of a list as JSON or Python writes it; none of an empty text."""
    if not text.strip():
        return []
    found = json.loads(text if _is_json(text) else text.replace("'", '"'))
    return list(found) if isinstance(found, list) else [found]


def text_of(items: Sequence[Any], like: str) -> str:
    """Return a list as JSON or Python writes it, as another list is written."""
    if not _is_json(like):
        return str(list(items))
    comma = "," if "," in like and ", " not in like else ", "
    return json.dumps(list(items), ensure_ascii=False, separators=(comma, ": "))


def _is_json(text: str) -> bool:
    return '"' in text or "'" not in text


def unknown_word(label: str, known: Mapping[str, object], source: object) -> ConfigError:
    """Return the error for a class of which nothing tells how the data would write it."""
    example = next(iter(known.items()), None)
    how = f", as {example[0]!r} is {example[1]!r}" if example else ""
    return ConfigError(
        f"{source}: no sample is of class {label!r}, so nothing tells how it is written there{how}.",
        hint="labelaudit export --relabelled.csv writes the names of all labels as a new table.",
    )
