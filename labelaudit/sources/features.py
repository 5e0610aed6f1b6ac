"""Table columns of numbers and categories as one vector per sample."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelaudit.core.arrays import IntN
from labelaudit.core.dataset import Remark, Vectors
from labelaudit.core.errors import ConfigError, DataError, did_you_mean, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.encoding import Column, encode_columns, learn_columns
from labelaudit.sources.labels import is_number
from labelaudit.sources.table_file import Table

_ROW_NUMBER_NAMES = frozenset(
    {"id", "index", "unnamed: 0", "unnamed: 0.1", "row", "row_id", "uid", "uuid", "sample_id"}
)
_FOLD_NAMES = frozenset({"fold", "folds", "kfold", "k_fold", "fold_id", "cv_fold", "fold_number"})
_MOST_FOLDS = 20
_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nat", "?", "-"}
)  # beside numbers; among words they are words
_WORD_SHARE = 0.1  # of the cells of a column of numbers may be words, such as "missing"
_BOUND = re.compile(r"[<>≤≥~]")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
# Units behind numbers, currencies before them; letters before them are codes, such as A12.
_UNIT = re.compile(r"([$€£¥₹]?)\s*([+-]?[\d.,]*\d(?:[eE][+-]?\d+)?)\s*([%‰°$€£¥₹]?[A-Za-zµμ²³/]{0,6})")
_GROUPS = re.compile(r"(?<=\d)['’\u00a0\u202f ](?=\d{3}(?!\d))")  # between thousands
_LOOKED_AT = 50  # first cells
_FEWEST_WITH_UNIT = 3  # different numbers
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?")
_FREE_TEXT_VALUES = 20  # distinct texts from which a column that hardly repeats any is prose, not categories
_REGRESSION_VALUES = 50  # distinct numbers from which a label looks measured; ImageNet-like labels repeat more often


def feature_names(table: Table, settings: DataSettings) -> tuple[str, ...] | None:
    """Return the columns that the user names to learn from; None where all may be of use.

    Raises:
        ConfigError: there is no such column.
    """
    if settings.feature_columns is None:
        return None
    names = [name.strip() for name in settings.feature_columns.split(",")]
    for name in names:
        if name not in table.columns:
            raise ConfigError(
                f"{table.source}: --feature-columns {name!r}: there is no such column; "
                f"columns: {', '.join(table.columns)}.",
                hint=did_you_mean(name, table.columns),
            )
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Features:
    """What the columns of a table hold to learn from."""

    vectors: Vectors  # (N, D)
    remarks: tuple[Remark, ...]
    left_out: Mapping[str, str]  # column -> why


def read_features(table: Table, rows: IntN, taken: frozenset[str], *, only: Sequence[str] | None = None) -> Features:
    """Return (N, D) standardised numbers and one-hot categories, and which columns they are from.

    Gaps are filled with the median of numbers and the most frequent category.

    Args:
        table: all columns.
        rows: (N,) rows to take.
        taken: columns that have another meaning.
        only: the columns to learn from; None = all without another meaning.

    Raises:
        DataError: no column is of use.
    """
    columns: dict[str, Column] = {}
    left_out: dict[str, str] = {}
    odd: dict[str, Numbers] = {}
    for name in table.columns if only is None else only:
        if only is None and name in taken:
            continue
        column = prepare_column(name, table.columns[name].take(rows), table.delimiter, odd)
        if isinstance(column, str):
            left_out[name] = column
        else:
            columns[name] = column
    if not columns:
        raise _nothing_to_learn_from(table, left_out)
    facts = learn_columns(columns)
    values = encode_columns(columns, facts)
    hashes = _row_hashes([table.columns[name].take(rows) for name in columns])
    remarks = (_remark(columns, _reasons(left_out), values.shape[1]), *_number_remarks(odd))
    return Features(Vectors(values, "features", hashes, facts), remarks, left_out)


def _nothing_to_learn_from(table: Table, left_out: Mapping[str, str]) -> DataError:
    if left_out or len(table.columns) > 1:
        return DataError(
            f"{table.source}: no column to learn from; left out: {shorten(_reasons(left_out)) or 'none'}.",
            hint="Give columns of numbers or categories, a column of image paths (--path-column), or a vector for each "
            "row (--embeddings FILE.npy).",
        )
    return DataError(
        f"{table.source}: no column to learn from beside the only one, {next(iter(table.columns))!r}.",
        hint="Name what separates the cells with --delimiter; or give --embeddings or --probs, a row for each label.",
    )


def _reasons(left_out: Mapping[str, str]) -> list[str]:
    return [f"{name} ({why})" for name, why in left_out.items()]


def require_categories(table: Table, column: str, labels: Sequence[str]) -> None:
    """Raise DataError where the labels look like measured numbers."""
    distinct = set(labels)
    if len(distinct) <= max(_REGRESSION_VALUES, len(labels) / 2) or not all(is_number(label) for label in distinct):
        return
    examples = sorted(distinct, key=float)
    raise DataError(
        f"{table.source}: label column {column!r} holds {len(distinct):,} different numbers in {len(labels):,} rows, "
        f"such as {shorten(examples, show=3)}: this looks like a measurement, not a class.",
        hint="Labels must be classes. Name another column with --label-column, or turn the numbers into ranges first.",
    )


def _row_hashes(columns: Sequence[pa.ChunkedArray]) -> tuple[str, ...]:
    """Return (N,) hashes of the cells as they are written, so that a row keeps its hash when others change."""
    joined = pc.binary_join_element_wise(*map(_without_gaps, columns), "\x1f")
    return tuple(hashlib.sha256(text).hexdigest()[:32] for text in joined.cast(pa.binary()).to_pylist())


def _without_gaps(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts of cells as `cell_texts` does, with a zero byte where there is none."""
    if pa.types.is_string(cells.type):
        blank = pc.equal(pc.utf8_trim_whitespace(cells), "")
        return pc.fill_null(pc.if_else(blank, "\x00", cells), "\x00")  # of None see `cell_texts`
    return pa.chunked_array([pa.array(["\x00" if text is None else text for text in cell_texts(cells)], pa.string())])


