"""Which column of a table holds the labels: the one that is asked for, called so, or the only one that can."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pyarrow as pa

from labelaudit.core.arrays import FloatN
from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.column_names import columns_named, columns_named_within, looked_at, named_column, plain_name
from labelaudit.sources.labels import is_number
from labelaudit.sources.table_file import Table

# Best first: where a table has several of them, the first is taken and the choice is announced.
LABEL_NAMES = (
    "label",
    "given_label",
    "class_label",
    "label_name",
    "class_name",
    "class",
    "labels",
    "category",
    "target",
    "y",
    "noisy_label",
    "label_id",
    "class_id",
    "fine_label",
    "ground_truth",
    "gt",
    "true_label",
    "gold_label",
    "y_true",
    "target_class",
    "category_name",
    "finding_labels",
    "choice",
    "display_name",
    "displayname",
)
_MAYBE_LABELS = (  # where no other column is called like labels, and this one holds a few values
    *("diagnosis", "dx", "disease", "outcome", "species", "breed", "variety", "sentiment", "polarity", "emotion"),
    *("intent", "topic", "genre", "stars", "verdict", "quality", "survived", "churn", "is_fraud", "is_spam", "klasse"),
    *("kategorie", "clase", "classe", "categoria", "categorie", "etiqueta", "etichetta"),
)
_PEOPLE = frozenset({"label", "annotator", "rater", "answer", "annotation", "coder", "judge", "reader", "expert"})
_NUMBERED = re.compile(r"(\D+?)[ _-]?\d{1,2}")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_MOST_CLASSES = 1_000  # different values of a column that may be the labels
_MOST_NUMBERED = 20  # different whole numbers that may be classes
_FEWEST_BITS, _MOST_SHOWN = 3, 8  # columns of 0 and 1 that may be labels; names in a message
_LOOKED_AT = 500  # cells that may be shares


def find_label_column(
    table: Table, settings: DataSettings, taken: Collection[str | None], *, ids: str | None = None
) -> tuple[str, list[Remark]]:
    """Return the column of labels, and what to say about the choice.

    Args:
        table: all columns.
        settings: may name it.
        taken: columns that have another meaning.
        ids: a column that is taken for ids by its name alone, though the table has others.

    Raises:
        ConfigError: the named column does not exist, or none looks like the labels.
    """
    named = named_column(table, settings.label_column, "--label-column")
    if named:
        return named, []
    left = [name for name, cells in table.columns.items() if name not in taken and not _holds_objects(cells.type)]
    found = [name for name in columns_named(table, LABEL_NAMES) if name in left]
    found = found or [name for name in columns_named_within(table, LABEL_NAMES) if name in left]
    if len(found) > 1:
        others = " and ".join(repr(name) for name in found[1:])
        return found[0], [
            Remark("note", f"Labels are from column {found[0]!r}, not {others}; --label-column changes it.")
        ]
    if len(left) > 1 and "column 1" in table.columns:  # without a header: a count of the rows is no label
        left = [name for name in left if not _counts_rows(table.columns[name])]
    if found or len(left) == 1:
        return (found or left)[0], []
    guess, why = _guessed(table, left, ids)
    if guess is not None:
        return guess, [Remark("warning", f"Labels are from column {guess!r}: {why}; --label-column names another.")]
    header = "" if table.delimiter is None else " Is the first line of the table its header? If not: --no-header"
    raise ConfigError(
        f"{table.source}: no column looks like the labels; columns: {', '.join(table.columns)}.",
        hint=f"Name it with --label-column{_candidates(table, left)}.{_columns_of_bits(table, left)}"
        f"{answers_hint(left)}{_soft_columns(table, left)}{header}",
    )


def is_called_label(name: str) -> bool:
    """Return whether a column, maybe of flattened objects, is called as columns of labels are."""
    plain = plain_name(name.rpartition(".")[2])
    return any(plain_name(usual) in (plain, plain_name(name)) for usual in (*LABEL_NAMES, *_MAYBE_LABELS))


def _guessed(table: Table, left: Sequence[str], ids: str | None) -> tuple[str | None, str]:
    """Return the column that must be the labels if any is, and why; None where several may be."""
    whole = [name for name in left if not any(other.startswith(f"{name}.") for other in left)]  # no object in some rows
    repeated = _repeated(table, whole)
    usual = [name for name in columns_named(table, _MAYBE_LABELS) if name in repeated]
    if len(usual) == 1:
        return usual[0], "it is called as labels often are"
    words = [name for name in repeated if not all(map(is_number, looked_at(table, name)))]
    if len(words) == 1 == len([name for name in repeated if name in words or repeated[name] <= _MOST_NUMBERED]):
        return words[0], "no other has a few words that come again"
    if ids is not None and not repeated and _repeated(table, [ids]):
        return ids, "its cells come again, so that they are no ids"
    return None, ""


def _repeated(table: Table, names: Iterable[str]) -> dict[str, int]:
    """Return how many values the columns have whose few values come again, as labels do; measured numbers do not."""
    found = {}
    for name in names:
        cells = table.columns[name]
        if pa.types.is_nested(cells.type) or name in table.streamed or pa.types.is_floating(cells.type):
            continue
        values = [str(value) for value in cells.unique().to_pylist() if value is not None]
        is_measured = any("." in value for value in values) and all(map(is_number, values))
        if (
            1 < len(values) <= min(_MOST_CLASSES, len(cells) / 2)
            and not is_measured
            and not all(map(_DATE.match, values))
        ):
            found[name] = len(values)
    return found


def _holds_objects(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_nested(kind.value_type))


def _candidates(table: Table, names: Iterable[str]) -> str:
    """Return which columns have a few values that come again: words first, and the fewest."""
    repeated = _repeated(table, names)
    are_numbers = {name: all(map(is_number, looked_at(table, name))) for name in repeated}
    best = sorted(repeated, key=lambda name: (are_numbers[name], repeated[name], name))
    shown = shorten((f"{name!r} ({repeated[name]:,} different)" for name in best), show=3)
    return f", such as {shown}" if best else ""


def answers_hint(names: Iterable[str]) -> str:
    """Return how to read columns of several people: label_1, label_2, label_3."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if (found := _NUMBERED.fullmatch(name)) and plain_name(found[1]) in _PEOPLE:
            groups[plain_name(found[1])].append(name)
    columns = max(groups.values(), key=len, default=[])
    return f" Answers of several people: --annotator-columns {','.join(columns)}." if len(columns) > 1 else ""


