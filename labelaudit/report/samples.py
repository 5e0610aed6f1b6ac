"""What samples are, for people to see: pictures, texts, or the cells of rows, as they lie there now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labelaudit.core.dataset import Dataset, Images, Texts
from labelaudit.core.errors import LabelAuditError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import hash_content
from labelaudit.report.thumbnails import Thumbnail, thumbnail
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import TABLE_SUFFIXES, Table, load_table

_MOST_CELLS, _LONGEST_CELL, _LONGEST_TEXT = 16, 200, 4000  # columns, characters, characters


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to see of one sample."""

    picture: Thumbnail | None = None
    text: str = ""
    cells: tuple[tuple[str, str], ...] = ()  # (column, cell) of a row
    note: str = ""  # why there is nothing, or what is odd about it


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sample by the names that the findings have for it."""

    sample_id: str
    path: str  # of the file, or "table.csv:17"
    content_hash: str


def show_samples(dataset: Dataset, wanted: Sequence[Wanted], settings: DataSettings) -> dict[str, Shown]:
    """Return what there is to see of some samples, by id.

    Args:
        dataset: as it is now.
        wanted: samples of an audit; those that are there no more get a note.
        settings: how the dataset was read.
    """
    place = {sample_id: at for at, sample_id in enumerate(dataset.sample_ids)}
    rows = Rows(dataset, settings) if not isinstance(dataset.content, Images | Texts) else None
    return {each.sample_id: _shown(dataset, each, place.get(each.sample_id), rows) for each in wanted}


class Rows:
    """The rows of the table that a dataset was read from, where it is a file on this machine."""

    def __init__(self, dataset: Dataset, settings: DataSettings) -> None:
        self._table = _table_at(dataset.source, settings)
        self._row = {} if self._table is None else {self._table.place(row): row for row in range(len(self._table))}

    def cells(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the cells of "table.csv:17"; nothing where there is no such row."""
        row = self._row.get(path)
        if self._table is None or row is None:
            return ()
        columns = list(self._table.columns.items())[:_MOST_CELLS]
        return tuple((name, _cut(_text(column[row].as_py()), _LONGEST_CELL)) for name, column in columns)


def _shown(dataset: Dataset, wanted: Wanted, at: int | None, rows: Rows | None) -> Shown:
    if at is None:
        return Shown(note="is not in the data any more")
    content = dataset.content
    if isinstance(content, Texts):
        return Shown(text=_cut(content.read(at), _LONGEST_TEXT))
    if isinstance(content, Images):
        try:
            data = content.read(at)
        except OSError as error:
            return Shown(note=f"cannot be read: {error.strerror or error}")
        return _picture(data, wanted)
    return Shown(cells=() if rows is None else rows.cells(wanted.path))


def _picture(data: bytes, wanted: Wanted) -> Shown:
    found = thumbnail(data)
    if isinstance(found, str):
        return Shown(note=found)
    has_changed = bool(wanted.content_hash) and hash_content(data) != wanted.content_hash
    return Shown(picture=found, note="has changed since the audit" if has_changed else "")


def _table_at(source: Path | str, settings: DataSettings) -> Table | None:
    path = Path(source)
    if path.suffix.lower() not in TABLE_SUFFIXES or not path.is_file():
        return None
    try:
        return load_table(path, Store(), settings)
    except (LabelAuditError, OSError):  # it has changed since; there is nothing to see then
        return None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"
