"""What the cells of a label column mean: one class each, none, or several in one cell."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, shorten
from labelaudit.sources.cells import is_list, label_texts
from labelaudit.sources.label_sets import LabelSets, set_text
from labelaudit.sources.labels import is_number
from labelaudit.sources.list_cells import items_of
from labelaudit.sources.table_file import Table

# Not "none", "null" or "NA": those are names of classes, too (nothing there; sodium).
_MISSING = frozenset({"nan", "n/a", "#n/a", "#na", "<na>", "nat"})
_DOUBTFUL = frozenset(
    {"?", "-", "--", "none", "null", "na", "unknown", "unlabeled", "unlabelled", "todo", "tbd", "missing", "undefined"}
)
_FEWEST_NUMBERS = 3  # classes 0, 1, 2, ... beside which -1 means none; of -1, 0 and 1 it is one
_SEPARATORS = ("|", ";", ",", "/", "+", "&", " ")
_CLEAR = frozenset("|;")  # that names of classes hardly hold
_WORDS = (" and ", "_", "-")  # that names of classes often hold: they are asked about, never taken for separators
_MOST_DISTINCT = 20_000  # labels that are looked into


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of the rows of a table."""

    texts: list[str | None]  # (rows,) None where it is missing
    remarks: tuple[Remark, ...] = ()
    sets: LabelSets | None = None  # what the texts stand for, where cells hold several labels


def read_labels(table: Table, column: str, *, as_written: bool, separator: str | None = None) -> Labels:
    """Return the label of each row, or the set of its labels.

    Args:
        table: all rows.
        column: of the labels.
        as_written: take each cell for a class, whatever it says.
        separator: between several labels in a cell; None = the one that the labels tell.

    Raises:
        ConfigError: no label holds the separator.
    """
    if not as_written and is_list(table.columns[column].type):
        lists = _sets_of_lists(table, column)
        if lists is not None:
            return lists
    texts = label_texts(table, column)
    if as_written:
        return Labels(texts)
    items = _items(texts)
    if items is not None and any(len(each) > 1 for each in items.values()):
        return _as_sets(texts, LabelSets("lists", items, column, examples=_with_several(items)))
    if items is not None:
        texts = [None if text is None or not items[text] else items[text][0] for text in texts]
    counts = Counter(text for text in texts if text is not None)
    missing = {text: n for text, n in counts.items() if _is_missing(text, counts)}
    remarks = (*_missing_remark(column, missing), *_doubtful_remark(column, counts))
    texts = [None if text in missing else text for text in texts] if missing else texts
    labels = [text for text in counts if text not in missing]
    sets = _sets_in_cells(column, labels) if separator is None else _sets_by(column, labels, separator)
    if sets is None:
        return Labels(texts, (*remarks, *_joined_remark(column, counts)))
    return _as_sets(texts, sets, remarks)


def _as_sets(texts: Sequence[str | None], sets: LabelSets, remarks: tuple[Remark, ...] = ()) -> Labels:
    """Return sets of labels under the same text for the same set."""
    plain = {text: set_text(names) for text, names in sets.sets.items()}
    named = {plain[text]: names for text, names in sets.sets.items()}
    found = [None if text is None else plain[text] for text in texts]
    return Labels(found, remarks, dataclasses.replace(sets, sets=named))


def _sets_of_lists(table: Table, column: str) -> Labels | None:
    """Return the sets of a column of lists, None where none has two labels."""
    cells = table.columns[column].to_pylist()
    names = table.class_names.get(column)
    rows = [
        None if cell is None else tuple(item_text(item, names) for item in cell if item is not None) for cell in cells
    ]
    if not table.hot and not any(row is not None and len(row) > 1 for row in rows):
        return None
    texts = [None if row is None else set_text(row) for row in rows]
    sets = {text: row for text, row in zip(texts, rows, strict=True) if text is not None and row is not None}
    kind: Literal["columns", "lists"] = "columns" if table.hot else "lists"
    return Labels(texts, (), LabelSets(kind, sets, None if table.hot else column, examples=_with_several(sets)))


def item_text(item: object, names: Sequence[str] | None) -> str:
    """Return the label that an item of a list is: itself, or the name of its number."""
    return names[item] if names and isinstance(item, int) and 0 <= item < len(names) else str(item)


