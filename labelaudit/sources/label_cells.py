"""What the cells of a label column mean: one class each, none, or several in one cell."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, shorten
from labelaudit.sources.cells import label_texts
from labelaudit.sources.labels import is_number
from labelaudit.sources.table_file import Table

# Not "none", "null" or "NA": those are names of classes, too (nothing there; sodium).
_MISSING = frozenset({"nan", "n/a", "#n/a", "#na", "<na>", "nat"})
_FEWEST_NUMBERS = 3  # classes 0, 1, 2, ... beside which -1 means none; of -1, 0 and 1 it is one
_SEPARATORS = {"|": "bars", ";": "semicolons", ",": "commas", " ": "blanks"}
_CLEAR = frozenset("|;")  # that names of classes hardly hold
_MOST_DISTINCT = 20_000  # labels that are looked into


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of the rows of a table."""

    texts: list[str | None]  # (rows,) None where it is missing
    remarks: tuple[Remark, ...] = ()


def read_labels(table: Table, column: str, *, as_written: bool) -> Labels:
    """Return the label of each row.

    Args:
        table: all rows.
        column: of the labels.
        as_written: take each cell for a class, whatever it says.

    Raises:
        DataError: cells hold several labels.
    """
    texts = label_texts(table, column)
    if as_written:
        return Labels(texts)
    texts = _unwrapped(table, column, texts)
    counts = Counter(text for text in texts if text is not None)
    _require_one_label(table, column, counts)
    missing = {text: n for text, n in counts.items() if _is_missing(text, counts)}
    if not missing:
        return Labels(texts)
    names = ", ".join(f"{text!r} ({n:,})" for text, n in missing.items())
    said = f"Labels in column {column!r} that are taken for missing: {names}; --labels-as-written keeps them."
    return Labels([None if text in missing else text for text in texts], (Remark("warning", said),))


def _is_missing(text: str, counts: Counter[str]) -> bool:
    if text.strip().casefold() in _MISSING:
        return True
    if text != "-1":
        return False
    others = [other for other in counts if other != text and other.strip().casefold() not in _MISSING]
    return len(others) >= _FEWEST_NUMBERS and all(map(str.isdecimal, others))


def _unwrapped(table: Table, column: str, texts: list[str | None]) -> list[str | None]:
    """Return the labels out of lists of one: '["cat"]' is cat."""
    distinct = {text for text in texts if text is not None}
    lists = {text: _list_items(text) for text in distinct} if all(t.strip().startswith("[") for t in distinct) else {}
    if not lists or None in lists.values():
        return texts
    several = [text for text, items in lists.items() if items is not None and len(items) > 1]
    if several:
        raise _several_labels(table, column, several, "lists")
    first = {text: items[0] if items else None for text, items in lists.items()}
    return [None if text is None else first[text] for text in texts]


def _list_items(text: str) -> list[str] | None:
    """Return the items of a list as JSON or Python writes it; None for anything else."""
    for written in (text, text.replace("'", '"')):
        try:
            items = json.loads(written)
        except json.JSONDecodeError:
            continue
        return [str(item) for item in items] if isinstance(items, list) else None
    return None


def _require_one_label(table: Table, column: str, counts: Counter[str]) -> None:
    """Raise DataError where cells seem to hold several labels."""
    if len(counts) > _MOST_DISTINCT or all(map(is_number, counts)):
        return
    for separator, name in _SEPARATORS.items():
        several = _several(counts, separator)
        if several:
            raise _several_labels(table, column, several, name)


def _several(labels: Iterable[str], separator: str) -> list[str]:
    """Return the labels that are made of other labels; none unless two or more are.

    The same parts in another order give it away, or parts that are labels by themselves as well; between bars and
    semicolons, parts that are fewer than the labels they make up.
    """
    known = {label.strip() for label in labels}
    parts = {label: _parts(label, separator) for label in sorted(known)}
    made = [label for label, items in parts.items() if len(items) > 1]
    if len(made) < 2:
        return []
    sets = Counter(frozenset(parts[label]) for label in made)
    twins = [label for label in made if sets[frozenset(parts[label])] > 1]
    if twins:
        return sorted(twins, key=lambda label: (sorted(parts[label]), label))
    single = {items[0] for items in parts.values() if len(items) == 1}
    atoms = {item for label in made for item in parts[label]}
    if atoms <= single:
        return made
    slots = sum(len(parts[label]) for label in made)
    return made if separator in _CLEAR and len(atoms) < len(known) and slots >= 2 * len(atoms) else []


def _parts(label: str, separator: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in re.split(re.escape(separator), label)) if part)


def _several_labels(table: Table, column: str, several: Sequence[str], between: str) -> DataError:
    separated = "as lists" if between == "lists" else f"separated by {between}"
    return DataError(
        f"{table.source}: the cells of label column {column!r} seem to hold several labels, {separated}: "
        f"{shorten(map(repr, several), show=3)}.",
        hint="Give each label a column of 0 and 1, and audit one against the rest: --label-column NAME. If each "
        "combination is a class of its own: --labels-as-written",
    )
