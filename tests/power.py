"""A disk from which everything is gone that was not synced when the power went out.

`Disk` stands before the calls that make things durable and notes, before and after each of them, what would be there
after a loss of power: of names and contents, those that were synced; or the names as they are now, because a file
system may write these at any time, with contents as they were synced last. A file that never was is empty then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

State = dict[str, bytes | None]  # path below the root -> content; None = a folder
_OS = ("fsync", "open", "replace", "rename", "unlink", "mkdir", "rmdir")
_PATH = ("replace", "rename", "unlink", "mkdir", "rmdir")


class Disk:
    """Watches what happens below a folder; a context manager.

    Args:
        root: everything below it is on disk when the watch begins.
        on_state: shown every state that a loss of power could leave.
    """

    def __init__(self, root: Path, on_state: Callable[[State], object]) -> None:
        self.root, self.on_state = root, on_state
        self._contents: dict[int, bytes] = {}  # inode -> as it was synced last
        self._names: dict[int, dict[str, tuple[bool, int]]] = {}  # inode of a folder -> name -> (is a folder, inode)
        self._real: dict[tuple[Any, str], Any] = {}
        self._is_telling = False

    def __enter__(self) -> Disk:
        for folder, _, files in os.walk(self.root):
            self._sync_folder(folder)
            for name in files:
                path = Path(folder, name)
                self._contents[path.stat().st_ino] = path.read_bytes()
        for module, names in ((os, _OS), (Path, _PATH)):
            for name in names:
                self._real[module, name] = getattr(module, name)
                setattr(module, name, self._watched(name, self._real[module, name]))
        return self

    def __exit__(self, *_: object) -> None:
        for (module, name), call in self._real.items():
            setattr(module, name, call)

    def states(self) -> list[State]:
        """Return what could be there after a loss of power now: names as synced, and names as they are."""
        strict: State = {}
        self._add_synced(self.root.stat().st_ino, "", strict)
        eager: State = {}
        for folder, folders, files in os.walk(self.root):
            for name in folders:
                eager[str(Path(folder, name).relative_to(self.root))] = None
            for name in files:
                place = Path(folder, name)
                eager[str(place.relative_to(self.root))] = self._contents.get(place.lstat().st_ino, b"")
        return [strict, eager]

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            if name == "open":
                return self._opened(call, *arguments, **named)
            self._tell()
            result = call(*arguments, **named)
            if name == "fsync" and not self._is_telling:
                self._synced(arguments[0])
            self._tell()
            return result

        return watched

    def _opened(self, call: Callable[..., int], path: Any, flags: int, *more: Any, **named: Any) -> int:
        is_new = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        handle = call(path, flags, *more, **named)
        if is_new and not self._is_telling:
            self._contents.pop(os.fstat(handle).st_ino, None)  # the number of a file that is gone
            self._tell()
        return handle

    def _synced(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            self._sync_folder(path)
        else:
            self._contents[found.st_ino] = path.read_bytes()

    def _sync_folder(self, folder: Path | str) -> None:
        names = {}
        with os.scandir(folder) as entries:
            for each in entries:
                names[each.name] = (each.is_dir(follow_symlinks=False), each.inode())
        self._names[Path(folder).stat().st_ino] = names

    def _add_synced(self, folder: int, place: str, state: State) -> None:
        for name, (is_folder, inode) in self._names.get(folder, {}).items():
            path = f"{place}/{name}".lstrip("/")
            state[path] = None if is_folder else self._contents.get(inode, b"")
            if is_folder:
                self._add_synced(inode, path, state)

    def _tell(self) -> None:
        if self._is_telling:  # who looks at a state makes folders, too
            return
        self._is_telling = True
        try:
            for state in self.states():
                self.on_state(state)
        finally:
            self._is_telling = False


def lay_out(state: State, folder: Path) -> None:
    """Write a state down."""
    for name, content in sorted(state.items()):
        path = folder / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
