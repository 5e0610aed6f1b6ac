"""Files that are never half written, lines that are on disk when they are said to be, nothing of ours through a link.

pandas and numpy are not needed here: listing audits must not cost a second.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EFBIG, EINVAL, ENOSPC
from pathlib import Path
from typing import IO, Any, BinaryIO

from labelaudit.core.errors import DataError, is_disk_full

HOME = ".labelaudit"  # the folder with everything of ours
MOST_TEXT = 256 * 2**20  # bytes of a file of ours that is read as a whole
_BLOCK = 2**20  # bytes
_ABANDONED_S = 3600.0  # age of a half-written file that nobody is writing any more, where locks do not tell


def own_path(path: Path, *, root: Path | None = None, folder: bool = False) -> Path:
    """Return the path of a file or folder of ours, made sure that no link leads it elsewhere.

    Strangers lay out repositories: a `decisions.jsonl` that is a link to a start-up file of the shell would be
    appended to. Whoever opens a file of a run asks here first; `open_own` and `append_line` do it themselves.

    Args:
        path: need not exist.
        root: the folder below which nothing may be a link; the user named it. None = the one that holds
            `.labelaudit`, else the file's own folder.
        folder: it is one of ours, not a file.

    Raises:
        DataError: a component below the root is a link or leads upwards, or what lies there is of another kind.
    """
    path = path.absolute()
    top = _root_of(path) if root is None else root.absolute()
    if not path.is_relative_to(top) or ".." in path.relative_to(top).parts:
        raise DataError(f"{path} leaves {top}.", hint="Files of labelaudit stay below it.")
    place = top
    for part in path.relative_to(top).parts:
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except (FileNotFoundError, NotADirectoryError):
            break
        except (OSError, ValueError) as error:  # no permission; a zero byte in the name
            raise DataError(f"{place} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        if stat.S_ISLNK(mode):
            raise DataError(
                f"{place} is a symbolic link, and labelaudit follows none below {top}.",
                hint="Put the file or folder itself there; --root and --audit name another place.",
            )
        if stat.S_IFMT(mode) != (stat.S_IFDIR if folder or place != path else stat.S_IFREG):
            wanted = "folder" if folder or place != path else "file"
            raise DataError(f"{place} is no {wanted}, but {_kind_of(mode)}.", hint="Remove it.")
    return path


def open_own(path: Path, *, root: Path | None = None) -> BinaryIO:
    """Open a file of ours for reading, as `own_path` allows.

    Raises:
        DataError: as `own_path`.
        FileNotFoundError: it does not exist; other errors of the system as they come.
    """
    return os.fdopen(os.open(own_path(path, root=root), os.O_RDONLY | _SAFE), "rb")


def read_own(path: Path, *, root: Path | None = None, most: int = MOST_TEXT) -> bytes:
    """Return the bytes of a file of ours; raises as `open_own` does, and DataError where there are more than `most`."""
    with open_own(path, root=root) as file:
        data = _read_more_than(most, file)
    if len(data) > most:
        raise DataError(f"{path} has more than {most // 2**20:,} MiB: labelaudit wrote no such file.")
    return data


def make_folder(folder: Path) -> None:
    """Make a folder of ours and those above it that are missing; their names are on disk when this returns.

    Raises:
        DataError: as `own_path`.
    """
    missing = [each for each in (own_path(folder, folder=True), *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        with suppress(PermissionError):  # of a folder of the user's that may be written to, but not read
            _sync_folder(each.parent)


def empty(folder: Path) -> None:
    """Remove the files of a folder of ours, which stays; links go, what they lead to does not."""
    for file in own_path(folder, folder=True).iterdir():
        with suppress(IsADirectoryError, PermissionError):  # none of ours: unlinking a folder is refused
            file.unlink()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that others see the old one or the new one, never a part.

    What an earlier process left half written when it died is removed. A link of this name is replaced, not followed.

    Args:
        path: where the file ends up; its folder exists.
        write: writes the whole file to the path that it is given. If it raises, `path` stays as it was.
    """
    if HOME in path.parts:
        own_path(path.parent, folder=True)
    _remove_left_over(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with naming(path):
        held = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o666)
    try:
        _lock(held)
        with naming(path):
            write(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        if os.name == "nt":  # Windows renames no open file
            os.close(held)
            held = -1
        part.replace(path)
    finally:
        if held >= 0:
            os.close(held)
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the system that name no file, or the part that is to become one, name what is being written."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(error.filename).endswith(".part")):
            error.filename = str(path)
        raise
    except Exception as error:  # safetensors and others say it in words of their own
        if is_disk_full(error):
            raise OSError(ENOSPC, "No space left on device", str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; what is no Unicode, such as a file name of undecodable bytes, is spelled out."""
    write_atomically(path, lambda part: part.write_bytes(text.encode("utf-8", "backslashreplace")))


def write_json(path: Path, value: Any) -> None:
    """Write a value as `plain` makes it, atomically and indented for people."""
    write_text(path, json.dumps(plain(value), indent=2) + "\n")


def append_line(path: Path, record: Mapping[str, Any], *, root: Path | None = None) -> None:
    """Add a record as one line of JSON to a file of ours; as `append_lines`."""
    append_lines(path, [record], root=root)


def append_lines(path: Path, records: Iterable[Mapping[str, Any]], *, root: Path | None = None) -> None:
    """Add records as lines of JSON to a file of ours; all of them are on disk when this returns.

    Raises:
        DataError: as `own_path`.
    """
    lines = "".join(json.dumps(plain(record)) + "\n" for record in records).encode()
    handle = os.open(own_path(path, root=root), os.O_RDWR | os.O_APPEND | os.O_CREAT | _SAFE, 0o666)
    with os.fdopen(handle, "ab+") as file:
        is_new = file.tell() == 0
        torn = b"" if file.tell() == 0 or _last_byte(file) == b"\n" else b"\n"  # a crash cut the last line off
        with naming(path):
            file.write(torn + lines)
            file.flush()
            os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def parse_json(data: bytes | str) -> Any:
    """Return the value of a JSON text as the standard has it.

    Raises:
        ValueError: no JSON, or what Python reads beyond it or stumbles over: NaN and infinity, whole numbers of more
            than 64 bits, nesting too deep.
    """
    try:
        value = json.loads(data, parse_constant=_no_number, parse_float=_finite_number, parse_int=_short_number)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _require_shallow(value, _DEPTH)
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file of the user says; raises OSError as `read_regular`, and ValueError where it is none."""
    data = read_regular(path, most=16 * 2**20)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_regular(path: Path, *, most: int = MOST_TEXT) -> bytes:
    """Return the bytes of a file that the user named, through links where there are any.

    Raises:
        OSError: it cannot be read, it is a pipe or a device that may never end, or it has more than `most` bytes.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(mode := os.fstat(handle).st_mode):
            raise OSError(EINVAL, f"it is no file, but {_kind_of(mode)}", str(path))
        data = _read_more_than(most, file)
    if len(data) > most:
        raise OSError(EFBIG, f"it has more than {most // 2**20:,} MiB", str(path))
    return data


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


_DEPTH, _TOO_DEEP = 60, "it is nested too deeply"


def _require_shallow(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError(_TOO_DEEP)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(item, dict | list):
            _require_shallow(item, left - 1)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text[:20])


def _short_number(text: str) -> int:
    if len(text) > 19:  # more than 64 bits
        raise ValueError(f"a number has {len(text):,} digits")
    return int(text)


_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _kind_of(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def _root_of(path: Path) -> Path:
    """Return the folder that holds `.labelaudit`, or the path's own folder."""
    above = [folder.parent for folder in (path, *path.parents) if folder.name == HOME]
    return above[0] if above else path.parent


def _lock(handle: int) -> bool | None:
    """Lock an open file for as long as it is open; False where another has it, None where the system has no locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def _remove_left_over(path: Path) -> None:
    """Remove half-written files of this name whose process has died."""
    start, end = f".{path.name}.", ".part"
    left: list[str] = []
    with suppress(OSError), os.scandir(path.parent) as entries:
        left = [each.path for each in entries if each.name.startswith(start) and each.name.endswith(end)]
    for name in left:
        with suppress(OSError):
            _remove_if_abandoned(name)


def _remove_if_abandoned(name: str) -> None:
    handle = os.open(name, os.O_RDONLY | _SAFE)
    try:
        seen = os.fstat(handle)
        is_free = _lock(handle) if stat.S_ISREG(seen.st_mode) else False
        if is_free or (is_free is None and time.time() - seen.st_mtime > _ABANDONED_S):
            Path(name).unlink()
    finally:
        os.close(handle)


def _read_more_than(most: int, file: BinaryIO) -> bytes:
    """Return what a file holds, up to one byte more than `most`; asks for no more memory than the file has bytes."""
    data = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    while data and len(data) <= most and (more := file.read(min(_BLOCK, most + 1 - len(data)))):
        data += more  # of a file that grows, or of those in /proc, which have no size
    return data


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
