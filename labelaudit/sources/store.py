"""Bytes behind URLs, through fsspec: with retries, and a local cache that a second scan reads from."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labelaudit.core.errors import ConfigError
from labelaudit.core.installed import pip_install
from labelaudit.sources.blobs import BlobCache, blob_key, default_cache_folder
from labelaudit.sources.retry import FetchError, Retry, ShortReadError, with_retries
from labelaudit.sources.urls import EXTRAS, Url, unreadable_source

T = TypeVar("T")

BLOCK = 4 * 2**20  # bytes of one range request: a few per second fill any line, and most tar shards have under 300
_MOST_BLOCKS = 16  # that one request fetches
_THREADS = 16  # requests that wait for an answer at once
# What names a version of an object, best first; the spellings of s3fs, gcsfs, adlfs, huggingface_hub and HTTP.
_VERSIONS = ("ETag", "etag", "blob_id", "md5Hash", "content_md5", "LastModified", "Last-Modified", "last_modified")
_TIMES = ("mtime", "updated", "created")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What is known about an object before its bytes are fetched."""

    size: int | None  # bytes; None where the server does not tell
    version: str | None  # changes when the content does; None where the server does not tell


class Store:
    """Reads objects by URL, from any thread. Nothing is opened or fetched before it is asked for.

    Args:
        cache: folder for fetched bytes; None is the user's own cache folder.
        retry: tries and waiting times.
        limit: bytes that the cache may take; None is 20 GiB.
        block: bytes of one range request.
    """

    def __init__(
        self, cache: Path | None = None, *, retry: Retry | None = None, limit: int | None = None, block: int = BLOCK
    ) -> None:
        folder = cache or default_cache_folder()
        self._blobs = BlobCache(folder) if limit is None else BlobCache(folder, limit)
        self._retry = retry or Retry()
        self._block = block
        self._lock = threading.Lock()
        self._filesystems: dict[str, Any] = {}  # by protocol
        self._facts: dict[str, ObjectFacts] = {}  # by URL
        self._session = secrets.token_hex(8)  # stands for the version of objects that have none

    def read(self, url: Url) -> bytes:
        """Return the bytes of an object.

        Raises:
            FetchError: not there, not allowed, or not to be had after some tries.
        """
        facts = self.facts(url)
        key = self._key(url, facts, "whole")
        data = self._blobs.get(key)
        if data is None or (facts.size is not None and len(data) != facts.size):
            # s3fs asks for the size before it fetches a whole object; web servers may not know ranges
            whole = facts.size is None or url.is_web
            data = self._fetch(url, *((None, None) if whole else (0, facts.size)))
            self._blobs.put(key, data)
        return data

    def read_range(self, url: Url, start: int, size: int) -> bytes:
        """Return some bytes of an object, fetched and cached in whole blocks.

        Raises:
            FetchError: as `read`; or the server sends whole files only.
        """
        facts = self.facts(url)
        if facts.size is None:
            return self.read(url)[start : start + size]
        stop = min(start + size, facts.size)
        if stop <= start:
            return b""
        first = start // self._block
        blocks = range(first, (stop - 1) // self._block + 1)
        if len(blocks) == 1:  # nearly always: reads only what is asked for from the disk
            kept = self._blobs.get(self._key(url, facts, first), start - first * self._block, stop - start)
            if kept is not None and len(kept) == stop - start:
                return kept
        data = b"".join(self._blocks(url, facts, blocks))
        return data[start - first * self._block : stop - first * self._block]

    def local_copy(self, url: Url) -> bytes:
        """Return the bytes of a table or class list; raises DataError where it cannot be read."""
        return self.required(url, lambda: self.read(url))

    def facts(self, url: Url) -> ObjectFacts:
        """Return size and version of an object: asked for once, unless a listing told them."""
        known = self._facts.get(url.text)
        if known is None:
            filesystem = self.filesystem(url)
            known = _object_facts(with_retries(lambda: filesystem.info(url.text), str(url), self._retry))
            self._facts[url.text] = known
        return known

    def find(self, folder: Url) -> list[str]:
        """Return the paths of all files below a folder, relative to it, sorted; their facts are known from then on.

        Raises:
            DataError: the folder cannot be listed; the message has the next step.
        """
        filesystem = self.filesystem(folder)
        self._require_listable(folder)
        listed = self.required(
            folder,
            lambda: with_retries(lambda: filesystem.find(folder.text, detail=True), str(folder), self._retry),
        )
        root = str(filesystem._strip_protocol(folder.text)).rstrip("/") + "/"
        names = {path.removeprefix(root): info for path, info in listed.items() if path.startswith(root)}
        return self._remember(folder, names)

    def list_folders(self, folders: Iterable[Url]) -> frozenset[str]:
        """Return the URLs of the files directly in these folders; a folder that does not exist has none."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return frozenset(url for urls in pool.map(self._list_folder, sorted(folders, key=str)) for url in urls)

    def glob(self, pattern: Url) -> list[Url]:
        """Return the files that fit a pattern with *, ? or [], sorted."""
        filesystem = self.filesystem(pattern)
        self._require_listable(pattern)
        listed = self.required(
            pattern, lambda: with_retries(lambda: filesystem.glob(pattern.text), str(pattern), self._retry)
        )
        return [Url(f"{pattern.protocol}://{str(path).lstrip('/')}") for path in sorted(listed)]

    def required(self, url: Url, read: Callable[[], T]) -> T:
        """Call `read` and return its result; an error becomes a DataError with the address and the next step."""
        try:
            return read()
        except FetchError as error:
            raise unreadable_source(url, error, error.status) from error

    def filesystem(self, url: Url) -> Any:
        """Return the fsspec filesystem of a URL, one for each protocol.

        Raises:
            ConfigError: its package is not installed.
        """
        with self._lock:
            if url.protocol not in self._filesystems:
                self._filesystems[url.protocol] = _open_filesystem(url)
            return self._filesystems[url.protocol]

    def _list_folder(self, folder: Url) -> list[str]:
        filesystem = self.filesystem(folder)
        try:
            listed = with_retries(lambda: filesystem.ls(folder.text, detail=True), str(folder), self._retry)
        except FetchError as error:
            if error.status == 404:
                return []
            raise unreadable_source(folder, error, error.status) from error
        files = {str(info["name"]).rpartition("/")[2]: info for info in listed if info.get("type") == "file"}
        return [folder.join(name).text for name in self._remember(folder, files)]

    def _remember(self, folder: Url, listed: Mapping[str, Mapping[str, Any]]) -> list[str]:
        for name, info in listed.items():
            self._facts[folder.join(name).text] = _object_facts(info)
        return sorted(listed)

    def _require_listable(self, url: Url) -> None:
        if url.is_web:
            raise ConfigError(
                f"{url}: a web server cannot list its files.",
                hint="Name a table with paths (labels.csv), or shards by number: https://host/shard-{000..009}.tar.",
            )

    def _key(self, url: Url, facts: ObjectFacts, block: int | str) -> str:
        version = facts.version or self._session
        return blob_key(url.text, str(facts.size), version, block, self._block if isinstance(block, int) else "")

    def _blocks(self, url: Url, facts: ObjectFacts, blocks: range) -> list[bytes]:
        """Return whole blocks, each from the cache where it is there."""
        parts = {block: self._cached_block(url, facts, block) for block in blocks}
        missing = [block for block, part in parts.items() if part is None]
        for run in _runs(missing):
            data = self._fetch_run(url, facts, run)
            for block in run:
                begin = (block - run[0]) * self._block
                part = data[begin : begin + self._block]
                self._blobs.put(self._key(url, facts, block), part)
                parts[block] = part
        return [part for part in parts.values() if part is not None]

    def _cached_block(self, url: Url, facts: ObjectFacts, block: int) -> bytes | None:
        part = self._blobs.get(self._key(url, facts, block))
        assert facts.size is not None
        wanted = min(self._block, facts.size - block * self._block)
        return part if part is not None and len(part) == wanted else None

    def _fetch_run(self, url: Url, facts: ObjectFacts, run: list[int]) -> bytes:
        assert facts.size is not None
        return self._fetch(url, run[0] * self._block, min((run[-1] + 1) * self._block, facts.size))

    def _fetch(self, url: Url, start: int | None, stop: int | None) -> bytes:
        filesystem = self.filesystem(url)
        wanted = None if start is None or stop is None else stop - start

        def fetch() -> bytes:
            data = bytes(filesystem.cat_file(url.text, start=start, end=stop))
            if wanted is not None and len(data) > wanted:
                reason = "the server sends whole files only, not parts of them: download the file first"
                raise FetchError(str(url), reason, status=None, tries=1)
            if wanted is not None and len(data) < wanted:
                raise ShortReadError(f"{len(data):,} of {wanted:,} bytes arrived")
            return data

        return with_retries(fetch, str(url), self._retry)


def _open_filesystem(url: Url) -> Any:
    import fsspec  # asyncio and more: local files need not wait

    try:
        kind = fsspec.get_filesystem_class(url.protocol)
    except ImportError as error:
        extra = EXTRAS[url.protocol]
        raise ConfigError(
            f"{url}: {url.protocol}:// needs a package that is not installed ({error.name or error}).",
            hint=pip_install(extra),
        ) from error
    if EXTRAS[url.protocol] != "s3":
        return kind(skip_instance_cache=True)
    # We count the tries; s3fs and botocore would each try five times for every one of ours.
    filesystem = kind(skip_instance_cache=True, config_kwargs={"retries": {"total_max_attempts": 1}})
    filesystem.retries = 1
    return filesystem


def _object_facts(info: Mapping[str, Any]) -> ObjectFacts:
    size = info.get("size")
    version = next((str(info[name]) for name in (*_VERSIONS, *_TIMES) if info.get(name)), None)
    return ObjectFacts(None if size is None else int(size), version)


def _runs(numbers: list[int]) -> list[list[int]]:
    """Return the numbers in runs without gaps, each of a length that one request may fetch."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1 and len(runs[-1]) < _MOST_BLOCKS:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
