"""What may be read of a folder that somebody else laid out: its own files, and no link out of it unless told.

A path that leads elsewhere could show, in an audit or in a message, what its maker may not see and the reader may.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa

from labelaudit.core.errors import DAMAGE, DataError

MOST_LEVELS = 100  # folders within each other; more is a trap or a mistake


@contextmanager
def reading(source: object) -> Iterator[None]:
    """Turn whatever readers raise on strange data into a DataError that names the source.

    Each reader says what it knows to say; this is for what none of them has thought of.
    """
    try:
        yield
    except (*DAMAGE, pa.ArrowException) as error:
        text = " ".join(str(error).split())[:300] or "no reason is given"
        raise DataError(
            f"{source} cannot be read: {type(error).__name__}: {text.rstrip('.')}.",
            hint="Is it what its name says? --debug shows where it went wrong.",
        ) from error


def require_inside(name: str, place: object) -> str:
    """Return a name that a list has for a file below its folder; raises DataError where it leads out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or not name:
        raise DataError(
            f"{place}: {name[:80]!r} leads out of the folder.", hint="Fetch the lists of the dataset again."
        )
    return name


def is_within(path: str, folder: str) -> bool:
    """Whether a resolved path is a folder or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def leads_to_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link to one; a pipe, a device or a link that leads to itself is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_own_file(path: Path, root: Path, *, follow_links: bool) -> bool:
    """Whether a file that nobody named may be read: no pipe or device, and no link out of the root.

    Args:
        path: of the file, there or not.
        root: the folder that the user named.
        follow_links: the user said that links out of it are meant.
    """
    if not path.is_file():
        return False
    return follow_links or is_within(os.path.realpath(path), os.path.realpath(root))


class Fence:
    """Says of many files whether a link leads them out of a root; asks the system once a folder and once a file.

    Args:
        root: the folder that the user named.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._real = lru_cache(maxsize=100_000)(os.path.realpath)

    def leaves(self, file: str) -> str | None:
        """Return where a file lies that is outside of the root, links resolved; None for one inside."""
        folder, _, name = file.rpartition(os.sep)
        path = os.path.realpath(file) if os.path.islink(file) else f"{self._real(folder or os.sep)}{os.sep}{name}"  # noqa: PTH114
        return None if is_within(path, self._root) else path


def files_inside(folder: Path, *, follow_links: bool) -> Iterator[str]:
    """Yield the files below a folder, relative to it; hidden ones, and links out of it, are left out.

    The files of a folder come before those of the folders in it, each in order. Links to folders are not followed.
    """
    fence = Fence(folder)
    waiting = [("", 0)]
    while waiting:
        prefix, depth = waiting.pop()
        folders = []
        for entry in _sorted(os.path.join(folder, prefix)):  # noqa: PTH118
            if leads_to_folder(entry):
                if not entry.is_symlink() and depth < MOST_LEVELS:
                    folders.append((f"{prefix}{entry.name}/", depth + 1))
            elif leads_to_file(entry) and (follow_links or not entry.is_symlink() or fence.leaves(entry.path) is None):
                yield f"{prefix}{entry.name}"
        waiting += reversed(folders)


def _sorted(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError:  # said when the folder is read
        return []
