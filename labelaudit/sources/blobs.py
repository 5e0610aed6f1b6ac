"""The local cache of fetched bytes: one file per object or block, never half written, bounded in size."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

GIB = 2**30
_SLACK = 20  # after this part of the limit has been written, the folder is measured again
_LEFT_OVER_S = 86_400.0  # a temporary file of yesterday belongs to a process that was killed


def default_cache_folder() -> Path:
    """Return where this system keeps what can be fetched again, e.g. ~/.cache/labelaudit."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "labelaudit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "labelaudit" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "labelaudit"


def blob_key(*parts: str | int) -> str:
    """Return the name of a blob: 40 hex digits of what identifies it (address, version, block)."""
    text = "\x1f".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


class BlobCache:
    """Blobs below one folder; the least recently used go first. Safe with many threads and processes.

    Args:
        folder: gets a folder "blobs"; it is made when the first blob is written.
        limit: bytes that the blobs may take in all.
    """

    def __init__(self, folder: Path, limit: int = 20 * GIB) -> None:
        self.folder = folder / "blobs"
        self.limit = limit
        self._lock = threading.Lock()
        self._unmeasured: int | None = None  # bytes written since the folder was measured; None: never measured

    def path(self, key: str) -> Path:
        """Return where a blob is, or would be."""
        return self.folder / key[:2] / key

    def get(self, key: str, start: int = 0, size: int = -1) -> bytes | None:
        """Return (part of) a blob and mark it as used; None where there is none."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(size)
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep a blob; a disk that is full or read-only is no error, the bytes are fetched again then."""
        path = self.path(key)
        unfinished = path.with_name(f"{key}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(data)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            return
        self._make_room(len(data))

    def _make_room(self, written: int) -> None:
        """Remove the least recently used blobs when the limit may be reached."""
        with self._lock:
            if self._unmeasured is not None:
                self._unmeasured += written
                if self._unmeasured < self.limit // _SLACK:
                    return
            self._unmeasured = 0
            blobs = self._by_age()
            total = sum(size for _, size, _ in blobs)
            for _, size, path in blobs:
                if total <= self.limit:
                    return
                with suppress(OSError):
                    path.unlink()
                total -= size

    def _by_age(self) -> list[tuple[float, int, Path]]:
        """Return (time of last use, bytes, path) of each blob, oldest first; removes what was left unfinished."""
        blobs = []
        for path in self.folder.glob("*/*"):
            with suppress(OSError):  # another process removed it
                facts = path.stat()
                if path.suffix != ".tmp":
                    blobs.append((facts.st_mtime, facts.st_size, path))
                elif facts.st_mtime < time.time() - _LEFT_OVER_S:
                    path.unlink()
        return sorted(blobs)
