"""Decoded pixels on disk: bounded memory for this scan, and the next scan of the same images starts at once.

    <folder>/<size>/   or <size>-whole/, where images are squeezed and not cut
    ├── pixels.u8     rows of size * size * 3 bytes; only ever grows
    ├── rows.parquet  which row holds what; written after the pixels, atomically, every 30 seconds and at the end
    └── lock

A row counts only once `rows.parquet` names it: a crash half way leaves bytes behind that the next scan overwrites.
Images are known by the hash of their bytes; a file that `file_stamp` says is the same is not even read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from labelaudit.core.errors import DAMAGE, DataError
from labelaudit.core.files import open_own, own_path, write_atomically
from labelaudit.functional.images import Framing

DECODER_VERSION = 4  # change it when the same bytes decode to other pixels, or are described in other words
DEFAULT_LIMIT_BYTES = 20 * 2**30
SAVE_EVERY_S = 30.0  # what a crash may lose; writing the whole index after every block would take quadratic time
READ_AHEAD_BYTES = 2**30  # batches of random rows would read a cold file in small pieces
_SCHEMA = pa.schema(
    [
        ("stamp", pa.string()),  # see `file_stamp`; "" = not known by that
        ("content_hash", pa.string()),
        ("suffix", pa.string()),  # see `known_suffix`: whether it fits the bytes is part of what was found
        ("pixel_hash", pa.string()),
        ("near_hash", pa.string()),  # see `near_hashes`; 16 hex digits
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
    near_hash: str
    warning: str


class PixelStore:
    """The decoded images of one size; a context manager that holds the store's lock.

    Where another process holds the lock, or the folder cannot be written to, the pixels go to a temporary folder
    instead: a cache is never a reason for a scan to fail.

    Args:
        folder: of all sizes; None = keep nothing for the next scan.
        size: pixels of a side.
        framing: which part of an image they show.
        limit_bytes: what all sizes together may keep; the least recently used go first.
        save_every_s: seconds between two writes of the index; it is also written at the end.
    """

    def __init__(
        self,
        folder: Path | None,
        size: int,
        *,
        framing: Framing = "centre",
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        save_every_s: float = SAVE_EVERY_S,
    ) -> None:
        self.size = size
        self.framing: Framing = framing
        self.row_bytes = size * size * 3
        self.columns: dict[str, list[str]] = {name: [] for name in _SCHEMA.names}  # of `Row`, (R,) each
        self._home = folder
        self._folder = Path()
        self._limit = limit_bytes
        self._save_every_s = save_every_s
        self._saved_at = 0.0  # seconds of the monotonic clock
        self._n_saved = 0  # rows that the index on disk names
        self._open = ExitStack()
        self._asking = threading.Lock()
        self._by_stamp: dict[str, int] = {}
        self._by_content: dict[str, dict[str, int]] | None = None  # suffix -> hash -> row; made when first asked for

    def __len__(self) -> int:
        return len(self.columns["stamp"])

    def __enter__(self) -> Self:
        self._folder = self._locked_folder() or self._temporary_folder()
        self._n_saved, self._saved_at = len(self), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with suppress(DataError, OSError):  # this scan has its pixels; only the next one has to decode them again
                self._save()
                os.utime(self._folder / "rows.parquet")  # used now
        finally:
            self._open.close()
        if self._home is not None:
            _make_room(self._home, self._folder, self._limit)

    def find_files(self, stamps: Sequence[str]) -> NDArray[np.int64]:
        """Return (n,) the row of each file that has not changed since it was decoded, -1 for the others."""
        return np.array([self._by_stamp.get(stamp, -1) for stamp in stamps], dtype=np.int64)

    def find_content(self, content_hash: str, suffix: str) -> int | None:
        """Return the row of an image with these bytes under a name with this suffix."""
        with self._asking:
            if self._by_content is None:
                self._by_content = {}
                for row, (content, end) in enumerate(
                    zip(self.columns["content_hash"], self.columns["suffix"], strict=True)
                ):
                    self._by_content.setdefault(end, {})[content] = row
        return self._by_content.get(suffix, {}).get(content_hash)

    def add(self, rows: Sequence[Row], pixels: Sequence[NDArray[np.uint8]]) -> range:
        """Append decoded images and return their row numbers.

        Args:
            rows: what is known of each.
            pixels: (S, S, 3) of each.

        Raises:
            DataError: the disk is full.
        """
        first = len(self)
        try:
            with (self._folder / "pixels.u8").open("ab") as file:
                file.truncate(first * self.row_bytes)  # bytes of a scan that crashed
                for image in pixels:
                    file.write(np.ascontiguousarray(image).data)
                file.flush()
                os.fsync(file.fileno())
            for row in rows:
                self._remember(row)
            if time.monotonic() - self._saved_at >= self._save_every_s:
                self._save()
        except OSError as error:
            raise DataError(
                f"the decoded images cannot be written to {self._folder}: {error.strerror or error}.",
                hint="Free some disk space there.",
            ) from error
        return range(first, len(self))

    def pixels(self) -> NDArray[np.uint8]:
        """Return (rows, S, S, 3), mapped from disk; the system reads small ones ahead, others when they are used."""
        shape = (len(self), self.size, self.size, 3)
        if not len(self):
            return np.empty(shape, dtype=np.uint8)
        n_bytes = len(self) * self.row_bytes
        with (self._folder / "pixels.u8").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), n_bytes, access=mmap.ACCESS_COPY)  # torch wants it writable
        if n_bytes <= READ_AHEAD_BYTES and hasattr(mmap, "MADV_WILLNEED"):
            mapped.madvise(mmap.MADV_WILLNEED)
        return np.frombuffer(mapped, np.uint8).reshape(shape)

    def _locked_folder(self) -> Path | None:
        if self._home is None:
            return None
        folder = self._home / (str(self.size) if self.framing == "centre" else f"{self.size}-{self.framing}")
        try:
            own_path(folder, folder=True).mkdir(parents=True, exist_ok=True)
            self._open.enter_context(FileLock(own_path(folder / "lock"), timeout=0))
            own_path(folder / "pixels.u8")
            columns = _read_columns(folder / "rows.parquet", self.row_bytes)
            if columns is None:  # a damaged index must not come to name the new pixels if this scan crashes
                _remove_files(folder)
        except (DataError, OSError, Timeout):
            return None
        if columns is not None:
            self.columns = columns
            self._by_stamp = {stamp: row for row, stamp in enumerate(columns["stamp"]) if stamp}
        return folder

    def _temporary_folder(self) -> Path:
        self._home = None
        # Windows cannot remove a file that is still mapped; it is left to whoever empties the temporary files
        folder = tempfile.TemporaryDirectory(prefix="labelaudit-", ignore_cleanup_errors=True)
        return Path(self._open.enter_context(folder))

    def _save(self) -> None:
        """Write the index if it lacks rows and another scan may read it."""
        if self._home is None or self._n_saved == len(self):
            return
        table = pa.table(self.columns, schema=_SCHEMA)
        write_atomically(self._folder / "rows.parquet", lambda part: pq.write_table(table, part))
        self._n_saved, self._saved_at = len(self), time.monotonic()

    def _remember(self, row: Row) -> None:
        place = len(self)
        for name, column in self.columns.items():
            column.append(getattr(row, name))
        if row.stamp:
            self._by_stamp[row.stamp] = place
        if self._by_content is not None:
            self._by_content.setdefault(row.suffix, {})[row.content_hash] = place


def file_stamp(path: str) -> str:
    """Return a text that tells a changed file from an unchanged one without reading it; "" where it cannot be told.

    A hash, as a path need not be valid Unicode. The inode and its time of change tell files of equal size and
    modification time that have changed places.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116  (a Path for each of a million files takes longer than the question)
    except OSError:
        return ""
    seen = f"{path}\x1f{stat.st_size}\x1f{stat.st_mtime_ns}\x1f{stat.st_ctime_ns}\x1f{stat.st_ino}"
    return hashlib.blake2b(os.fsencode(seen), digest_size=16).hexdigest()


