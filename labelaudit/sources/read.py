"""The one door to data on disk: a folder or a table becomes a Dataset."""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.folder import read_folder
from labelaudit.sources.paths import require_exists
from labelaudit.sources.table import read_table
from labelaudit.sources.table_file import TABLE_SUFFIXES

_OTHER_HINTS = {
    ".xlsx": "Save the sheet as CSV (UTF-8).",
    ".xls": "Save the sheet as CSV (UTF-8).",
    ".ods": "Save the sheet as CSV (UTF-8).",
    ".zip": "Unpack it, and scan the folder.",
    ".tar": "Unpack it, and scan the folder.",
    ".gz": "Unpack it first.",
    ".npy": "Give the table of labels, and this file with --embeddings or --probs.",
    ".txt": "Rename it to .csv or .tsv if it is a table with a header.",
}


def read_dataset(source: Path | str, settings: DataSettings) -> Dataset:
    """Return the samples of a folder or a table; no pixel is decoded.

    Args:
        source: a folder with one sub-folder per class, or a CSV, TSV, Parquet or JSON lines table.
        settings: which split, columns, paths and arrays to read.

    Raises:
        ConfigError: the source, or something that the settings name, does not exist.
        DataError: what is there cannot be audited.
    """
    path = Path(source).expanduser()
    require_exists(path, "")
    if path.is_dir():
        _require_no_arrays(path, settings)
        return read_folder(path, settings)
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return read_table(path, settings)
    if suffix in image_suffixes():
        raise DataError(f"{path} is a single image.", hint=f"Scan a folder of class folders, such as {path.parent}.")
    known = ", ".join(TABLE_SUFFIXES)
    raise DataError(
        f"{path}: files of type {suffix or 'no suffix'} are not read; tables are {known}.",
        hint=_OTHER_HINTS.get(suffix, "Give a folder of class folders, or a table of paths and labels."),
    )


def _require_no_arrays(path: Path, settings: DataSettings) -> None:
    option = "--embeddings" if settings.embeddings is not None else "--probs"
    if settings.embeddings is None and settings.probs is None:
        return
    raise ConfigError(
        f"{option} needs a table of labels, and {path} is a folder.",
        hint="Give a CSV with a column 'label', its rows in the order of the array.",
    )
