"""Files that are never half written, and lines that are on disk when they are said to be.

pandas and numpy are not needed here: listing audits must not cost a second.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that others see the old one or the new one, never a part.

    Args:
        path: where the file ends up; its folder exists.
        write: writes the whole file to the path that it is given. If it raises, `path` stays as it was.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; what is no Unicode, such as a file name of undecodable bytes, is spelled out."""
    write_atomically(path, lambda part: part.write_bytes(text.encode("utf-8", "backslashreplace")))


def write_json(path: Path, value: Any) -> None:
    """Write a value as `plain` makes it, atomically and indented for people."""
    write_text(path, json.dumps(plain(value), indent=2) + "\n")


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record as one line of JSON; it is on disk when this returns."""
    append_lines(path, [record])


def append_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Add records as lines of JSON; all of them are on disk when this returns."""
    lines = "".join(json.dumps(plain(record)) + "\n" for record in records).encode()
    is_new = not path.exists()
    with path.open("ab+") as file:
        torn = b"" if file.tell() == 0 or _last_byte(file) == b"\n" else b"\n"  # a crash cut the last line off
        file.write(torn + lines)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def keep_out_of_git(folder: Path) -> None:
    """Give a folder of ours a .gitignore that leaves all of it out, unless it has one."""
    if not (folder / ".gitignore").exists():
        write_text(folder / ".gitignore", "*\n")


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: numpy numbers and paths made plain, numbers that are not finite null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return str(value)
    if hasattr(value, "tolist"):  # numpy, without importing it
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
