"""Tar archives written anew: members that do not change are copied byte for byte."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

_BLOCK = 512  # bytes

Change = Callable[[tarfile.TarInfo], tuple[str, bytes | None]]


def tar_files(path: Path) -> list[str]:
    """Return the names of the files in an archive, as `sources/archives.py` has them."""
    with tarfile.open(path, "r:") as archive:
        return [member.name.removeprefix("./") for member in archive if member.isreg()]


def copied_tar(source: Path, target: Path, new_names: Mapping[str, str]) -> None:
    """Write an archive anew with other names for some members; those without a name are left out."""

    def change(member: tarfile.TarInfo) -> tuple[str, bytes | None]:
        name = member.name.removeprefix("./")
        return (new_names[name], None) if name in new_names else (member.name, None)

    rewrite_tar(source, target, change)


def rewrite_tar(source: Path, target: Path, change: Change) -> None:
    """Write an archive anew.

    Args:
        source: not compressed.
        target: the new file.
        change: returns the name of a member and its new content, None for the old one; "" leaves it out.
    """
    with source.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:") as archive, target.open("wb") as new:
        at = 0
        for member in archive:
            end = archive.offset  # where the next header is
            name, data = change(member) if member.isreg() and not member.issparse() else (member.name, None)
            if name == member.name and data is None:
                _copy(raw, new, member.offset, end)
            elif name:
                content = _read(raw, member) if data is None else data
                member.name, member.size = name, len(content)
                member.pax_headers = {k: v for k, v in member.pax_headers.items() if k not in ("path", "size")}
                new.write(member.tobuf(tarfile.PAX_FORMAT))
                new.write(content + b"\0" * (_padded(len(content)) - len(content)))
            at = end
        raw.seek(at)
        shutil.copyfileobj(raw, new)  # the end of the archive


def _copy(raw: BinaryIO, new: BinaryIO, start: int, end: int) -> None:
    raw.seek(start)
    left = end - start
    while left > 0 and (block := raw.read(min(left, 1 << 20))):
        new.write(block)
        left -= len(block)


def _read(raw: BinaryIO, member: tarfile.TarInfo) -> bytes:
    raw.seek(member.offset_data)
    return raw.read(member.size)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
