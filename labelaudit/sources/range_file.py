"""Local files and objects behind URLs alike: open at any position, or some bytes at once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place, Url


class RangeFile(io.RawIOBase):
    """An object as a file that can be read at any position; only what is read is fetched."""

    def __init__(self, url: Url, store: Store) -> None:
        self._url, self._store, self._position = url, store, 0
        self.size = store.facts(url).size or len(store.read(url))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the position on; returns the number of bytes."""
        data = self._store.read_range(self._url, self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_place(place: Place, store: Store) -> BinaryIO:
    """Return a local file or an object, open for reading at any position; raises OSError."""
    return place.open("rb") if isinstance(place, Path) else cast(BinaryIO, RangeFile(place, store))


def read_part(place: Place, store: Store, start: int, size: int) -> bytes:
    """Return some bytes of a local file or of an object; raises OSError."""
    if isinstance(place, Url):
        return store.read_range(place, start, size)
    with place.open("rb") as file:  # a handle of its own: many threads read one shard
        file.seek(start)
        return file.read(size)
