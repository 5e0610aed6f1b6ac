"""New folders beside old ones: every file by hard link, copy or symbolic link, except those that change."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from labelaudit.core.errors import DataError
from labelaudit.mending.layout import By, How
from labelaudit.sources.inside import Fence

Write = Callable[[Path], None]


def visible_files(folder: Path, *, linked_folders: bool = False) -> Iterator[str]:
    """Yield the files below a folder, relative to it, hidden ones left out.

    Args:
        folder: to look in.
        linked_folders: symbolic links to folders count as files; they are left out otherwise.
    """
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(top) / name).is_symlink()] if linked_folders else []
        for name in sorted([*names, *links]):
            if not name.startswith("."):
                yield (Path(top) / name).relative_to(folder).as_posix()


def write_folder(
    target: Path, source: Path, files: Mapping[str, str], *, how: How, rewritten: Mapping[str, Write] | None = None
) -> None:
    """Make a new folder; links that lead out of the old one stay links, unless they were followed when it was read.

    Args:
        target: does not exist.
        source: the old folder.
        files: new file -> old file, relative to the folders.
        how: files come from there to here.
        rewritten: new files that have contents of their own.

    Raises:
        DataError: links cannot be made from one place to the other.
    """
    target.mkdir(parents=True)
    made: set[Path] = set()
    fence = None if how.follow_links else Fence(source)
    for new, old in files.items():
        path = target / new
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if rewritten is not None and new in rewritten:
            rewritten[new](path)
        else:
            _bring(source / old, path, how.by, fence)


def is_as_brought(old: Path, new: Path, by: By) -> bool:
    """Return whether a file is still what was brought: the same file, a link to it, or an equal copy."""
    try:
        is_one_path = os.path.realpath(old) == os.path.realpath(new)
        if by == "symlink" or old.is_dir() or (old.is_symlink() and new.is_symlink()):
            return new.is_symlink() and is_one_path
        if by == "link":
            return not new.is_symlink() and new.samefile(old) and not is_one_path  # the last name stays
        before, after = old.stat(), new.stat(follow_symlinks=False)
    except (OSError, ValueError):  # a name with a zero byte
        return False
    return not is_one_path and (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


def _bring(old: Path, new: Path, by: By, fence: Fence | None) -> None:
    real = os.path.realpath(old)  # a link to a link into a store would end nowhere
    leads_out = fence is not None and fence.leaves(str(old)) is not None
    try:
        if by == "symlink" or leads_out or old.is_dir() or not Path(real).exists():
            new.symlink_to(real)
        elif by == "link":
            os.link(real, new)
        else:
            shutil.copy2(real, new)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP) and by != "copy":
            kind = "hard links" if by == "link" else "symbolic links"
            raise DataError(
                f"{old}: {kind} cannot be made from {new.parent}: {error.strerror}.",
                hint="--by copy writes every file; --by symlink works across disks.",
            ) from error
        raise