def _with_several(sets: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(text for text, names in sets.items() if len(names) > 1)


def _missing_remark(column: str, missing: Mapping[str, int]) -> tuple[Remark, ...]:
    if not missing:
        return ()
    names = ", ".join(f"{text!r} ({n:,})" for text, n in missing.items())
    said = f"Labels in column {column!r} that are taken for missing: {names}; --labels-as-written keeps them."
    return (Remark("warning", said),)


def _doubtful_remark(column: str, counts: Mapping[str, int]) -> tuple[Remark, ...]:
    doubtful = {text: n for text, n in counts.items() if text.strip().casefold() in _DOUBTFUL}
    if not doubtful or len(counts) - len(doubtful) < 2:
        return ()
    names = ", ".join(f"{text!r} ({n:,})" for text, n in doubtful.items())
    said = f"Labels in column {column!r} that may mean that there is none, read as classes: {names}"
    return (Remark("warning", f"{said}; if so, leave these cells empty."),)


def _is_missing(text: str, counts: Counter[str]) -> bool:
    if text.strip().casefold() in _MISSING:
        return True
    if text != "-1":
        return False
    others = [other for other in counts if other != text and other.strip().casefold() not in _MISSING]
    return len(others) >= _FEWEST_NUMBERS and all(map(str.isdecimal, others))


def _items(texts: Sequence[str | None]) -> dict[str, tuple[str, ...]] | None:
    """Return the items of cells that are all lists; None where one is not."""
    distinct = {text for text in texts if text is not None}
    if not distinct or not all(text.strip().startswith(("[", "(", "{")) for text in distinct):
        return None
    found = {text: _list_items(text) for text in distinct}
    items = {text: tuple(names) for text, names in found.items() if names is not None}
    return items if len(items) == len(found) else None


def _list_items(text: str) -> list[str] | None:
    """Return the items of a list as JSON, Python, numpy or PostgreSQL writes it; None for anything else."""
    items = items_of(text)
    return None if items is None else [str(item) for item in items]


def _sets_in_cells(column: str, labels: Sequence[str]) -> LabelSets | None:
    """Return what cells that seem to hold several labels stand for; None where they do not."""
    if len(labels) > _MOST_DISTINCT or all(map(is_number, labels)):
        return None
    for separator in _SEPARATORS:
        several = _several(labels, separator)
        if several:
            sets = {text: _parts(text, separator) for text in labels}
            return LabelSets("cells", sets, column, separator, tuple(several))
    return None


def _sets_by(column: str, labels: Sequence[str], separator: str) -> LabelSets:
    """Return what cells stand for whose labels are separated as the user says."""
    sets = {text: _parts(text, separator) for text in labels}
    several = tuple(text for text, parts in sets.items() if len(parts) > 1)
    if not several:
        raise ConfigError(f"--label-separator {separator!r}: it stands in no label of column {column!r}.")
    return LabelSets("cells", sets, column, separator, several)


def _joined_remark(column: str, counts: Counter[str]) -> tuple[Remark, ...]:
    """Return a warning where a class is called like others in a row: "rust and scab"."""
    if len(counts) > _MOST_DISTINCT or all(map(is_number, counts)):
        return ()
    for separator in (*_SEPARATORS[:-1], *_WORDS, " "):
        joined = {text: n for text, n in counts.items() if _is_joined(text, separator, counts)}
        if joined:
            names = shorten((f"{text!r} ({n:,})" for text, n in joined.items()), show=3)
            said = f"Labels in column {column!r} that seem to be several, read as classes: {names}"
            how = f"--label-separator {shlex.quote(separator)} reads them as several"
            return (Remark("warning", f"{said}; {how}, --labels-as-written keeps them."),)
    return ()


def _is_joined(text: str, separator: str, known: Collection[str]) -> bool:
    """Return whether the parts of a label are labels by themselves; one is enough where a name hardly holds such."""
    parts = _parts(text, separator)
    if len(parts) < 2:
        return False
    found = [part in known for part in parts]
    return all(found) or (any(found) and separator in (*_SEPARATORS[:-1], " and "))


def _several(labels: Iterable[str], separator: str) -> list[str]:
    """Return the labels that are made of other labels; none unless two or more are.

    The same parts in another order give it away, or parts that are labels by themselves as well; between bars and
    semicolons, one such part each, or parts that are fewer than the labels they make up.
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
    if separator in _CLEAR and all(single & set(parts[label]) for label in made):
        return made
    slots = sum(len(parts[label]) for label in made)
    return made if separator in _CLEAR and len(atoms) < len(known) and slots >= 2 * len(atoms) else []


def _parts(label: str, separator: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in re.split(re.escape(separator), label)) if part)
