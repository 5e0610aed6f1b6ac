"""Folders that `datasets.Dataset.save_to_disk` writes: Arrow files, in a folder for each split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.inside import require_inside
from labelaudit.sources.parquet_file import class_names
from labelaudit.sources.splits import choose_splits
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import Table

_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def saved_splits(folder: Path, settings: DataSettings) -> dict[str | None, Path]:
    """Return the folders of the splits that are asked for, under None where there are none; empty if it is no such.

    Raises:
        ConfigError: there is no such split.
        DataError: a file of the layout is damaged.
    """
    if (folder / _STATE).is_file() and (folder / _INFO).is_file():
        return {None: folder}
    if not (folder / _SPLITS).is_file():
        return {}
    present = _json(folder / _SPLITS).get("splits", [])
    for split in present:
        require_inside(str(split), folder / _SPLITS)
    return {split: folder / split for split in choose_splits(settings.split, present, folder)}


def load_saved(folders: dict[str | None, Path], source: Path, store: Store) -> Table:
    """Return the rows of some splits, one after the other, with a column "split" where there are several."""
    parts: list[pa.Table] = []
    for split, folder in folders.items():
        part = pa.concat_tables(
            [
                _read(folder / require_inside(str(each["filename"]), folder / _STATE))
                for each in _json(folder / _STATE)["_data_files"]
            ]
        )
        parts.append(part if len(folders) == 1 else part.append_column("split", pa.array([split] * len(part))))
    whole = pa.concat_tables(parts)
    features = _json(next(iter(folders.values())) / _INFO).get("features") or {}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    columns = dict(zip(whole.column_names, whole.columns, strict=True))
    return Table(source, columns, np.arange(len(whole), dtype=np.int64), store, class_names(metadata))


def _read(path: Path) -> pa.Table:
    try:
        return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}.", hint="Save the dataset again.") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}.", hint="Save the dataset again.") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: a JSON object is expected.", hint="Save the dataset again.")
    return found
