"""Table files whose cells can be changed one by one, all else as it is: text, JSON, Parquet, Arrow, sheets, arrays."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.mending.cells import CellEdits, TableFile
from labelaudit.mending.delimited import TextTable, decoded, text_table
from labelaudit.mending.spans import Edit
from labelaudit.sources.array_table import by_split
from labelaudit.sources.binary_tables import ARROW_SUFFIXES, SHEET_SUFFIXES
from labelaudit.sources.list_cells import items_of, list_text
from labelaudit.sources.parquet_file import PARQUET_SUFFIXES
from labelaudit.sources.table_file import JSON_SUFFIXES, Table, packed_table, packed_zstd, table_suffix, unpacked_zstd


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """CSV, TSV, or a list of paths and labels."""

    table: TextTable
    columns: Sequence[str]

    def cell(self, row: int, column: str) -> str:
        """Return a cell with its quotation marks."""
        return self.table.raw(row, self.columns.index(column))

    def said(self, cell: str) -> str:
        """Return a cell without them."""
        return self.table.value(cell)

    def written(self, word: str, like: str) -> str:
        """Return a word, between quotation marks where it needs them or the other cell has them."""
        cell = self.table.written(word)
        is_quoted = self.table.quoting == "standard" and like.startswith('"') and not cell.startswith('"')
        return f'"{cell}"' if is_quoted else cell

    def items(self, cell: str) -> list[Any]:
        """Return the items of a list that a cell holds as text."""
        return items_of(self.said(cell)) or []

    def listed(self, items: Sequence[Any], like: str) -> str:
        """Return a list as text, in quotation marks where it needs them."""
        text = list_text(items, self.said(like))
        is_plain = not like.startswith('"') and self.table.delimiter not in text
        return text if is_plain else self.written(text, like)

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the text with other cells."""
        places = {cell: self.table.span(cell[0], self.columns.index(cell[1])) for cell in edits.cells}
        found = [Edit(*places[cell], text) for cell, text in edits.cells.items()]
        found += [self.table.removal(row) for row in edits.left_out]
        for name, texts in edits.added.items():
            found += self.table.added(name, lambda row, texts=texts: texts.get(row, ""))  # type: ignore[misc]
        path.write_bytes(self.table.with_edits(found))


def open_table(path: Path, table: Table, encoding: str | None) -> TableFile:
    """Return the file of a table that was read, ready to be changed.

    Raises:
        ConfigError: this kind of file is not written.
        DataError: it cannot be seen how its cells were read.
    """
    suffix = table_suffix(path.name)
    if suffix in PARQUET_SUFFIXES:
        from labelaudit.mending.arrow_tables import ParquetTable

        return ParquetTable(path, dict(table.columns))
    if suffix in ARROW_SUFFIXES:
        from labelaudit.mending.arrow_tables import ArrowTable

        return ArrowTable(path, dict(table.columns))
    if suffix in JSON_SUFFIXES:
        from labelaudit.mending.json_table import open_json

        return open_json(path, *packing(path))
    if suffix == ".npz":
        return open_arrays(path)
    if suffix in SHEET_SUFFIXES:
        return open_sheet(path, table)
    if suffix == ".zip":
        return _open_packed(path, table, encoding)
    return _open_delimited(path, table, encoding)


def _open_packed(path: Path, table: Table, encoding: str | None) -> TableFile:
    """Return the only table of a .zip."""
    if (packed_table(path) or "").lower().endswith(JSON_SUFFIXES):
        from labelaudit.mending.json_table import open_json

        return open_json(path, *packing(path))
    return _open_delimited(path, table, encoding)


