"""The findings: one row per sample, in Dataset order, then the rows that were set aside while reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labelaudit.core.dataset import Dataset, SetAside
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.evidence import Evidence
from labelaudit.core.files import write_atomically
from labelaudit.core.findings_file import SCHEMA as SCHEMA
from labelaudit.core.findings_file import read_findings_table
from labelaudit.core.issues import FINDINGS_SCHEMA as FINDINGS_SCHEMA
from labelaudit.core.issues import SCHEMA_KEY
from labelaudit.core.issues import SET_ASIDE_ACTIONS as SET_ASIDE_ACTIONS
from labelaudit.core.issues import Action as Action
from labelaudit.core.issues import Issue as Issue

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.floating[Any]]  # (N,) or (N, K)
Ints = NDArray[np.integer[Any]]  # (N,) or (N, K)


_FLOATS = ("clean_prob", "suggested_prob", "given_prob", "loss")
_DTYPES = {"rank": "int64", "trusted": "bool", **dict.fromkeys(_FLOATS, "float32")}
_UNRANKED = SCHEMA.remove(SCHEMA.get_field_index("rank"))
_TOP_KEY = b"labelaudit.top_labels"
_JUDGED = ("clean_prob", "suggested", "suggested_prob", "action", "issue")


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging says of N samples, as findings hold it."""

    clean_prob: Floats  # (N,) probability that the given label is right
    suggested: Ints  # (N,) position in the classes, -1 = no suggestion
    suggested_prob: Floats  # (N,) ignored where there is no suggestion
    action: Sequence[str] | NDArray[Any]  # (N,) values of `Action`
    issue: Sequence[str] | NDArray[Any]  # (N,) values of `Issue`


def build_findings(
    dataset: Dataset, evidence: Evidence, judged: Judged, *, content_hashes: Sequence[str], details: Sequence[str]
) -> pd.DataFrame:
    """Return the findings of N samples in Dataset order, followed by the rows that were set aside.

    Args:
        dataset: N samples and C classes.
        evidence: on each of them.
        judged: what was made of it.
        content_hashes: (N,) one for each sample.
        details: (N,) one line for people, "" for none.

    Raises:
        ValueError: an array has another size than the dataset.
        DataError: a value is out of its range, such as a probability that is not a number.
    """
    values = {
        "content_hashes": content_hashes,
        "detail": details,
        "given_prob": evidence.given_probs,
        "loss": evidence.losses,
        "top_labels": evidence.top_labels,
        "top_probs": evidence.top_probs,
        **{name: getattr(judged, name) for name in _JUDGED},
    }
    _require_sizes(len(dataset), values)
    scanned = pa.table(_scanned_columns(dataset, values), schema=_UNRANKED)
    table = pa.concat_tables([scanned, _set_aside_table(dataset.set_aside)])
    table = table.add_column(SCHEMA.get_field_index("rank"), SCHEMA.field("rank"), pa.array(_ranks(table)))
    frame = frame_of(table)
    validate_findings(frame)
    return frame


