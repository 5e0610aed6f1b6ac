"""Do two splits hold the same sample? Exact copies by their bytes, near ones by hashes of what they look like."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import IntN
from labelaudit.core.arrow import numbers_of, text_array
from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import count
from labelaudit.functional.images import Framing, UnreadableImage, decode_image, hash_content
from labelaudit.functional.near import near_hashes, near_pairs
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.compare import DataNow
from labelaudit.gate.examined import Leaks
from labelaudit.gate.near import ALIKE, Near, one_for_each, split_names
from labelaudit.sources.read import read_dataset
from labelaudit.sources.splits import ALL_SPLITS

_NO_SPLITS = "the data has no train, val or test folders to compare"
_MOST_DECODED = 20_000  # images of other splits: a check takes seconds


@dataclass(frozen=True, slots=True)
class SplitLeaks:
    """Samples that occur in more than one split, or in a few words why that is not known."""

    exact: Leaks | str
    near: Leaks | str


def find_leaks(
    columns: FindingColumns,
    data: DataNow | str,
    *,
    split: str | None,
    near: Near | str,
    size: int,
    framing: Framing = "centre",
) -> SplitLeaks:
    """Return the samples that occur in more than one split.

    Args:
        columns: N findings.
        data: the dataset now, or why it cannot be looked at.
        split: what was scanned: "train", or "test,train"; None where there are no splits.
        near: what the audit keeps of near duplicates, or why nothing.
        size: pixels of a side that the scan decoded images to.
        framing: which part of them it looked at.
    """
    if split is None:
        return SplitLeaks(_NO_SPLITS, _NO_SPLITS)
    names = split_names(split)
    if names:
        return _leaks_within(columns, names, near)
    if isinstance(data, str):
        return SplitLeaks(data, data)
    if not isinstance(data.dataset.content, ImageFiles):
        text = "copies across splits are sought among image files only"
        return SplitLeaks(text, text)
    every = read_dataset(data.source, replace(data.settings, split=ALL_SPLITS), several=True)
    return _leaks_from(columns, every, set(data.dataset.sample_ids), split, near, size, framing)


def _leaks_within(columns: FindingColumns, names: list[str], near: Near | str) -> SplitLeaks:
    """Compare the splits of one audit: the first folder of a sample's id is its split."""
    first = pc.list_element(pc.split_pattern(columns.sample_ids, "/", max_splits=1), 0)
    splits = numbers_of(pc.index_in(first, value_set=text_array(names)), -1)
    scanned = columns.scanned
    if (splits[scanned] < 0).any():
        text = "the findings do not say which split a row of a table is of"
        return SplitLeaks(text, text)
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
    exact = Leaks(np.array(rows, dtype=np.int64), tuple(pairs), tuple(names))
    return SplitLeaks(exact, near if isinstance(near, str) else _near_within(columns, names, near, splits, codes))


def _near_within(columns: FindingColumns, names: list[str], near: Near, splits: IntN, codes: IntN) -> Leaks:
    """Return the near copies among the splits of one audit that are no exact ones; `codes` number the contents."""
    left, right = near.pairs.T
    across = near.pairs[(splits[left] != splits[right]) & (codes[left] != codes[right])]
    swapped = splits[across[:, 0]] > splits[across[:, 1]]
    across[swapped] = across[swapped][:, ::-1]  # as with exact copies, the first split is named first
    shown = one_for_each(across)
    ids = columns.sample_ids
    return Leaks(shown[:, 0], tuple(f"{ids[a].as_py()} ~ {ids[b].as_py()}" for a, b in shown.tolist()), tuple(names))


def _leaks_from(
    columns: FindingColumns,
    every: Dataset,
    own: set[str],
    split: str,
    near: Near | str,
    size: int,
    framing: Framing,
) -> SplitLeaks:
    """Compare the audit with the files of the other splits, which are read and hashed."""
    content = every.content
    others = [i for i, name in enumerate(every.sample_ids) if name not in own]
    if not others or not isinstance(content, ImageFiles):
        return SplitLeaks(_NO_SPLITS, _NO_SPLITS)
    if not isinstance(near, str) and len(others) > _MOST_DECODED:
        near = (
            f"the other splits hold {count(len(others), 'image')}, more than a check decodes ({_MOST_DECODED:,});"
            " labelaudit scan --split all compares them"
        )
    decoded = None if isinstance(near, str) else size
    with ThreadPoolExecutor() as pool:  # hashing, decoding and reading let other threads run
        hashes = list(pool.map(lambda i: _hashes(content, i, decoded, framing), others))
    found = pc.index_in(text_array([name for name, _ in hashes]), value_set=columns.content_hashes)
    places = numbers_of(found, -1).astype(np.int64)
    places[np.array([not name for name, _ in hashes], dtype=np.bool_)] = -1  # rows set aside have no hash either
    leaked = np.flatnonzero(places >= 0).tolist()
    names = sorted({PurePosixPath(every.sample_ids[i]).parts[0] for i in others} - {split})
    splits = (split, *(names if every.split else ("the others",)))
    theirs = [every.sample_ids[i] for i in others]
    exact = Leaks(
        rows=np.unique(places[leaked]),
        pairs=tuple(f"{columns.sample_ids[int(places[at])].as_py()} = {theirs[at]}" for at in leaked),
        splits=splits,
    )
    if isinstance(near, str):
        return SplitLeaks(exact, near)
    pairs = near_pairs(near.hashes, np.array([each for _, each in hashes], dtype=np.uint64))
    if pairs is None:
        return SplitLeaks(exact, ALIKE)
    contents = columns.content_hashes
    inexact = [contents[row].as_py() != hashes[at][0] for row, at in pairs.tolist()]
    shown = one_for_each(pairs[np.array(inexact, dtype=np.bool_)])
    texts = tuple(f"{columns.sample_ids[row].as_py()} ~ {theirs[at]}" for row, at in shown.tolist())
    return SplitLeaks(exact, Leaks(shown[:, 0], texts, splits))


def _hashes(content: ImageFiles, index: int, size: int | None, framing: Framing) -> tuple[str, int]:
    """Return the content hash of a file, and the near hash where a size to decode to is given; "" or 0 for none."""
    try:
        data = content.read(index)
    except OSError:
        return "", 0
    near = 0
    if size is not None:
        try:
            near = int(near_hashes([decode_image(data, "", size, framing=framing).pixels])[0])
        except UnreadableImage:  # another rule counts these where they are scanned
            near = 0
    return hash_content(data), near