def _read_columns(path: Path, row_bytes: int) -> dict[str, list[str]] | None:
    """Return the rows of an index by column; None for a damaged or empty one, or one of another decoder."""
    try:
        with open_own(path) as file:
            table = pq.ParquetFile(file).read()
        table.validate(full=True)
        there = (path.parent / "pixels.u8").stat().st_size
    except (*DAMAGE, DataError, pa.ArrowException):
        return None
    decoder = (table.schema.metadata or {}).get(b"labelaudit.decoder")
    if decoder != str(DECODER_VERSION).encode() or not 0 < table.num_rows * row_bytes <= there:
        return None
    if not table.schema.equals(_SCHEMA) or any(column.null_count for column in table.columns):
        return None
    columns = {name: table[name].to_pylist() for name in _SCHEMA.names}
    if not all(map(_NEAR_HASH.fullmatch, columns["near_hash"])):
        return None
    return columns | {"suffix": [*map(intern, columns["suffix"])]}  # few different ones


_NEAR_HASH = re.compile("[0-9a-f]{16}")


def _make_room(home: Path, own: Path, limit_bytes: int) -> None:
    """Remove the least recently used sizes until what is kept fits the limit; what is locked stays.

    This process may have its own pixels mapped for as long as it runs, so they go only where they alone exceed the
    limit. Then they go first: Linux keeps an unlinked file until nobody maps it; Windows refuses, and they stay.
    """
    n_bytes = {file.parent: _size(file) for file in home.glob("*/pixels.u8")}
    total = sum(n_bytes.values())
    oldest = sorted(n_bytes.keys() - {own}, key=_used_at)
    for folder in [own, *oldest] if n_bytes.get(own, 0) > limit_bytes else oldest:
        if total <= limit_bytes:
            return
        try:
            with FileLock(own_path(folder / "lock"), timeout=0):
                _remove_files(folder)
        except (DataError, OSError, Timeout):  # in use, or not ours to remove
            continue
        total -= n_bytes[folder]


def _remove_files(folder: Path) -> None:
    """Remove the index, then the pixels it names; the lock stays, as another process may be about to take it."""
    (folder / "rows.parquet").unlink(missing_ok=True)
    (folder / "pixels.u8").unlink(missing_ok=True)


def _size(file: Path) -> int:
    """Return the bytes of a file, 0 where another process has removed it."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _used_at(folder: Path) -> float:
    """Return when a size was last used; long ago where no index names its pixels."""
    try:
        return (folder / "rows.parquet").stat().st_mtime
    except OSError:
        return 0.0
