"""Decoded pixels on disk: bounded memory for this scan, and the next scan of the same images starts at once.

    <folder>/<size>/
    ├── pixels.u8     rows of size * size * 3 bytes; only ever grows
    ├── rows.parquet  which row holds what; written last, atomically
    └── lock

A row counts only once `rows.parquet` names it: a crash half way leaves bytes behind that the next scan overwrites.
Images are known by the hash of their bytes; a file whose size and time of change are as before is not even read.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from labelaudit.core.audits import write_atomically
from labelaudit.core.errors import DataError

DECODER_VERSION = 1  # change it when the same bytes decode to other pixels
DEFAULT_LIMIT_BYTES = 20 * 2**30
_SCHEMA = pa.schema(
    [
        ("stamp", pa.string()),  # where the bytes came from, their size and time of change; "" = not known by that
        ("content_hash", pa.string()),
        ("suffix", pa.string()),  # of the file's name: whether it fits the bytes is part of what was found
        ("pixel_hash", pa.string()),
        ("warning", pa.string()),  # "" = nothing odd
    ],
    metadata={b"labelaudit.decoder": str(DECODER_VERSION).encode()},
)


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one decoded image."""

    stamp: str
    content_hash: str
    suffix: str
    pixel_hash: str
    warning: str


class PixelStore:
    """The decoded images of one size; a context manager that holds the store's lock.

    Where another process holds the lock, or the folder cannot be written to, the pixels go to a temporary folder
    instead: a cache is never a reason for a scan to fail.

    Args:
        folder: of all sizes; None = keep nothing for the next scan.
        size: pixels of a side.
        limit_bytes: what all sizes together may keep; the least recently used go first.
    """

    def __init__(self, folder: Path | None, size: int, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.size = size
        self.row_bytes = size * size * 3
        self.rows: list[Row] = []
        self._home = folder
        self._folder = Path()
        self._limit = limit_bytes
        self._open = ExitStack()
        self._by_stamp: dict[str, int] = {}
        self._by_content: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Self:
        self._folder = self._locked_folder() or self._temporary_folder()
        for row in _read_rows(self._folder / "rows.parquet", self.row_bytes):
            self._remember(row)
        return self

    def __exit__(self, *_: object) -> None:
        if self._home is not None:
            _make_room(self._home, self._limit)
        self._open.close()

    def find_file(self, stamp: str) -> int | None:
        """Return the row of a file that has not changed since it was decoded."""
        return self._by_stamp.get(stamp) if stamp else None

    def find_content(self, content_hash: str, suffix: str) -> int | None:
        """Return the row of an image with these bytes under a name with this suffix."""
        return self._by_content.get((content_hash, suffix))

    def add(self, rows: Sequence[Row], pixels: Sequence[NDArray[np.uint8]]) -> range:
        """Append decoded images and return their row numbers.

        Args:
            rows: what is known of each.
            pixels: (S, S, 3) of each.

        Raises:
            DataError: the disk is full.
        """
        first = len(self.rows)
        try:
            with (self._folder / "pixels.u8").open("ab") as file:
                file.truncate(first * self.row_bytes)  # bytes of a scan that crashed
                for image in pixels:
                    file.write(np.ascontiguousarray(image).data)
                file.flush()
                os.fsync(file.fileno())
            for row in rows:
                self._remember(row)
            columns = {name: [getattr(row, name) for row in self.rows] for name in _SCHEMA.names}
            table = pa.table(columns, schema=_SCHEMA)
            write_atomically(self._folder / "rows.parquet", lambda part: pq.write_table(table, part))
        except OSError as error:
            raise DataError(
                f"the decoded images cannot be written to {self._folder}: {error.strerror}.",
                hint="Free some disk space, or name another folder with --root.",
            ) from error
        return range(first, len(self.rows))

    def pixels(self) -> NDArray[np.uint8]:
        """Return (rows, S, S, 3), mapped from disk; nothing is read until it is used."""
        shape = (len(self.rows), self.size, self.size, 3)
        if not self.rows:
            return np.empty(shape, dtype=np.uint8)
        os.utime(self._folder / "rows.parquet")  # used now
        return np.memmap(self._folder / "pixels.u8", np.uint8, mode="c", shape=shape)  # "c": torch wants writable

    def _locked_folder(self) -> Path | None:
        if self._home is None:
            return None
        folder = self._home / str(self.size)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open.enter_context(FileLock(folder / "lock", timeout=0))
        except (OSError, Timeout):
            return None
        return folder

    def _temporary_folder(self) -> Path:
        self._home = None
        return Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="labelaudit-")))

    def _remember(self, row: Row) -> None:
        place = len(self.rows)
        self.rows.append(row)
        if row.stamp:
            self._by_stamp[row.stamp] = place
        self._by_content[row.content_hash, row.suffix] = place


def file_stamp(path: Path) -> str:
    """Return what tells a changed file from an unchanged one without reading it; "" where it cannot be told."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{path}\x1f{found.st_size}\x1f{found.st_mtime_ns}"


def _read_rows(path: Path, row_bytes: int) -> list[Row]:
    """Return the rows of an index; a damaged one, or one of another decoder, counts as none."""
    try:
        table = pq.read_table(path)
        there = (path.parent / "pixels.u8").stat().st_size
    except (OSError, pa.ArrowException):
        return []
    decoder = (table.schema.metadata or {}).get(b"labelaudit.decoder")
    if decoder != str(DECODER_VERSION).encode() or there < table.num_rows * row_bytes:
        return []
    return [Row(*values) for values in zip(*(table[name].to_pylist() for name in _SCHEMA.names), strict=True)]


def _make_room(home: Path, limit_bytes: int) -> None:
    """Remove the least recently used sizes until what is kept fits the limit."""
    indexes = sorted(home.glob("*/rows.parquet"), key=lambda path: path.stat().st_mtime)
    total = sum(file.stat().st_size for file in home.glob("*/pixels.u8"))
    for index in indexes:
        if total <= limit_bytes:
            return
        total -= (index.parent / "pixels.u8").stat().st_size
        shutil.rmtree(index.parent, ignore_errors=True)
