"""Vectors on disk, so that no sample is encoded twice: by the hash of its content, per encoder and version.

    <folder>/<encoder>-<version>-<hash of its settings>/
    └── <hash of the keys>.safetensors     keys (n, 16) uint8, vectors (n, D) float16; written atomically, never changed

A part that is damaged is removed, and what it held is encoded again. A cache is never a reason for a scan to fail.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from labelaudit.core.errors import DAMAGE, DataError
from labelaudit.core.files import own_path, write_atomically

DEFAULT_LIMIT_BYTES = 10 * 2**30
_KEY_BYTES = 16
_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, SafetensorError)

Vectors = NDArray[np.float16]  # (N, D)


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The vectors of one encoder that earlier scans left behind.

    Args:
        folder: of all encoders; None = keep nothing.
        encoder: its name.
        version: of the encoder.
        settings: whatever else changes the vectors, such as the size of the images.
        limit_bytes: what all encoders together may keep; the least recently used parts go first.
    """

    folder: Path | None
    encoder: str
    version: int
    settings: str = ""
    limit_bytes: int = DEFAULT_LIMIT_BYTES
    _home: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the folder of this encoder."""
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", self.encoder)
        object.__setattr__(self, "_home", f"{plain}-{self.version}-{_digest([self.encoder, self.settings]).hex()[:8]}")

    def find(self, content_hashes: Sequence[str], dimension: int) -> tuple[Vectors, NDArray[np.bool_]]:
        """Return (N, D) vectors and (N,) whether each was known; the others are 0.

        Args:
            content_hashes: of the samples; "" = not known by its content.
            dimension: D.
        """
        vectors = np.zeros((len(content_hashes), dimension), dtype=np.float16)
        known = np.zeros(len(content_hashes), dtype=np.bool_)
        if self.folder is None:
            return vectors, known
        places: dict[bytes, list[int]] = {}
        for place, content_hash in enumerate(content_hashes):
            if content_hash:
                places.setdefault(_digest([content_hash]), []).append(place)
        for path in _parts_below(self.folder, self._home):
            found = _read(path, places, dimension)
            if found is None:
                with suppress(OSError):
                    path.unlink()
                continue
            for place, vector in found:
                vectors[place], known[place] = vector, True
        return vectors, known

    def add(self, content_hashes: Sequence[str], vectors: Vectors) -> None:
        """Keep the vectors of samples that are known by their content.

        Args:
            content_hashes: (n,).
            vectors: (n, D) finite.
        """
        rows = {_digest([content_hash]): row for row, content_hash in enumerate(content_hashes) if content_hash}
        if self.folder is None or not rows:
            return
        keys = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, _KEY_BYTES)
        kept = np.ascontiguousarray(vectors[list(rows.values())], dtype=np.float16)
        tensors: dict[str, NDArray[Any]] = {"keys": keys, "vectors": kept}
        metadata = {name: _check(values) for name, values in tensors.items()}
        home = self.folder / self._home
        with suppress(DataError, OSError):  # this scan has its vectors
            own_path(home, folder=True).mkdir(parents=True, exist_ok=True)
            name = hashlib.blake2b(keys.tobytes(), digest_size=16).hexdigest()
            write_atomically(home / f"{name}.safetensors", lambda part: save_file(tensors, part, metadata=metadata))
            _make_room(self.folder, self.limit_bytes)


def _read(path: Path, places: dict[bytes, list[int]], dimension: int) -> list[tuple[int, Vectors]] | None:
    """Return the vectors of a part that somebody asks for, by place; None where the part is damaged."""
    try:
        with safe_open(path, "numpy") as part:
            checks, keys = part.metadata() or {}, part.get_tensor("keys")
            if checks.get("keys") != _check(keys):
                return None
            asked = [(row, place) for row, key in enumerate(keys) for place in places.get(key.tobytes(), ())]
            if not asked:
                return []
            vectors = part.get_tensor("vectors")
        path.touch()  # used now
    except _DAMAGE:
        return None
    if vectors.shape != (len(keys), dimension) or vectors.dtype != np.float16:
        return None
    if checks.get("vectors") != _check(vectors):
        return None
    return [(place, vectors[row]) for row, place in asked]


def _make_room(folder: Path, limit_bytes: int) -> None:
    """Remove the least recently used parts until the others fit."""
    parts = sorted(_parts_below(folder, "*"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in parts:
        total += path.stat().st_size
        if total > limit_bytes:
            path.unlink(missing_ok=True)


def _parts_below(folder: Path, pattern: str) -> list[Path]:
    """Return the parts of some encoders by their names; nothing behind a link is one."""
    parts = []
    for path in sorted(folder.glob(f"{pattern}/*.safetensors")):
        with suppress(DataError):
            parts.append(own_path(path))
    return parts


def _check(values: NDArray[Any]) -> str:
    return hashlib.blake2b(values.tobytes(), digest_size=16).hexdigest()


def _digest(words: Sequence[str]) -> bytes:
    return hashlib.blake2b("\x1f".join(words).encode(), digest_size=_KEY_BYTES).digest()
