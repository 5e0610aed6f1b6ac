"""Do two splits hold the same sample? Exact copies only: near ones would need every image decoded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pyarrow.compute as pc

from labelaudit.api.compare import DataNow, read_again
from labelaudit.checks.columns import FindingColumns
from labelaudit.checks.evidence import Leaks
from labelaudit.core.arrow import numbers_of, text_array
from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.functional.images import hash_content
from labelaudit.sources.splits import ALL_SPLITS

_NO_SPLITS = "the data has no train, val or test folders to compare"


def find_leaks(columns: FindingColumns, data: DataNow | str, *, split: str | None) -> Leaks | str:
    """Return the samples that occur in more than one split, or in a few words why that is not known.

    Args:
        columns: N findings.
        data: the dataset now, or why it cannot be looked at.
        split: what was scanned: "train", or "test,train"; None where there are no splits.
    """
    if split is None:
        return _NO_SPLITS
    names = split.split(",")
    if len(names) > 1:
        return _leaks_within(columns, names)
    if isinstance(data, str):
        return data
    if not isinstance(data.dataset.content, ImageFiles):
        return "copies across splits are sought among image files only"
    every = read_again(data.source, replace(data.settings, split=ALL_SPLITS))
    return _leaks_from(columns, every, set(data.dataset.sample_ids), split)


def _leaks_within(columns: FindingColumns, names: list[str]) -> Leaks | str:
    """Compare the splits of one audit: the first folder of a sample's id is its split."""
    first = pc.list_element(pc.split_pattern(columns.sample_ids, "/", max_splits=1), 0)
    splits = numbers_of(pc.index_in(first, value_set=text_array(names)), -1)
    scanned = columns.scanned
    if (splits[scanned] < 0).any():
        return "the findings do not say which split a row of a table is of"
    codes = numbers_of(columns.content_hashes.dictionary_encode().indices, -1)
    often = scanned & (np.bincount(codes, minlength=int(codes.max(initial=0)) + 1)[codes] > 1)
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(often).tolist():
        members.setdefault(int(codes[row]), []).append(row)
    rows, pairs = [], []
    for twins in members.values():
        for row in twins:
            other = next((twin for twin in twins if splits[twin] > splits[row]), None)
            if other is not None:
                rows.append(row)
                pairs.append(f"{columns.sample_ids[row].as_py()} = {columns.sample_ids[other].as_py()}")
    return Leaks(np.array(rows, dtype=np.int64), tuple(pairs), tuple(names))


def _leaks_from(columns: FindingColumns, every: Dataset, own: set[str], split: str) -> Leaks | str:
    """Compare the audit with the files of the other splits, which are read and hashed."""
    content = every.content
    others = [i for i, name in enumerate(every.sample_ids) if name not in own]
    if not others or not isinstance(content, ImageFiles):
        return _NO_SPLITS
    with ThreadPoolExecutor() as pool:  # hashing and reading let other threads run
        hashes = list(pool.map(lambda i: _hash(content, i), others))
    found = pc.index_in(text_array(hashes), value_set=columns.content_hashes)
    places = numbers_of(found, -1).astype(np.int64)
    places[np.array([not name for name in hashes], dtype=np.bool_)] = -1  # rows set aside have no hash either
    leaked = np.flatnonzero(places >= 0).tolist()
    names = sorted({PurePosixPath(every.sample_ids[i]).parts[0] for i in others} - {split})
    return Leaks(
        rows=np.unique(places[leaked]),
        pairs=tuple(f"{columns.sample_ids[int(places[at])].as_py()} = {every.sample_ids[others[at]]}" for at in leaked),
        splits=(split, *(names if every.split else ("the others",))),
    )


def _hash(content: ImageFiles, index: int) -> str:
    try:
        return hash_content(content.read(index))
    except OSError:
        return ""
