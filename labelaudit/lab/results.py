"""What benches found so far, in one Parquet file: a row per setting, method and seed. So a stopped bench goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock

from labelaudit.core.audits import HOME
from labelaudit.core.errors import DataError
from labelaudit.core.files import keep_out_of_git, write_atomically
from labelaudit.core.runs import now
from labelaudit.core.version import VERSION

KEY = ("data", "setting", "method", "seed", "revision")
# What decides the figures; a change elsewhere, to a page or a message, must not run a long bench anew.
_ROOMS = ("functional", "noise", "judging", "training", "methods", "lab")


def make_revision(settings: Mapping[str, Any]) -> str:
    """Return a text that changes with the version, the settings, and the code that decides the figures."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for room in _ROOMS:
        for file in sorted((package / room).glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:8]}"


def read_results(path: Path) -> pd.DataFrame:
    """Return the rows of a results file; none where there is no file.

    Raises:
        DataError: it is something else, or damaged.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(KEY))
    try:
        frame = pd.read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="Name another file with --results.") from error
    missing = [name for name in KEY if name not in frame]
    if missing:
        raise DataError(
            f"{path} holds no results of a bench: it has no column {missing[0]!r}.",
            hint="Name another file with --results.",
        )
    return frame


def find_row(frame: pd.DataFrame, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row of a key, None where there is none."""
    same = frame
    for name in KEY:
        same = same[same[name] == key[name]]
    return None if same.empty else {str(name): value for name, value in same.iloc[-1].items()}


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Write a row to the file at once, in place of one with the same key; other benches may write to it as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.name == HOME:
        keep_out_of_git(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock")):
        frame = read_results(path)
        same = pd.Series(data=True, index=frame.index)
        for name in KEY:
            same &= frame[name] == row[name]
        new = pd.DataFrame([{**row, "created": now()}])
        kept = frame[~same]
        frame = new if kept.empty else pd.concat([kept, new], ignore_index=True)
        write_atomically(path, lambda part: frame.to_parquet(part, index=False))
