"""Where each member of a tar archive begins: one pass over the headers, nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

from labelaudit.sources.range_file import open_place, read_part
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place

_HEADER = 512  # bytes
_THREADS = 8  # shards whose headers are read at once
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))


@dataclass(frozen=True, slots=True)
class Member:
    """The bytes of one file in an archive."""

    offset: int  # of its content, from the start of the archive
    size: int


@dataclass(slots=True)
class ShardIndex:
    """The samples of one archive: members with the same key."""

    place: Place
    samples: dict[str, dict[str, Member]] = field(default_factory=dict)  # key -> extension ("jpg") -> bytes
    problem: str | None = None  # why the archive could not be read, or not to its end
    is_missing: bool = False


def index_shards(places: list[Place], store: Store) -> list[ShardIndex]:
    """Return the index of each archive; one that is damaged or missing keeps what comes before the damage."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda place: index_shard(place, store), places))


def index_shard(place: Place, store: Store) -> ShardIndex:
    """Return the members of an archive by key and extension; what is wrong with it is in `problem`."""
    index = ShardIndex(place)
    try:
        with open_place(place, store) as stream:
            index.problem = _walk(stream, index)
    except FileNotFoundError:
        index.problem, index.is_missing = "there is no such file", True
    except OSError as error:
        index.problem = error.strerror or str(error)
        index.is_missing = getattr(error, "status", None) == 404
    return index


def split_name(name: str) -> tuple[str, str] | None:
    """Return (key, extension) as WebDataset splits names: at the first dot of the last part; None where hidden."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, dot, extension = base.partition(".")
    if not stem or not dot or not extension:
        return None
    return f"{folder}{slash}{stem}", extension.lower()


class TarMembers:
    """Reads members of archives by their position; each read is one access to one range of bytes."""

    def __init__(self, members: list[tuple[Place, Member]], store: Store) -> None:
        self._members, self._store = members, store

    def read(self, position: int) -> bytes:
        """Return the bytes of one member; raises OSError."""
        place, member = self._members[position]
        data = read_part(place, self._store, member.offset, member.size)
        if len(data) != member.size:
            raise OSError(f"{place}: ends within a member at byte {member.offset:,}")
        return data


def _walk(stream: BinaryIO, index: ShardIndex) -> str | None:
    """Add all members to the index; returns what is wrong with the archive."""
    size = stream.seek(0, 2)
    head = _read_at(stream, 0, _HEADER)
    for magic, name in _COMPRESSED:
        if head.startswith(magic):
            return f"is compressed ({name}), so that single images cannot be read from it"
    stream.seek(0)
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in _members(archive):
                _add(member, size, index)
            return _end_problem(stream, archive.offset, size)
    except tarfile.TarError as error:
        return "is empty (0 bytes)" if size == 0 else f"is damaged or cut off ({error})"


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        yield member
        archive.members.clear()  # type: ignore[attr-defined]  # a million of them would fill the memory


def _add(member: tarfile.TarInfo, size: int, index: ShardIndex) -> None:
    parts = split_name(member.name)
    inside = member.offset_data + member.size <= size
    if parts is not None and member.isreg() and not member.issparse() and inside:
        key, extension = parts
        index.samples.setdefault(key, {})[extension] = Member(member.offset_data, member.size)


def _end_problem(stream: BinaryIO, offset: int, size: int) -> str | None:
    """Name the damage where tarfile stopped: only zeros, or nothing at all, may be there."""
    block = _read_at(stream, offset, _HEADER)
    if offset <= size and not block.strip(b"\0"):
        return None
    return f"is damaged at byte {offset:,}: no header of a member"


def _read_at(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)