def packing(path: Path) -> tuple[bytes, Callable[[bytes], bytes]]:
    """Return the bytes of a table as they were before they were packed, and what packs others in the same way."""
    data, suffix = path.read_bytes(), path.suffix.lower()
    if suffix == ".gz":
        return gzip.decompress(data), partial(gzip.compress, mtime=0)
    if suffix == ".bz2":
        return bz2.decompress(data), bz2.compress
    if suffix == ".xz":
        return lzma.decompress(data), lzma.compress
    if suffix == ".zst":
        return unpacked_zstd(data), packed_zstd
    name = packed_table(path) if suffix == ".zip" else None
    if name is None:
        return data, bytes
    with zipfile.ZipFile(path) as archive:
        return archive.read(name), partial(_zipped, path, name)


def _zipped(path: Path, name: str, data: bytes) -> bytes:
    """Return a .zip with another content of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            content = data if member.filename == name else old.read(member)
            new.writestr(member, content)
    return buffer.getvalue()


def _open_delimited(path: Path, table: Table, encoding: str | None) -> DelimitedFile:
    try:
        data, pack = packing(path)
        encoded = decoded(data, encoding, pack=pack)
    except DataError as error:
        raise DataError(f"{path}: {error.problem}", hint=error.hint) from error
    found = text_table(encoded, table.delimiter or ",", table.columns, table.lines.tolist())
    if found is None:
        raise DataError(
            f"{path}: it cannot be told where its cells begin, so none is changed.",
            hint="labelaudit export --relabelled.csv writes the corrected labels as a new table.",
        )
    return DelimitedFile(found, list(table.columns))


@dataclass(frozen=True, slots=True)
class SheetFile:
    """The first sheet of a workbook."""

    path: Path
    columns: Sequence[str]
    first: tuple[int, int]  # row and column of the first name, from 1
    lines: Sequence[int]  # (rows,) line of each row, the header being 1
    values: Callable[[int, str], str | None]  # what was read

    def cell(self, row: int, column: str) -> str:
        """Return what was read of a cell."""
        return self.values(row, column) or ""

    def said(self, cell: str) -> str:
        """Return a cell."""
        return cell

    def written(self, word: str, like: str) -> str:
        """Return a word."""
        del like
        return word

    def items(self, cell: str) -> list[Any]:
        """Return the items of a list that a cell holds as text."""
        return items_of(cell) or []

    def listed(self, items: Sequence[Any], like: str) -> str:
        """Return a list as text."""
        return list_text(items, like)

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the workbook with other cells."""
        book = _workbook(self.path)
        sheet = book.worksheets[0]
        for (row, column), text in edits.cells.items():
            cell = sheet.cell(*self._place(row, self.columns.index(column)))
            cell.value = _as_before(text, cell.value)
        for number, (name, texts) in enumerate(edits.added.items()):
            at = len(self.columns) + number
            sheet.cell(self.first[0], self.first[1] + at).value = name
            for row, text in texts.items():
                sheet.cell(*self._place(row, at)).value = text
        for row in sorted(edits.left_out, reverse=True):
            sheet.delete_rows(self._place(row, 0)[0])
        buffer = io.BytesIO()
        book.save(buffer)
        path.write_bytes(buffer.getvalue())

    def _place(self, row: int, column: int) -> tuple[int, int]:
        return self.first[0] + self.lines[row] - 1, self.first[1] + column


def open_sheet(path: Path, table: Table) -> SheetFile:
    """Return the first sheet of a workbook; raises ConfigError for old formats and without openpyxl."""
    if path.suffix.lower() not in (".xlsx", ".xlsm"):
        raise ConfigError(f"{path}: workbooks are written as .xlsx.", hint="Save it as .xlsx, and scan that.")
    sheet = _workbook(path).worksheets[0]
    used = ((cell.row, cell.column) for row in sheet.iter_rows() for cell in row if cell.value is not None)
    first = next(used, (1, 1))
    texts = {name: column.to_pylist() for name, column in table.columns.items()}
    found = SheetFile(path, list(table.columns), first, table.lines.tolist(), lambda row, name: texts[name][row])
    names = [str(sheet.cell(first[0], first[1] + at).value).strip() for at in range(len(found.columns))]
    if names != list(found.columns) or first[0] + max(found.lines) - 1 > sheet.max_row:
        raise DataError(
            f"{path}: it cannot be told where the cells of its first sheet are.",
            hint="Save the sheet as CSV (UTF-8), and scan that.",
        )
    return found


