"""Tables in binary files beside Parquet: Arrow and Feather, .npz, and the sheets of a spreadsheet program."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.installed import pip_install
from labelaudit.sources.array_table import arrays_table

ARROW_SUFFIXES = (".feather", ".arrow", ".ipc")
SHEET_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")


def read_arrow(name: object, data: bytes) -> pa.Table:
    """Return the table of an Arrow file or stream, or a Feather file; raises DataError where it is none."""
    for opener in (pa.ipc.open_file, pa.ipc.open_stream):
        try:
            return opener(pa.py_buffer(data)).read_all()
        except pa.ArrowException:
            continue
    raise DataError(f"{name}: not an Arrow or Feather file, or damaged.", hint="Write it again, or save it as Parquet.")


def read_npz(name: object, data: bytes) -> pa.Table:
    """Return the arrays of a .npz file as columns; raises DataError where they are none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        hint = "Save plain numbers and texts: numpy.savez(file, x=..., y=...)."
        raise DataError(f"{name}: cannot be read as arrays: {error}.", hint=hint) from error
    try:
        return arrays_table(arrays)
    except DataError as error:
        raise DataError(f"{name}: {error.problem}", hint=error.hint) from error


def read_sheet(source: Path) -> tuple[list[list[str]], tuple[Remark, ...]]:
    """Return the cells of the first sheet as text, the header first, and which sheet it is.

    Raises:
        ConfigError: the package that reads it is not installed.
        DataError: it is damaged or empty.
    """
    try:
        import python_calamine as calamine
    except ImportError as error:
        hint = f"{pip_install('sheets')}, or save the sheet as CSV (UTF-8)."
        raise ConfigError(f"{source}: reading {source.suffix} needs python-calamine.", hint=hint) from error
    try:
        book = calamine.CalamineWorkbook.from_path(str(source))
        sheets = [book.get_sheet_by_index(number).to_python() for number in range(len(book.sheet_names))]
    except calamine.CalamineError as error:
        raise DataError(f"{source}: cannot be read: {error}.", hint="Save the sheet as CSV (UTF-8).") from error
    place, cells = _first_table(sheets)
    rows = [[_cell(value) for value in row] for row in cells]
    others = [name for other, name in enumerate(book.sheet_names) if other != place]
    left = f"; not {', '.join(map(repr, others))}" if others else ""
    return rows, (Remark("note", f"{source.name}: read sheet {book.sheet_names[place]!r}{left}."),)


def _first_table(sheets: Sequence[Sequence[Sequence[object]]]) -> tuple[int, Sequence[Sequence[object]]]:
    """Return the place and the cells of the first sheet that holds two rows of two cells; else of the first."""
    for place, cells in enumerate(sheets):
        if sum(sum(value not in ("", None) for value in row) > 1 for row in cells) > 1:
            return place, cells
    return 0, sheets[0]


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
