"""Is the dataset still what the audit saw? Names and labels are compared; contents where they must be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.arrow import numbers_of, text_array
from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, ImageFiles, Probabilities, StreamedImages, Texts, Vectors
from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings, from_dict
from labelaudit.functional.images import hash_content
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.examined import Comparison
from labelaudit.sources.read import read_dataset


@dataclass(frozen=True, slots=True)
class DataNow:
    """The dataset that an audit was made of, as it lies there now."""

    source: Path
    settings: DataSettings
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class Match:
    """Which finding is about which sample."""

    comparison: Comparison
    gone: BoolN  # (N,) findings whose sample is there no more, or has another label or content


def find_data(audit: Audit, named: str | None) -> Path | str:
    """Return where the audit's data is, or in a few words why it cannot be looked at.

    Args:
        audit: its source is sought in the working directory, then beside the audit and above.
        named: by the user; None = where the audit found it.

    Raises:
        ConfigError: what the user named does not exist.
    """
    if named is not None:
        path = Path(named).expanduser()
        if not path.exists():
            raise ConfigError(f"data {named} does not exist.", hint="Name the folder or table that was scanned.")
        return path
    source = str(audit.meta.get("source", ""))
    if "://" in source:
        return f"{source} is not on this machine, so the audit was not compared with it"
    root = audit.home.parent
    for folder in (Path(), root, *root.parents):
        path = folder / source
        if source and os.path.exists(path):  # noqa: PTH110  (no error for names that are too long)
            if path.is_dir() or _is_near(path, root):
                return path
            return f"{source} is a table outside of {root}, so the audit was not compared with it (--data names it)"
    return f"{source or 'the data'} is not there, so the audit was not compared with it (--data names it)"


def _is_near(path: Path, root: Path) -> bool:
    """Whether a table lies below the working directory or the folder of the audits.

    Anybody may have written audit.json, and what a table holds would be shown in messages.
    """
    real = path.resolve()
    return real.is_relative_to(root.resolve()) or real.is_relative_to(Path.cwd().resolve())


def read_data(audit: Audit, source: Path) -> DataNow:
    """Return the dataset as it is now, read as the scan read it.

    Raises:
        ConfigError: a split, column or file of then does not exist now.
        DataError: what is there cannot be audited.
    """
    settings = data_settings(audit, source)
    return DataNow(source, settings, read_dataset(source, settings, several=True))


def data_settings(audit: Audit, source: Path) -> DataSettings:
    """Return how the scan read the data, its paths set right for the place where the data is now."""
    audit.section(DataSettings, "data")
    stored: Mapping[str, Any] = (audit.meta.get("recipe") or {}).get("data") or {}
    scanned = Path(str(audit.meta.get("source", "")))
    is_same = not scanned.is_absolute() and source.parts[-len(scanned.parts) :] == scanned.parts
    base = Path(*source.parts[: -len(scanned.parts)]) if is_same else Path()  # where the scan was started
    moved = {
        name: str(base / value)
        for name in ("image_root", "embeddings", "probs", "trusted")
        if (value := stored.get(name)) is not None and (base / value).exists()
    }
    return from_dict(DataSettings, {**stored, **moved}, prefix="data.")


def match(
    columns: FindingColumns, dataset: Dataset, *, contents: bool = False, suspicious: BoolN | None = None
) -> Match:
    """Return how the findings and the dataset differ.

    Args:
        columns: N findings.
        dataset: M samples, now.
        contents: compare the contents of every file; rows of tables are always compared.
        suspicious: (M,) samples whose content is compared in any case: files that git calls changed.
    """
    row_of = positions_of(dataset.sample_ids, columns.sample_ids)  # (M,) -1 = no such id
    same_label = (row_of >= 0) & (columns.given.codes[row_of] == _codes(dataset, columns))
    judged = same_label | ((row_of >= 0) & ~columns.scanned[row_of])  # what was set aside has no verdict on its label
    hash_of = cache(lambda index: content_hash_of(dataset, index))
    is_cheap = not isinstance(dataset.content, ImageFiles | StreamedImages)  # in memory already
    compare = judged & columns.scanned[row_of]
    if not is_cheap and not contents:
        compare &= np.zeros(len(dataset), dtype=np.bool_) if suspicious is None else suspicious
    for i in np.flatnonzero(compare).tolist():
        judged[i] = hash_of(i) in (columns.content_hashes[int(row_of[i])].as_py(), "")
    rest = np.flatnonzero(~judged).tolist()
    by_content = _rows_by_content(columns, [hash_of(i) for i in rest])
    sorted_out: dict[str, list[int]] = {"new": [], "relabelled": [], "altered": [], "renamed": []}
    moved = []  # findings under another name or in another class folder now
    for i in rest:
        rows = by_content.get(hash_of(i), {})
        label = dataset.classes[int(dataset.given[i])]
        if label in rows:
            sorted_out["renamed"].append(i)
            moved.append(rows[label])
        elif rows or (row_of[i] >= 0 and not same_label[i]):
            sorted_out["relabelled"].append(i)
        else:
            sorted_out["altered" if row_of[i] >= 0 else "new"].append(i)
    aside_rows = positions_of([row.sample_id for row in dataset.set_aside], columns.sample_ids)
    gone = np.ones(len(columns), dtype=np.bool_)
    gone[row_of[judged]] = False
    gone[moved] = False
    gone[aside_rows[aside_rows >= 0]] = False
    names = {kind: [dataset.sample_ids[i] for i in found] for kind, found in sorted_out.items()}
    names["new"] += [row.sample_id for row, at in zip(dataset.set_aside, aside_rows, strict=True) if at < 0]
    comparison = Comparison(
        total=len(dataset) + len(dataset.set_aside),
        new=tuple(names["new"]),
        relabelled=tuple(names["relabelled"]),
        altered=tuple(names["altered"]),
        # a new label or content leaves the old finding behind; its sample is not gone
        gone=max(0, int(gone.sum()) - len(names["relabelled"]) - len(names["altered"])),
        renamed=len(names["renamed"]),
    )
    return Match(comparison, gone)


def content_hash_of(dataset: Dataset, index: int) -> str:
    """Return the content hash of a sample, as a scan computes it; "" where it cannot be read on this machine."""
    content = dataset.content
    if isinstance(content, StreamedImages):
        return ""  # may lie behind a network
    if isinstance(content, Vectors) and content.row_hashes:
        return content.row_hashes[index]
    if isinstance(content, Vectors | Probabilities):
        return hash_content(np.ascontiguousarray(content.values[index]).tobytes())
    if isinstance(content, Texts):
        return hash_content(content.read(index).encode())
    try:
        return hash_content(content.read(index))
    except OSError:
        return ""


def positions_of(ids: Sequence[str], among: pa.Array) -> IntN:
    """Return (M,) the position of each id among the findings, -1 where there is none."""
    found = pc.index_in(text_array(ids), value_set=among)
    return numbers_of(found, -1).astype(np.int64)


def _codes(dataset: Dataset, columns: FindingColumns) -> IntN:
    """Return (M,) the label of each sample as the findings number it, -2 for classes that they do not have."""
    number = {name: code for code, name in enumerate(columns.given.names)}
    codes = np.array([number.get(name, -2) for name in dataset.classes], dtype=np.int64)
    return np.asarray(codes[dataset.given], dtype=np.int64)


def _rows_by_content(columns: FindingColumns, hashes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return {content hash: {given label: position}} of the findings with one of these hashes."""
    wanted = text_array({found for found in hashes if found})
    rows: dict[str, dict[str, int]] = {}
    for row in pc.indices_nonzero(pc.is_in(columns.content_hashes, value_set=wanted)).to_pylist():
        labels = rows.setdefault(columns.content_hashes[row].as_py(), {})
        labels[columns.given.text(row) or ""] = row
    return rows
