"""Near duplicates of an audit: what a scan keeps of them, and what a check makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset
from labelaudit.core.decisions import Key, Known
from labelaudit.core.errors import DataError
from labelaudit.core.issues import Issue
from labelaudit.core.stored_arrays import read_arrays, require_array, require_range
from labelaudit.functional.near import HashN, PairsP, near_pairs
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.examined import NearConflicts

NEAR_NAME = "near"  # of the file with these arrays
ALIKE = "the samples are so alike by nature that near duplicates mean nothing"


@dataclass(frozen=True, slots=True)
class Near:
    """What an audit keeps of near duplicates."""

    hashes: HashN  # (N,) of the scanned findings, which come first; 0 = none
    pairs: PairsP  # of findings with other labels or in other splits


def near_arrays(dataset: Dataset, hashes: HashN) -> dict[str, NDArray[Any]]:
    """Return the arrays that spare a check the pixels: hashes, and the pairs that a rule may name."""
    kinds = dataset.given * (1 + len(split_names(dataset.split))) + _splits_of(dataset)
    pairs = near_pairs(hashes, unlike=kinds)
    none = np.empty((0, 2), dtype=np.int64)
    return {"hashes": hashes, "pairs": none if pairs is None else pairs, "alike": np.array(pairs is None)}


def read_near(audit: Audit, columns: FindingColumns) -> Near | str:
    """Return the near duplicates that an audit keeps, or in a few words why it keeps none.

    Raises:
        DataError: the file is damaged, or does not fit the findings.
    """
    n = int(columns.scanned.sum())
    arrays = _read_arrays(audit, n)
    if arrays is None:
        return "the audit has no near hashes: its samples have none, or an earlier labelaudit made it"
    if not columns.scanned[:n].all():
        raise DataError(f"{audit.findings_path}: rows that were set aside stand before others.", hint="Scan again.")
    return ALIKE if bool(arrays["alike"]) else Near(arrays["hashes"], arrays["pairs"])


def kept_hashes(audit: Audit, n: int) -> HashN | None:
    """Return the hashes that an audit keeps of its n scanned samples, None where it keeps none.

    Raises:
        DataError: the file is damaged, or does not fit the findings.
    """
    arrays = _read_arrays(audit, n)
    return None if arrays is None else arrays["hashes"]


def find_near_conflicts(
    columns: FindingColumns, near: Near | str, known: Mapping[Key, Known], gone: BoolN | None
) -> NearConflicts | str:
    """Return the near duplicates with different labels that are there and not yet decided on.

    Args:
        columns: N findings.
        near: of the audit, or why there is nothing.
        known: the baseline and the decisions.
        gone: (N,) rows whose sample is there no more.
    """
    if isinstance(near, str):
        return near
    left, right = near.pairs.T
    conflict = columns.given.codes[left] != columns.given.codes[right]
    exact = columns.issue.is_in(Issue.DUPLICATE_CONFLICT)
    conflict &= ~(exact[left] & exact[right])  # another rule names these
    if gone is not None:
        conflict &= ~(gone[left] | gone[right])
    pairs = near.pairs[conflict]
    decided = {row for row in np.unique(pairs).tolist() if _is_decided(columns, row, known)}
    open_pairs = pairs[[not (a in decided and b in decided) for a, b in pairs.tolist()]] if decided else pairs
    return NearConflicts(
        rows=np.unique(open_pairs),
        pairs=tuple(f"{_named(columns, a)} ~ {_named(columns, b)}" for a, b in one_for_each(open_pairs).tolist()),
    )


def one_for_each(pairs: PairsP) -> PairsP:
    """Return the first pair of each sample that comes first in one."""
    return pairs[np.unique(pairs[:, 0], return_index=True)[1]]


def split_names(split: str | None) -> list[str]:
    """Return the splits that were scanned: of "test,train" both, of "train" or None nothing to compare."""
    return split.split(",") if split and "," in split else []


def _read_arrays(audit: Audit, n: int) -> dict[str, NDArray[Any]] | None:
    path = audit.file(f"{NEAR_NAME}.npz")
    if not path.exists():
        return None
    arrays = read_arrays(path, lambda name: name in ("hashes", "pairs", "alike"))
    if len(arrays.get("hashes", ())) != n and arrays.get("hashes", np.empty(0)).ndim == 1:
        raise DataError(
            f"{path} has {len(arrays.get('hashes', ())):,} hashes for {n:,} findings.", hint="Scan the data again."
        )
    require_array(path, arrays, "hashes", "u", (n,))
    require_array(path, arrays, "alike", "b", ())
    require_range(path, require_array(path, arrays, "pairs", "iu", (None, 2)), "pairs", 0, n - 1)
    return arrays


def _splits_of(dataset: Dataset) -> IntN:
    """Return (N,) which split each sample is in: the first folder of its id, 0 where that says nothing."""
    number = {name: code for code, name in enumerate(split_names(dataset.split), start=1)}
    codes = [number.get(sample_id.split("/", 1)[0], 0) for sample_id in dataset.sample_ids] if number else []
    return np.array(codes or np.zeros(len(dataset)), dtype=np.int64)


def _is_decided(columns: FindingColumns, row: int, known: Mapping[Key, Known]) -> bool:
    entry = known.get((columns.content_hashes[row].as_py(), columns.given.text(row) or ""))
    return entry is not None and entry.decision != "open"


def _named(columns: FindingColumns, row: int) -> str:
    return f"{columns.paths[row].as_py()} ({columns.given.text(row)})"
