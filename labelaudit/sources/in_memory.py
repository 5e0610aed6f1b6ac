"""Data that a program has at hand becomes a file that an audit can name, resume and compare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.audits import HOME
from labelaudit.core.errors import ConfigError
from labelaudit.core.files import write_atomically
from labelaudit.sources.array_table import arrays_table


def stored_source(source: Any, root: Path | str) -> Path | str:
    """Return what can be scanned: a path or address as it is, anything else written to a Parquet file.

    Args:
        source: a path or address; a pandas DataFrame, a pyarrow Table, a mapping from names to arrays, or a
            `datasets.Dataset`.
        root: folder that has `.labelaudit/`; the file goes to `data/` in it, named by its content.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(source, str | Path):
        return source
    table = _table(source)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = sink.getvalue().to_pybytes()
    path = Path(root) / HOME / "data" / f"{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda part: part.write_bytes(data))
    return path


def _table(source: Any) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, Mapping) and all(isinstance(name, str) for name in source) and not _has_splits(source):
        return arrays_table(source)
    if hasattr(source, "to_parquet") and hasattr(source, "dtypes"):  # a DataFrame
        named = source.rename(columns=str)
        return pa.Table.from_pandas(named, preserve_index=False)
    if hasattr(source, "features") and hasattr(source, "with_format"):  # of the package datasets
        return source.with_format("arrow")[:]
    if _has_splits(source):
        names = ", ".join(map(repr, source))
        raise ConfigError(f"a dictionary of splits: {names}.", hint=f"Give one: data[{next(iter(source))!r}].")
    kind = type(source).__name__
    raise ConfigError(
        f"{kind} cannot be scanned.",
        hint="Give a path, a DataFrame, a mapping from names to arrays, or a datasets.Dataset.",
    )


def _has_splits(source: Any) -> bool:
    return isinstance(source, Mapping) and any(hasattr(part, "features") for part in source.values())