def _columns_of_bits(table: Table, names: Sequence[str]) -> str:
    """Return how to read columns of 0 and 1 as labels, where there are several."""
    found = [name for name in names if not pa.types.is_nested(table.columns[name].type) and _is_bits(table, name)]
    if len(found) < _FEWEST_BITS:
        return ""
    shown = ",".join(found if len(found) <= _MOST_SHOWN else [*found[:2], "..."])
    return f" Several labels with a column of 0 and 1 each: --label-column {shown}."


def _soft_columns(table: Table, names: Sequence[str]) -> str:
    """Return what columns that sum to 1 in each row seem to be."""
    plain = [name for name in names if not pa.types.is_nested(table.columns[name].type) and name not in table.streamed]
    shares = {name: found for name in plain if (found := _shares(table.columns[name])) is not None}
    if len(shares) < 2 or not np.allclose(np.sum(list(shares.values()), axis=0), 1.0, atol=0.02):
        return ""
    shown = shorten(map(repr, shares), show=3)
    return f" The columns {shown} sum to 1, as probabilities of classes do: put the likeliest class into a column."


def _shares(cells: pa.ChunkedArray) -> FloatN | None:
    """Return numbers of 0 to 1; None of other cells."""
    try:
        found = np.array([float(cell) for cell in cells.slice(0, _LOOKED_AT).to_pylist()])
    except (TypeError, ValueError):
        return None
    return found if len(found) and found.min() >= 0 and found.max() <= 1 else None


def _is_bits(table: Table, name: str) -> bool:
    if name in table.streamed:
        return False
    values = {str(value).strip().casefold() for value in table.columns[name].unique().to_pylist()}
    return values in ({"0", "1"}, {"0.0", "1.0"}, {"false", "true"})


def _counts_rows(cells: pa.ChunkedArray) -> bool:
    texts = [str(value).strip() for value in cells.to_pylist()]
    return all(map(str.isdecimal, texts)) and len(set(texts)) == len(texts)
