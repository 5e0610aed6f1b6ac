"""Tables: the user's own file, with another label in some cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelaudit.core.audits import HOME
from labelaudit.core.dataset import Dataset, FilesBelow, ImageFiles
from labelaudit.core.errors import ConfigError, count, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.mending.arrow_tables import ArrowTable, ParquetTable, files_first_rows
from labelaudit.mending.cells import CellEdits
from labelaudit.mending.changes import Change
from labelaudit.mending.class_folders import beside
from labelaudit.mending.folders import visible_files, write_folder
from labelaudit.mending.label_sets import note_on_emptied
from labelaudit.mending.layout import How, Prepared
from labelaudit.mending.rows import Located, cell_edits, locate_rows, of_rows, require_free
from labelaudit.mending.table_files import open_table
from labelaudit.sources.table_file import Table


@dataclass(frozen=True, slots=True)
class TableLayout:
    """One table file."""

    source: Path
    table: Table
    located: Located
    dataset: Dataset
    settings: DataSettings

    @property
    def words(self) -> str:
        """What it is."""
        return f"{_columns(self.located)} of {self.source.name}"

    @property
    def output(self) -> Path:
        """Beside the table; in the working directory for data that a program had at hand."""
        if HOME in self.source.parts:
            return Path("corrected.parquet")
        return beside(self.source)

    def split_of(self, sample_id: str) -> str | None:
        """Return what the column of splits says."""
        return split_of_row(self.located, self.dataset, sample_id)

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the table with other cells."""
        require_free(self.table.columns, how, self.source)
        require_aligned(changes, self.settings)
        file = open_table(self.source, self.table, self.settings.encoding)
        edits = cell_edits(file, self.table, self.located, self.dataset, changes, how)
        places = {
            change.sample_id: "" if change.after is None else self.table.place(self.located.row_of[change.sample_id])
            for change in changes
        }
        notes = (*note_on_emptied(self.located.sets, self.located.row_of, changes), *_note_on_paths(self))
        return Prepared(lambda target: file.write(target, edits), places, notes=notes)


@dataclass(frozen=True, slots=True)
class FolderOfTable:
    """A folder whose labels are in a table in it."""

    source: Path
    table: TableLayout

    @property
    def words(self) -> str:
        """What it is."""
        return f"{self.table.words} in a copy of {self.source}"

    @property
    def output(self) -> Path:
        """Beside the folder."""
        return beside(self.source)

    def split_of(self, sample_id: str) -> str | None:
        """Return the split of the table, or what its column says."""
        return self.table.split_of(sample_id)

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the new folder: another table, all other files as they are."""
        prepared = self.table.prepare(changes, how)
        name = self.table.source.relative_to(self.source).as_posix()
        files = {each: each for each in visible_files(self.source, linked_folders=True)}
        if name not in files:  # it would be written through the link, into the folder that is there already
            raise ConfigError(f"{self.table.source} lies behind a link or is hidden.", hint="Name the folder it is in.")

        def write(target: Path) -> None:
            write_folder(target, self.source, files, how=how, rewritten={name: prepared.write})

        notes = note_on_emptied(self.table.located.sets, self.table.located.row_of, changes)
        return Prepared(write, prepared.places, files, frozenset({name}), self.source, notes=notes)


@dataclass(frozen=True, slots=True)
class TableOfFiles:
    """A table in several files: Parquet shards, or the Arrow files of a saved dataset."""

    source: Path  # the folder that holds them
    names: Sequence[str]  # of the files, relative to it
    sizes: Sequence[int]  # rows of each, in the order of the table
    others: Sequence[str]  # files that come along as they are
    table: Table
    located: Located
    dataset: Dataset
    settings: DataSettings

    @property
    def words(self) -> str:
        """What it is."""
        return f"{_columns(self.located)} of {count(len(self.names), 'file')} in {self.source}"

    @property
    def output(self) -> Path:
        """Beside the folder."""
        return beside(self.source)

    def split_of(self, sample_id: str) -> str | None:
        """Return what the column of splits says, or the split that was read."""
        return split_of_row(self.located, self.dataset, sample_id)

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the new folder: files that change, and the others as they are."""
        require_free(self.table.columns, how, self.source)
        require_aligned(changes, self.settings)
        firsts = files_first_rows(self.sizes)
        parts = [self._part(name, first) for name, first in zip(self.names, firsts, strict=True)]
        edits = cell_edits(parts[0], self.table, self.located, self.dataset, changes, how)
        writes: dict[str, Callable[[Path], None]] = {}
        for part, name, first, size in zip(parts, self.names, firsts, self.sizes, strict=True):
            own = of_rows(edits, first, first + size)
            if own is not None:
                writes[name] = _writer(part, own)
        files = {name: name for name in (*self.names, *self.others)}

        def write(target: Path) -> None:
            write_folder(target, self.source, files, how=how, rewritten=writes)

        places = {c.sample_id: self._place(self.located.row_of[c.sample_id], firsts) for c in changes}
        places |= {change.sample_id: "" for change in changes if change.after is None}
        notes = note_on_emptied(self.located.sets, self.located.row_of, changes)
        return Prepared(write, places, files, frozenset(writes), self.source, notes=notes)

    def _part(self, name: str, first: int) -> ParquetTable | ArrowTable:
        kind = ArrowTable if name.endswith(".arrow") else ParquetTable
        return kind(self.source / name, dict(self.table.columns), first)

    def _place(self, row: int, firsts: Sequence[int]) -> str:
        number = max(place for place, first in enumerate(firsts) if first <= row)
        return f"{self.names[number]}:{row - firsts[number]}"


def located_table(source: Path, table: Table, dataset: Dataset, settings: DataSettings) -> TableLayout:
    """Return the layout of a table file."""
    return TableLayout(source, table, locate_rows(table, settings, dataset), dataset, settings)


def split_of_row(located: Located, dataset: Dataset, sample_id: str) -> str | None:
    """Return the split of a row as its column says, else the one that was read."""
    if located.splits is None:
        return dataset.split
    return located.splits[located.row_of[sample_id]]


def require_aligned(changes: Sequence[Change], settings: DataSettings) -> None:
    """Raise ConfigError where rows would go that row i of another file belongs to."""
    option = "--probs" if settings.probs is not None else "--embeddings" if settings.embeddings is not None else ""
    out = [change.path for change in changes if change.after is None]
    if option and out:
        raise ConfigError(
            f"{count(len(out), 'row')} would be left out, and the rows of {option} would not fit the table any more.",
            hint="--wrong-as NAME keeps wrong labels without a right one as a class of their own.",
        )


def _writer(part: ParquetTable | ArrowTable, edits: CellEdits) -> Callable[[Path], None]:
    return lambda target: part.write(target, edits)


def _columns(located: Located) -> str:
    if located.sets is not None and located.sets.several.column is not None:
        return f"column {located.sets.several.column!r}"
    if located.sets is not None:
        return f"columns {shorten(map(repr, located.sets.columns), show=3)}"
    if located.one_hot:
        return f"columns {', '.join(map(repr, list(located.one_hot)[:3]))}, ..."
    return f"column {located.label!r}"


def _note_on_paths(layout: TableLayout) -> tuple[str, ...]:
    content = layout.dataset.samples.content
    if not isinstance(content, ImageFiles) or layout.settings.image_root is not None:
        return ()
    root = content.files.folder if isinstance(content.files, FilesBelow) else layout.source.parent
    return (f"its paths start from {root}",)
