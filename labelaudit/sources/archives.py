"""Archives of class folders, .zip and .tar: images are read where they are, nothing is unpacked."""

from __future__ import annotations

import tarfile
import threading
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.dataset import Content, Dataset, StreamedImages
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.remote_folder import read_listed_folder
from labelaudit.sources.store import Store
from labelaudit.sources.tar_index import Member, TarMembers
from labelaudit.sources.urls import Place

_LABELS = frozenset({".cls", ".json", ".txt"})  # of a WebDataset shard, beside its images


class ZipMembers:
    """Reads members of a .zip by their position; each thread has the file open for itself."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, tuple(names)
        self._local = threading.local()

    def read(self, position: int) -> bytes:
        """Return the bytes of one member; raises OSError."""
        archive = getattr(self._local, "archive", None)
        if archive is None:
            archive = self._local.archive = zipfile.ZipFile(self._path)
        try:
            data: bytes = archive.read(self._names[position])
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:  # damaged or encrypted
            raise OSError(f"{self._path}: {self._names[position]}: {error}") from error
        return data


def read_zip(path: Path, settings: DataSettings) -> Dataset:
    """Return the images of a .zip of class folders, with or without splits above them.

    Raises:
        DataError: it is damaged, or no image has a class.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path}: not a .zip file, or damaged: {error}.", hint="Copy it again.") from error
    top = _common_folder(names)

    def content(chosen: Sequence[str]) -> Content:
        positions = np.arange(len(chosen), dtype=np.int64)
        return StreamedImages(ZipMembers(path, [top + name for name in chosen]), positions)

    return read_listed_folder(path, [name.removeprefix(top) for name in names], settings, content)


def read_tar_folder(path: Path, settings: DataSettings, store: Store) -> Dataset | None:
    """Return the images of a .tar of class folders; None where it is a shard with labels beside its images.

    Raises:
        DataError: no image has a class.
    """
    members = _tar_members(path)
    if members is None or not _holds_class_folders(list(members)):
        return None
    top = _common_folder(list(members))

    def content(chosen: Sequence[str]) -> Content:
        places: list[tuple[Place, Member]] = [(path, members[top + name]) for name in chosen]
        return StreamedImages(TarMembers(places, store), np.arange(len(chosen), dtype=np.int64))

    return read_listed_folder(path, [name.removeprefix(top) for name in members], settings, content)


def _tar_members(path: Path) -> dict[str, Member] | None:
    """Return the files of an archive that is not compressed; None where it cannot be read so."""
    try:
        with tarfile.open(path, "r:") as archive:
            return {
                each.name.removeprefix("./"): Member(each.offset_data, each.size)
                for each in archive
                if each.isreg() and not each.issparse()
            }
    except (tarfile.TarError, OSError):  # said when it is read as a shard
        return None


def _holds_class_folders(names: Sequence[str]) -> bool:
    """Return whether images lie in two folders or more, and no labels beside them."""
    suffixes = image_suffixes()
    paths = [PurePosixPath(name) for name in names]
    folders = {path.parent for path in paths if path.suffix.lower() in suffixes}
    labels = sum(path.suffix.lower() in _LABELS for path in paths)
    return len(folders) > 1 and PurePosixPath() not in folders and labels < len(paths) / 10


def _common_folder(names: Sequence[str]) -> str:
    """Return the one folder that all files lie in and that holds folders only, with a slash; "" where there is none."""
    tops = {name.partition("/")[0] for name in names if not name.startswith(("__MACOSX", "."))}
    if len(tops) != 1 or any(name.count("/") < 2 and _is_image(name) for name in names):
        return ""
    return f"{tops.pop()}/"


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in image_suffixes()