def suspects(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose action is not keep, most suspicious first, numbered from 0."""
    return frame[frame["action"] != Action.KEEP].sort_values("rank").reset_index(drop=True)


def validate_findings(frame: pd.DataFrame) -> None:
    """Raise DataError naming the column and the first row that break the schema."""
    if list(frame.columns) != SCHEMA.names:
        raise DataError(f"findings: expected the columns {SCHEMA.names}, found {list(frame.columns)}.")
    for column, dtype in _DTYPES.items():
        if frame[column].dtype != dtype:
            raise DataError(f"findings: column {column!r} holds {frame[column].dtype}, expected {dtype}.")
    for column, good, expected in _rules(frame):
        bad = np.flatnonzero(~good)
        if len(bad):
            raise _broken_rule(frame, column, bad, expected)


def write_findings(frame: pd.DataFrame, path: Path) -> None:
    """Write findings as Parquet, the same bytes for the same findings; raises DataError if they break the schema."""
    validate_findings(frame)
    table = table_of(frame)
    top = pc.max(pc.list_value_length(table["top_labels"])).as_py() or 0
    table = table.replace_schema_metadata({SCHEMA_KEY: str(FINDINGS_SCHEMA), _TOP_KEY: str(top)})
    write_atomically(path, lambda part: pq.write_table(table, part, compression="zstd", use_dictionary=True))


def read_findings(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return findings, or some columns; raises DataError for a missing or damaged file or another schema version."""
    return frame_of(read_table(path, columns))


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return findings as an Arrow table; raises as `read_findings` does."""
    unknown = set(columns or ()) - set(SCHEMA.names)
    if unknown:
        raise ValueError(f"findings have no column {shorten(map(repr, sorted(unknown)))}")
    return read_findings_table(path, columns)


def judged_anew(table: pa.Table, rows: NDArray[np.int64], judged: Judged, classes: Sequence[str]) -> pa.Table:
    """Return findings with other verdicts for M of the rows, ranked again; the evidence stays as it is.

    Args:
        table: N findings.
        rows: (M,) which are judged.
        judged: M samples.
        classes: (C,) names that the suggestions are positions in.
    """
    new = {
        "clean_prob": judged.clean_prob,
        "suggested_label": _labels(judged.suggested, _text(classes)),
        "suggested_prob": judged.suggested_prob,
    }
    return _replaced(table, rows, new | {"action": judged.action, "issue": judged.issue})


def decided_anew(table: pa.Table, rows: NDArray[np.int64], action: NDArray[Any], issue: NDArray[Any]) -> pa.Table:
    """Return findings with other actions and issues for M of the rows; what they rest on stays as it is.

    Args:
        table: N findings.
        rows: (M,) which are decided.
        action: (M,) values of `Action`.
        issue: (M,) values of `Issue`.
    """
    return _replaced(table, rows, {"action": action, "issue": issue})


def _replaced(table: pa.Table, rows: NDArray[np.int64], columns: Mapping[str, Any]) -> pa.Table:
    """Return findings with (M,) other values in some of the rows, ranked again."""
    positions = np.full(table.num_rows, -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    kept, places = pa.array(positions < 0), pa.array(positions, mask=positions < 0)
    for name, values in columns.items():
        field = SCHEMA.field(name)
        column = values if isinstance(values, pa.Array) else pa.array(np.asarray(values), field.type, from_pandas=True)
        whole = pc.if_else(kept, table[name].combine_chunks(), column.take(places))
        table = table.set_column(table.schema.get_field_index(name), field, whole)
    return table.set_column(table.schema.get_field_index("rank"), SCHEMA.field("rank"), pa.array(_ranks(table)))


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as pandas: text in the default text type, lists kept as Arrow lists."""
    return cast("pd.DataFrame", table.replace_schema_metadata(None).to_pandas(types_mapper=_pandas_dtype))


def table_of(frame: pd.DataFrame, *, extra: Iterable[pa.Field] = ()) -> pa.Table:
    """Return some columns of findings, and `extra` ones, as an Arrow table with the schema's types."""
    fields = {field.name: field for field in (*SCHEMA, *extra)}
    schema = pa.schema([fields[str(name)] for name in frame.columns])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    # One chunk per column: page borders, and so the bytes of a Parquet file, follow the chunks.
    return table.replace_schema_metadata(None).combine_chunks()


def _require_sizes(n: int, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if len(value) != n:
            raise ValueError(f"{name} has {len(value)} entries for {n} samples")


def _scanned_columns(dataset: Dataset, values: dict[str, Any]) -> dict[str, pa.Array]:
    classes = _text(dataset.classes)
    floats = {name: np.asarray(values[name], dtype=np.float32) for name in (*_FLOATS, "top_probs")}
    floats["suggested_prob"] = np.where(
        np.asarray(values["suggested"]) < 0, np.float32("nan"), floats["suggested_prob"]
    )
    top_labels = np.asarray(values["top_labels"])  # (N, K)
    ends = np.arange(len(dataset) + 1, dtype=np.int32) * np.int32(top_labels.shape[1])
    return {
        "sample_id": _text(dataset.sample_ids),
        "path": _text(dataset.paths),
        "given_label": _labels(dataset.given, classes),
        "suggested_label": _labels(values["suggested"], classes),
        "trusted": pa.array(dataset.trusted),
        "content_hash": _text(values["content_hashes"]),
        **{name: _text(values[name]) for name in ("action", "issue", "detail")},
        **{name: pa.array(floats[name], from_pandas=True) for name in _FLOATS},  # NaN becomes null
        "top_labels": pa.ListArray.from_arrays(ends, _labels(top_labels.ravel(), classes)),
        "top_probs": pa.ListArray.from_arrays(ends, pa.array(floats["top_probs"].ravel())),
    }


def _set_aside_table(rows: Sequence[SetAside]) -> pa.Table:
    n = len(rows)
    columns = {
        "sample_id": _text([row.sample_id for row in rows]),
        "path": _text([row.path for row in rows]),
        "content_hash": _text([""] * n),
        "given_label": _text([row.given_label for row in rows]),
        "action": _text([SET_ASIDE_ACTIONS[Issue(row.issue)] for row in rows]),
        "issue": _text([row.issue for row in rows]),
        "trusted": pa.array([False] * n, pa.bool_()),
        "detail": _text([row.detail for row in rows]),
        "top_labels": pa.array([[]] * n, pa.list_(pa.string())),
        "top_probs": pa.array([[]] * n, pa.list_(pa.float32())),
    }
    return pa.table([columns.get(field.name, pa.nulls(n, field.type)) for field in _UNRANKED], schema=_UNRANKED)


def _ranks(table: pa.Table) -> NDArray[np.int64]:
    """Return (N,) the place of each row, from 1; rows without a clean_prob come last."""
    keys = [("clean_prob", "ascending"), ("loss", "descending"), ("sample_id", "ascending")]
    order = pc.sort_indices(table, sort_keys=keys).to_numpy()
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _labels(codes: Ints, classes: pa.Array) -> pa.Array:
    codes = np.asarray(codes, dtype=np.int64)
    return classes.take(pa.array(codes, mask=codes < 0))


def _text(values: Sequence[str | None]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # file names that are not UTF-8 reach us as lone surrogates
        escaped = [value and value.encode("utf-8", "backslashreplace").decode() for value in values]
        return pa.array(escaped, pa.string())


def _pandas_dtype(kind: pa.DataType) -> Any:
    import pandas as pd

    if pa.types.is_list(kind):
        return pd.ArrowDtype(kind)
    default = pd.Series([""]).dtype  # `str` from pandas 3 on, objects before
    return default if pa.types.is_string(kind) and not isinstance(default, np.dtype) else None


def _rules(frame: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    """Yield (column, (N,) which rows are good, what is expected)."""
    set_aside = frame["issue"].isin([*SET_ASIDE_ACTIONS]).to_numpy()
    has_suggestion = frame["suggested_label"].notna().to_numpy()
    for column in ("sample_id", "path", "content_hash", "detail"):
        yield column, frame[column].notna().to_numpy(), "text"
    yield "sample_id", ~frame["sample_id"].duplicated(keep="first").to_numpy(), "an id of its own"
    yield "issue", frame["issue"].isin([*Issue]).to_numpy(), f"one of {[str(issue) for issue in Issue]}"
    yield "action", frame["action"].isin([*Action]).to_numpy(), f"one of {[str(action) for action in Action]}"
    yield "given_label", frame["given_label"].notna().to_numpy() | set_aside, "a label"
    for column in ("clean_prob", "given_prob"):
        empty = set_aside & frame[column].isna().to_numpy()
        yield column, _is_probability(frame[column]) | empty, "a number from 0 to 1"
    yield "loss", np.isfinite(frame["loss"].to_numpy()) | set_aside, "a finite number of nats"
    wanted = np.where(has_suggestion, _is_probability(frame["suggested_prob"]), frame["suggested_prob"].isna())
    yield "suggested_prob", wanted, "a number from 0 to 1 beside a suggested label, nothing without one"
    yield "action", has_suggestion | (frame["action"] != Action.RELABEL).to_numpy(), "another action without a label"
    one_each = frame["rank"].between(1, len(frame)) & ~frame["rank"].duplicated()
    yield "rank", one_each.to_numpy(), f"every number from 1 to {len(frame)} once"


def _is_probability(column: pd.Series[Any]) -> NDArray[np.bool_]:
    return column.between(0, 1).to_numpy()  # False where there is none


def _broken_rule(frame: pd.DataFrame, column: str, bad: NDArray[np.int64], expected: str) -> DataError:
    row = int(bad[0])
    more = f" ({len(bad) - 1:,} more rows alike)" if len(bad) > 1 else ""
    place = f"findings, row {row} (sample_id {frame['sample_id'].iloc[row]!r})"
    value = frame[column].iloc[[row]].tolist()[0]  # a Python value: 1.5 rather than np.float32(1.5)
    return DataError(f"{place}: column {column!r} is {value!r}, expected {expected}{more}.")