def prepare_column(name: str, cells: pa.ChunkedArray, delimiter: str | None, odd: dict[str, Numbers]) -> Column | str:
    """Return a column ready to encode, or in a few words why it is left out; adds to `odd` how numbers were read."""
    if name.casefold() in _ROW_NUMBER_NAMES:
        return "row id"
    if name.casefold() in _FOLD_NAMES and len(cells.unique()) <= _MOST_FOLDS:
        return "fold of a cross-validation"
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if pa.types.is_temporal(kind):
        return "date"
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"type {kind}"
    plain = _plain_numbers(cells)
    if plain is not None:
        known = plain[~np.isnan(plain)]
        return "constant" if len(np.unique(known)) < 2 else Column(plain, is_number=True)
    texts = cell_texts(cells)
    found = read_numbers(texts, decimal_comma=has_decimal_commas(delimiter))
    if found is not None:
        odd[name] = found
        known = found.values[~np.isnan(found.values)]
        return "constant" if len(np.unique(known)) < 2 else Column(found.values, is_number=True)
    reason = _why_no_categories([text for text in texts if text is not None])
    return reason or Column(np.array(texts, dtype=object), is_number=False)


def _plain_numbers(cells: pa.ChunkedArray) -> NDArray[np.float64] | None:
    """Return a column of text in which every cell is a plain number, or empty; None for any other: the fast way."""
    if not pa.types.is_string(cells.type):
        return None
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:  # a word, a comma, a blank: read one by one
        return None
    values = np.asarray(numbers.to_numpy(), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers, as its cells could be read."""

    values: NDArray[np.float64]  # (N,) NaN where missing, infinite or a word
    words: tuple[str, ...] = ()  # cells that are no numbers
    bounds: int = 0  # cells such as <0.1, read as 0.1
    comma: Literal["", "decimal", "thousands"] = ""  # what commas mean in it
    unit: str = ""  # that all cells have


def read_numbers(texts: Sequence[str | None], *, decimal_comma: bool) -> Numbers | None:
    """Return the texts as numbers, those with one unit, such as 12 %, without it; None where too many are words.

    Args:
        texts: cells.
        decimal_comma: whether 1,234 is a little more than 1, as where a semicolon separates the cells; else it is
            1234, unless other cells, such as 1,5, tell.
    """
    found = _read_numbers(texts, decimal_comma=decimal_comma)
    bare = _without_unit(texts) if found is None else None
    if bare is None:
        return found
    found = _read_numbers(bare[0], decimal_comma=decimal_comma)
    return None if found is None else dataclasses.replace(found, unit=bare[1])


def _without_unit(texts: Sequence[str | None]) -> tuple[list[str | None], str] | None:
    """Return the texts without the unit that all of them have, and what it is; None where they have none, or differ."""
    if not _has_unit([text for text in texts[:_LOOKED_AT] if text is not None]):
        return None
    plain = ["" if text is None else _GROUPS.sub("", text.strip()) for text in texts]
    found = [None if text.casefold() in _MISSING else _UNIT.fullmatch(text) for text in plain]
    known = [text for text in plain if text.casefold() not in _MISSING]
    matches = [match for match in found if match is not None]
    units = {f"{match[1]}{match[3]}".strip().casefold() for match in matches}
    if len(matches) < len(known) or len(units) != 1 or len({match[2] for match in matches}) < _FEWEST_WITH_UNIT:
        return None
    unit = next(iter(units)) or "thousands apart"
    return [None if match is None else match[2] for match in found], unit


def _has_unit(texts: Sequence[str]) -> bool:
    """Return whether the first cells may be numbers with a unit: the whole column need not be looked through."""
    plain = [_GROUPS.sub("", text.strip()) for text in texts if text.strip().casefold() not in _MISSING]
    return bool(plain) and all(map(_UNIT.fullmatch, plain))


def _read_numbers(texts: Sequence[str | None], *, decimal_comma: bool) -> Numbers | None:
    """Return the texts as numbers without a unit; None where too many of them are words."""
    folded = ["" if text is None else text.strip().casefold() for text in texts]
    comma = _meaning_of_commas(folded, decimal_comma=decimal_comma)
    values = np.full(len(texts), np.nan)
    words: list[str] = []
    most_words = len(texts) * _WORD_SHARE
    bounds = known = 0
    for row, text in enumerate(folded):
        if text in _MISSING:
            continue
        known += 1
        try:
            values[row] = _number(text, comma)
        except ValueError:
            if not _BOUND.match(text) or (value := _bound(text, comma)) is None:
                words.append((texts[row] or "").strip())
                if len(words) > most_words:
                    return None
                continue
            values[row] = value
            bounds += 1
        if math.isinf(values[row]):
            values[row] = np.nan
    if words and len(words) > known * _WORD_SHARE:
        return None
    return Numbers(values, tuple(words), bounds, comma)


def _meaning_of_commas(texts: Sequence[str], *, decimal_comma: bool) -> Literal["", "decimal", "thousands"]:
    with_comma = [text for text in texts if "," in text and any(map(str.isdigit, text))]
    if not with_comma:
        return ""
    grouped = all(_THOUSANDS.fullmatch(text.lstrip("<>=~ ")) for text in with_comma)
    return "thousands" if grouped and not decimal_comma else "decimal"


def _number(text: str, comma: str) -> float:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if "," in text:
        # 1.234,5 has points between thousands
        text = text.replace(",", "") if comma == "thousands" else text.replace(".", "").replace(",", ".")
    if "_" in text:  # Python's own, not a table's
        raise ValueError(text)
    return float(text)


def _bound(text: str, comma: str) -> float | None:
    try:
        return _number(text.lstrip("<>=≤≥~ "), comma)
    except ValueError:
        return None


def has_decimal_commas(delimiter: str | None) -> bool:
    """Return whether 1,234 is a little more than 1 in a text table, as its delimiter tells."""
    return delimiter not in (None, ",")


def _number_remarks(columns: Mapping[str, Numbers]) -> list[Remark]:
    """Return how numbers were read where they are not written as a computer writes them."""
    remarks: list[Remark] = []
    for meaning, text in (("decimal", "a decimal comma"), ("thousands", "commas between thousands")):
        names = [name for name, found in columns.items() if found.comma == meaning]
        if names:
            remarks.append(Remark("note", f"Numbers with {text}: {shorten(names, show=10)}."))
    bounds = [f"{name} ({found.bounds:,})" for name, found in columns.items() if found.bounds]
    if bounds:
        text = f"Bounds such as <0.1, read as the number: {shorten(bounds, show=10)}."
        remarks.append(Remark("note", text))
    units = [f"{name} ({found.unit})" for name, found in columns.items() if found.unit]
    if units:
        remarks.append(Remark("note", f"Numbers with a unit, read without it: {shorten(units, show=10)}."))
    words = [
        f"{name} ({len(found.words):,}: {shorten(map(repr, dict.fromkeys(found.words)), show=3)})"
        for name, found in columns.items()
        if found.words
    ]
    if words:
        remarks.append(Remark("warning", f"Words among numbers, read as missing: {shorten(words)}."))
    return remarks


def _why_no_categories(texts: Sequence[str]) -> str | None:
    distinct = len(set(texts))
    if distinct < 2:
        return "constant"
    if all(_DATE.fullmatch(text.strip()) for text in texts):
        return "date"
    if distinct == len(texts):
        return "all different"
    if distinct > _FREE_TEXT_VALUES and distinct > len(texts) / 2:
        return "free text"
    return None


def _remark(columns: dict[str, Column], left_out: list[str], width: int) -> Remark:
    numbers = sum(column.is_number for column in columns.values())
    text = f"Learning from {numbers} columns of numbers and {len(columns) - numbers} of categories ({width} inputs)"
    return Remark("note", f"{text}; left out: {shorten(left_out, show=10)}." if left_out else f"{text}.")
