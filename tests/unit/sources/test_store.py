"""Bytes behind URLs: tries, the cache, ranges."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest

from labelaudit.core.audits import resolve_source
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.installed import pip_install
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.blobs import BlobCache, blob_key, default_cache_folder
from labelaudit.sources.range_file import RangeFile
from labelaudit.sources.read import read_dataset
from labelaudit.sources.retry import FetchError, Retry, with_retries
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Url, is_url, parse_url

FAST = Retry(tries=4, first_wait_s=0.001)


def store(tmp_path, **settings):
    return Store(tmp_path / "cache", **{"retry": FAST, "block": 1000, **settings})


def test_an_error_that_passes_is_tried_again(tmp_path, web):
    web.files["/a.bin"] = b"content"
    web.failures["/a.bin"] = 2
    assert store(tmp_path).read(Url(f"{web.url}/a.bin")) == b"content"
    assert web.gets("/a.bin") == 3


def test_an_error_that_stays_names_the_address_the_status_and_the_tries(tmp_path, web):
    web.files["/a.bin"] = b"content"
    web.failures["/a.bin"] = 99
    with pytest.raises(FetchError) as caught:
        store(tmp_path).read(Url(f"{web.url}/a.bin"))
    assert str(caught.value) == f"{web.url}/a.bin: the server answers 503 (4 tries)"
    assert (caught.value.status, caught.value.tries, web.gets("/a.bin")) == (503, 4, 4)


def test_what_is_not_there_is_asked_for_once(tmp_path, web):
    with pytest.raises(FetchError, match=r"/none\.bin: not found \(404\)$") as caught:
        store(tmp_path).read(Url(f"{web.url}/none.bin?signature=secret"))
    assert (caught.value.status, caught.value.tries, web.gets("/none.bin")) == (404, 1, 1)


def test_a_refused_connection_is_tried_again(tmp_path):
    pytest.importorskip("aiohttp")
    with pytest.raises(FetchError, match=r"^http://127\.0\.0\.1:9/x: .+ \(4 tries\)$"):
        store(tmp_path).read(Url("http://127.0.0.1:9/x"))


def test_waiting_times_grow_and_follow_from_the_seed():
    first = list(Retry(tries=5, first_wait_s=1.0, most_wait_s=4.0).waits("s3://a/b"))
    assert first == list(Retry(tries=5, first_wait_s=1.0, most_wait_s=4.0).waits("s3://a/b"))
    assert first != list(Retry(tries=5, first_wait_s=1.0, most_wait_s=4.0, seed=1).waits("s3://a/b"))
    bases = np.array([1.0, 2.0, 4.0, 4.0])
    assert (np.array(first) >= 0.5 * bases).all()
    assert (np.array(first) <= 1.5 * bases).all()


@pytest.mark.parametrize(("error", "tries"), [(TimeoutError(), 4), (ConnectionResetError(), 4), (PermissionError(), 1)])
def test_timeouts_and_resets_are_tried_again_but_not_refusals(error, tries):
    asked = []

    def fetch():
        asked.append(1)
        raise error

    with pytest.raises(FetchError):
        with_retries(fetch, "s3://a/b", FAST)
    assert len(asked) == tries


def test_a_second_reader_finds_the_bytes_in_the_cache(tmp_path, web):
    web.files["/a.bin"] = b"content"
    url = Url(f"{web.url}/a.bin")
    assert [store(tmp_path).read(url), store(tmp_path).read(url)] == [b"content", b"content"]
    assert web.gets("/a.bin") == 1
    web.files["/a.bin"] = b"changed"
    assert store(tmp_path).read(url) == b"changed"


def test_ranges_are_fetched_in_blocks_once(tmp_path, web):
    data = np.random.default_rng(0).bytes(10_500)
    web.files["/shard.tar"] = data
    url, reader = Url(f"{web.url}/shard.tar"), store(tmp_path)
    for start, size in [(0, 10), (5, 100), (990, 20), (10_400, 500), (3000, 4000), (20_000, 5)]:
        assert reader.read_range(url, start, size) == data[start : start + size]
    ranges = [wanted for method, _, wanted in web.requests if method == "GET"]
    assert ranges == ["bytes=0-999", "bytes=1000-1999", "bytes=10000-10499", "bytes=3000-6999"]
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda start: store(tmp_path).read_range(url, start, 700), range(0, 10_500, 700)))
    assert b"".join(parts) == data


def test_a_range_file_reads_as_a_file_does(tmp_path, web):
    web.files["/x"] = bytes(range(250)) * 10
    file = RangeFile(Url(f"{web.url}/x"), store(tmp_path))
    assert (file.size, file.read(3), file.tell()) == (2500, b"\x00\x01\x02", 3)
    assert (file.seek(-2, os.SEEK_END), file.read()) == (2498, b"\xf8\xf9")


def test_a_server_without_ranges_is_an_error_with_a_way_out(tmp_path, web):
    web.files["/shard.tar"] = b"x" * 5000
    web.knows_ranges = False
    with pytest.raises(
        FetchError, match="the server sends whole files only, not parts of them: download the file first"
    ):
        store(tmp_path).read_range(Url(f"{web.url}/shard.tar"), 0, 10)


def test_the_least_recently_used_blobs_go_first(tmp_path):
    cache = BlobCache(tmp_path, limit=1000)
    for number in range(5):
        cache.put(blob_key(number), bytes(300))
        os.utime(cache.path(blob_key(number)), (number, number)) if cache.path(blob_key(number)).exists() else None
    cache.get(blob_key(2))
    cache.put(blob_key(9), bytes(300))
    kept = [number for number in (0, 1, 2, 3, 4, 9) if cache.get(blob_key(number)) is not None]
    assert kept == [2, 4, 9]


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    cache = BlobCache(tmp_path)
    old = cache.path("ab" * 20).with_name("x.1.tmp")
    old.parent.mkdir(parents=True)
    old.write_bytes(b"half")
    os.utime(old, (0, time.time() - 100_000))
    cache.put(blob_key("a"), b"x")
    assert not old.exists()


def test_a_blob_cut_off_by_a_crash_is_fetched_again(tmp_path, web):
    web.files["/a.bin"] = b"content"
    url = Url(f"{web.url}/a.bin")
    store(tmp_path).read(url)
    (blob,) = (tmp_path / "cache" / "blobs").glob("*/*")
    blob.write_bytes(b"con")
    assert store(tmp_path).read(url) == b"content"


def _write_many(folder, seed):
    cache = BlobCache(folder, limit=40_000)
    for number in range(60):
        cache.put(blob_key(number), bytes([number]) * 1000)
        data = cache.get(blob_key((number * 7 + seed) % 60))
        assert data is None or (len(data) == 1000 and len(set(data)) == 1)


def test_two_processes_write_one_cache(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(tmp_path, seed)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, web):
    (tmp_path / "cache").write_text("a file")
    web.files["/a.bin"] = b"content"
    assert store(tmp_path).read(Url(f"{web.url}/a.bin")) == b"content"


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "labelaudit"


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    def missing(protocol):
        raise ImportError("Please install gcsfs", name="gcsfs")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(ConfigError) as caught:
        read_dataset("gs://bucket/folder", DataSettings(), cache=tmp_path)
    assert caught.value.problem == "gs://bucket/folder: gs:// needs a package that is not installed (gcsfs)."
    assert caught.value.hint == pip_install("gcs")


def test_a_web_server_is_no_folder(tmp_path, web):
    with pytest.raises(ConfigError, match=r"a web server cannot list its files\.\nName a table"):
        read_dataset(f"{web.url}/photos/", DataSettings(), cache=tmp_path)


def test_a_table_that_is_not_there_is_an_error_with_the_next_step(tmp_path, web):
    with pytest.raises(DataError, match=r"/labels\.csv: not found \(404\)\.\nCheck the address"):
        read_dataset(f"{web.url}/labels.csv", DataSettings(), cache=tmp_path)


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("s3://b/data/", "cats/1.jpg", "s3://b/data/cats/1.jpg"),
        ("s3://b/data", "../img/1.jpg", "s3://b/img/1.jpg"),
        ("s3://b", "../../1.jpg", "s3://b/1.jpg"),
        ("https://h/a/?token=x", "b c#.jpg", "https://h/a/b%20c%23.jpg"),
    ],
)
def test_relative_paths_start_from_the_url(base, path, expected):
    assert Url(base).join(path).text == expected


def test_urls_have_names_and_suffixes_and_keep_secrets():
    url = Url("https://host/a/labels.csv?token=secret")
    assert (url.name, url.suffix, str(url), url.parent.text) == (
        "labels.csv",
        ".csv",
        "https://host/a/labels.csv",
        "https://host/a",
    )
    assert [is_url(text) for text in ("s3://a", "C:\\a", "a/b", "simplecache::s3://a")] == [True, False, False, True]
    assert parse_url("file:///a%20b/c.csv") == Path("/a b/c.csv")
    assert resolve_source("s3://b/x/") == resolve_source("s3://b/x")
