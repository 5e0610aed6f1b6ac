"""Which files this program wrote: nothing else is written over unasked, nor what somebody changed since."""

from __future__ import annotations

import hashlib
from pathlib import Path

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.files import append_line, parse_json, read_own, read_regular, write_atomically

_NAME = "exports.jsonl"  # in .labelaudit: a line for each file, the last one counts


def write_export(path: Path, data: bytes, *, home: Path, overwrite: bool = False) -> None:
    """Write a file, whole or not at all, and remember it.

    Args:
        path: the file.
        data: all of it.
        home: the folder `.labelaudit` that remembers.
        overwrite: also what somebody else wrote or changed.

    Raises:
        ConfigError: there is such a file.
    """
    if not overwrite:
        require_ours(path, data, home)
    write_atomically(path, lambda part: part.write_bytes(data))
    try:
        append_line(home / _NAME, {"path": str(path.absolute()), "sha256": _hash(data)})
    except OSError:  # an audit that only can be read: asked for --overwrite next time
        return


def require_ours(path: Path, data: bytes, home: Path) -> None:
    """Raise ConfigError where a file is in the way that we did not write, or that was changed since."""
    try:
        there = read_regular(path)
    except FileNotFoundError:
        return
    if there == data:
        return
    last = _last_written(path, home)
    if last == _hash(there):
        return
    why = "was not written by labelaudit export" if last is None else "was changed since it was exported"
    raise ConfigError(f"{path} exists and {why}.", hint="--overwrite replaces it; --output DIR writes elsewhere.")


def _last_written(path: Path, home: Path) -> str | None:
    """Return the hash of what we wrote there last, None where we never did."""
    found = None
    try:
        lines = read_own(home / _NAME).decode("utf-8").splitlines()
    except (DataError, OSError, UnicodeDecodeError):
        return None
    for line in lines:
        try:
            entry = parse_json(line)
        except ValueError:  # a crash cut it off
            continue
        if isinstance(entry, dict) and entry.get("path") == str(path.absolute()):
            found = str(entry.get("sha256"))
    return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
