"""What a sample is, in a line for people: the path of its file, or the cells of its row."""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.audits import Audit, find_audit
from labelaudit.core.errors import LabelAuditError
from labelaudit.gate.compare import find_data
from labelaudit.gate.opened import open_audit, settings_in_force
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, Table, load_table

_CELLS, _WIDTH = 12, 400  # columns and characters that are shown


class Samples:
    """The data of an audit, where it is still there."""

    def __init__(self, audit: Audit) -> None:
        meta = audit.meta
        self.classes = tuple((meta.get("dataset") or {}).get("classes") or ())
        found = find_data(audit, None)
        self._folder = found if isinstance(found, Path) and found.is_dir() else None
        is_table = isinstance(found, Path) and found.suffix.lower() in TABLE_SUFFIXES
        self._table = _table_at(found) if isinstance(found, Path) and is_table else None
        self._rows = {} if self._table is None else {self._table.place(row): row for row in range(len(self._table))}

    @classmethod
    def open(cls, audit: Audit | Path | str | None) -> Samples:
        """Return the data of an audit, which is found as `check` finds it."""
        if isinstance(audit, Audit):
            return cls(audit)
        return cls(open_audit(settings_in_force(), audit).audit if audit is None else find_audit(audit))

    def describe(self, path: str) -> str:
        """Return a file's path from here, or a row's place and its cells."""
        if self._folder is not None and (self._folder / path).exists():
            return str(self._folder / path)
        row = self._rows.get(path)
        if row is None or self._table is None:
            return path
        cells = [f"{name}: {column[row].as_py()}" for name, column in list(self._table.columns.items())[:_CELLS]]
        text = f"{path}\n" + "\n".join(f"  {cell}" for cell in cells)
        return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ..."


def _table_at(source: Path) -> Table | None:
    try:
        return load_table(source, Store())
    except (LabelAuditError, OSError):  # it has changed since; the path alone is shown
        return None