def _workbook(path: Path) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        hint = "pip install 'labelaudit[sheets]', or save the sheet as CSV (UTF-8)."
        raise ConfigError(f"{path}: writing .xlsx needs openpyxl.", hint=hint) from error
    return openpyxl.load_workbook(path, keep_vba=path.suffix.lower() == ".xlsm")


def _as_before(text: str, before: Any) -> Any:
    """Return a text as a number where the cell held one."""
    if isinstance(before, bool) or not isinstance(before, int | float):
        return text
    try:
        return type(before)(float(text))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class ArraysFile:
    """Arrays of a .npz file; those of several splits follow each other."""

    path: Path
    arrays: Mapping[str, NDArray[Any]]
    parts: Sequence[Mapping[str, str]]  # of each split: column -> name of its array

    def cell(self, row: int, column: str) -> Hashable:
        """Return one label."""
        name, at = self._place(row, column)
        word: Hashable = self.arrays[name][at].ravel()[0].item()
        return word

    def said(self, cell: Any) -> str:
        """Return it as text."""
        return str(cell)

    def written(self, word: str, like: Any) -> Hashable:
        """Return a word as a number where labels are numbers."""
        return _like(word, like)

    def items(self, cell: Any) -> list[Any]:
        """Return the only label."""
        return [cell]

    def listed(self, items: Sequence[Any], like: Any) -> Hashable:
        """Raise ConfigError: an array has one label a row."""
        del like
        raise ConfigError(f"an array holds one label a row, not {len(items)}.", hint="Give each label a column.")

    def write(self, path: Path, edits: CellEdits) -> None:
        """Write the arrays with other labels."""
        if edits.added:
            raise ConfigError(
                "arrays get no columns.", hint="The record beside the file has what was changed, and why."
            )
        arrays = {name: array.copy() for name, array in self.arrays.items()}
        for (row, column), value in edits.cells.items():
            name, at = self._place(row, column)
            if arrays[name].dtype.kind in "US":
                arrays[name] = arrays[name].astype(np.result_type(arrays[name].dtype, np.array(value).dtype))
            arrays[name][at] = value
        start = 0
        for part in self.parts:
            n = len(arrays[next(iter(part.values()))])
            keep = np.array([start + at not in edits.left_out for at in range(n)])
            arrays |= {name: arrays[name][keep] for name in part.values()}
            start += n
        with path.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub mixes the arrays up with allow_pickle

    def _place(self, row: int, column: str) -> tuple[str, int]:
        for part in self.parts:
            n = len(self.arrays[next(iter(part.values()))])
            if row < n:
                return part[column], row
            row -= n
        raise IndexError(row)


def open_arrays(path: Path) -> ArraysFile:
    """Return the arrays of a .npz file by the columns that they are read as."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    parts = []
    names = {id(array): name for name, array in arrays.items()}
    for columns in by_split(arrays).values():
        sizes = [len(array) for column, array in columns.items() if _column(column) == "label"]
        own = {
            column: array for column, array in columns.items() if array.ndim and len(array) in (sizes or [len(array)])
        }
        parts.append({_column(column): names[id(array)] for column, array in own.items()})
    return ArraysFile(path, arrays, parts)


def _column(name: str) -> str:
    from labelaudit.sources.array_table import LABELS

    return "label" if name.casefold() in LABELS else name


def _like(word: str, like: Any) -> Hashable:
    """Return a word as a value of the kind of another."""
    if isinstance(like, str):
        return word
    try:
        return type(like)(float(word)) if isinstance(like, float) else int(word)
    except ValueError as error:
        raise ConfigError(f"{word!r} is no number, as the labels are.") from error
