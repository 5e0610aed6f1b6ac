"""What a finished audit holds: each file with its size and checksum, and a seal over audit.json itself.

Both stand in audit.json and are written with the status "finished", in one step: an audit has finished, and then its
manifest is there, or it has not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from labelaudit.core.files import open_own, own_path, plain
from labelaudit.core.shape import map_of, record, text, whole

FILES, SEAL = "files", "seal"  # keys of audit.json
MANIFEST_SHAPE = map_of(record({"bytes": whole(), "sha256": text}))
_GROWING = ("audit.json", "decisions.jsonl", "lock")  # sealed in another way, or written to later
_BLOCK = 2**20


def manifest_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size and SHA-256 of every file of an audit that will not change any more, by its path."""
    return {name: checksum(folder / name) for name in sorted(files_of(folder))}


def files_of(folder: Path) -> Iterator[str]:
    """Yield the files of an audit that will not change any more, relative to its folder; links and pipes, too."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        is_part = path.name.startswith(".") and path.name.endswith(".part")
        if name in _GROWING or is_part or "checkpoints" in PurePosixPath(name).parts:
            continue
        if path.is_symlink() or not path.is_dir():
            yield name


def checksum(path: Path) -> dict[str, Any]:
    """Return the size and SHA-256 of a file of ours; raises DataError for a link or what is no file."""
    digest, size = hashlib.sha256(), 0
    with open_own(own_path(path)) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def seal_of(meta: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that audit.json says beside its seal, whatever blanks and order it is written in."""
    facts = {key: value for key, value in plain(meta).items() if key != SEAL}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
