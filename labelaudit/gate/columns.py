"""The columns of findings that rules need, read without pandas: a million rows in about a second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.arrow import numbers_of, truths_of
from labelaudit.core.findings_file import read_findings_table
from labelaudit.core.issues import SET_ASIDE_ACTIONS, Action

_CODED = ("given_label", "suggested_label", "action", "issue")  # few different values each
_TEXTS = ("sample_id", "path", "content_hash", "detail")
_NUMBERS = ("clean_prob", "suggested_prob", "rank")


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different values: a number per row, and what the numbers stand for."""

    codes: IntN  # (N,) position in `names`, -1 where there is none
    names: tuple[str, ...]

    def text(self, row: int) -> str | None:
        """Return the value of a row."""
        return None if self.codes[row] < 0 else self.names[self.codes[row]]

    def is_in(self, *names: str) -> BoolN:
        """Return (N,) which rows have one of these values."""
        wanted = np.array([name in names for name in self.names] + [False])  # the last one is where -1 points
        return np.asarray(wanted[self.codes], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the findings, as messages and files tell it."""

    sample_id: str
    path: str
    content_hash: str
    given_label: str | None
    suggested_label: str | None
    clean_prob: float | None
    suggested_prob: float | None
    issue: str
    detail: str
    rank: int


@dataclass(frozen=True, slots=True)
class FindingColumns:
    """N findings, column by column, in the order of the file."""

    sample_ids: pa.Array
    paths: pa.Array
    content_hashes: pa.Array
    details: pa.Array
    given: Coded
    suggested: Coded
    action: Coded
    issue: Coded
    clean_prob: NDArray[np.float32]  # (N,) NaN for rows set aside
    suggested_prob: NDArray[np.float32]  # (N,) NaN without a suggestion
    rank: IntN  # (N,) 1 = most suspicious
    trusted: BoolN  # (N,)

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def scanned(self) -> BoolN:
        """(N,) rows that were not set aside."""
        return ~self.issue.is_in(*SET_ASIDE_ACTIONS)

    @property
    def flagged(self) -> BoolN:
        """(N,) scanned rows whose action is not keep."""
        return self.scanned & ~self.action.is_in(Action.KEEP)

    def worst_first(self, rows: BoolN) -> IntN:
        """Return the positions of some rows, the most suspicious first."""
        places = np.flatnonzero(rows)
        return places[np.argsort(self.rank[places], kind="stable")]

    def sample(self, row: int) -> Sample:
        """Return one row."""
        return Sample(
            sample_id=self.sample_ids[row].as_py(),
            path=self.paths[row].as_py(),
            content_hash=self.content_hashes[row].as_py(),
            given_label=self.given.text(row),
            suggested_label=self.suggested.text(row),
            clean_prob=_number(self.clean_prob[row]),
            suggested_prob=_number(self.suggested_prob[row]),
            issue=self.issue.text(row) or "",
            detail=self.details[row].as_py(),
            rank=int(self.rank[row]),
        )


def read_columns(path: Path) -> FindingColumns:
    """Return the columns of findings.parquet that rules need.

    Raises:
        DataError: the file is missing, damaged, or of another schema version.
    """
    table = _read(path, [*_TEXTS, *_CODED, *_NUMBERS, "trusted"])
    texts = {name: table[name].combine_chunks() for name in _TEXTS}
    numbers = {name: numbers_of(table[name].combine_chunks(), math.nan) for name in _NUMBERS}
    return FindingColumns(
        sample_ids=texts["sample_id"],
        paths=texts["path"],
        content_hashes=texts["content_hash"],
        details=texts["detail"],
        given=_coded(table["given_label"]),
        suggested=_coded(table["suggested_label"]),
        action=_coded(table["action"]),
        issue=_coded(table["issue"]),
        clean_prob=numbers["clean_prob"].astype(np.float32),
        suggested_prob=numbers["suggested_prob"].astype(np.float32),
        rank=numbers["rank"].astype(np.int64),
        trusted=truths_of(table["trusted"].combine_chunks()),
    )


def read_given_labels(path: Path) -> Coded:
    """Return the given labels of the scanned rows only; raises DataError as `read_columns` does."""
    table = _read(path, ["given_label", "issue"])
    given, issue = _coded(table["given_label"]), _coded(table["issue"])
    return Coded(given.codes[~issue.is_in(*SET_ASIDE_ACTIONS)], given.names)


def _read(path: Path, columns: list[str]) -> pa.Table:
    return read_findings_table(path, columns, coded=[name for name in columns if name in _CODED])


def _coded(column: pa.ChunkedArray) -> Coded:
    one = column.unify_dictionaries().combine_chunks()
    codes = numbers_of(one.indices, -1).astype(np.int64)
    return Coded(codes, tuple(one.dictionary.to_pylist()))


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(f"{value:.6g}")  # what float32 can carry
