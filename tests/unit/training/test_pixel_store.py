"""What an earlier scan decoded, found again; and a cache that never stands in the way."""

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from labelaudit.core.dataset import ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.functional.images import decode_image
from labelaudit.training import decode
from labelaudit.training.decode import decode_images
from labelaudit.training.pixel_store import PixelStore, Row

SIZE = 8
NOT_UNICODE = (b"caf\xe9.png", b"b.\xe9")


class CountedFiles(ImageFiles):
    """Image files that remember which of them were read."""

    were_read: list[int]

    def read(self, index: int) -> bytes:
        self.were_read.append(index)
        return super().read(index)


def counted(content: ImageFiles) -> CountedFiles:
    files = CountedFiles(content.files)
    object.__setattr__(files, "were_read", [])  # a frozen dataclass
    return files


def row(number: int, stamp: str = "") -> Row:
    return Row(stamp, f"hash{number}", ".png", f"pixels{number}", f"{number:016x}", "")


def images(*numbers: int):
    return [np.full((SIZE, SIZE, 3), number, dtype=np.uint8) for number in numbers]


def files(folder: Path, n: int) -> ImageFiles:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    paths = tuple(folder / f"{i}.png" for i in range(n))
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)).save(path)
    return ImageFiles(paths)


def scan(content: ImageFiles, cache: Path, monkeypatch, *, reads: list[str] | None = None):
    """Decode through the store; `reads` gets the names of the images that were decoded."""

    def counted(data, name, size, *, framing):
        if reads is not None:
            reads.append(name)
        return decode_image(data, name, size, framing=framing)

    monkeypatch.setattr(decode, "decode_image", counted)
    with PixelStore(cache, SIZE) as store:
        found = decode_images(content, [p.name for p in content.files], store, on_samples=lambda _: None)
        result = found.pixels[found.rows].copy()
    monkeypatch.undo()
    return found, result


def test_squeezed_images_are_kept_apart_from_cut_ones(tmp_path):
    pixels = np.zeros((8, 24, 3), dtype=np.uint8)
    pixels[:, 20:] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    seen = []
    for framing in ("centre", "whole", "centre"):
        with PixelStore(tmp_path / "cache", SIZE, framing=framing) as store:
            found = decode_images(ImageFiles((tmp_path / "wide.png",)), ["wide.png"], store, on_samples=lambda _: None)
            seen.append((bool(found.pixels[found.rows].any()), found.reused))
    assert seen == [(False, 0), (True, 0), (False, 1)]


def test_rows_come_back_in_the_next_process(tmp_path):
    with PixelStore(tmp_path, SIZE) as store:
        assert store.add([row(1, "a"), row(2)], images(1, 2)) == range(2)
        assert store.add([row(3)], images(3)) == range(2, 3)
    with PixelStore(tmp_path, SIZE) as store:
        assert store.find_files(["a", "b", ""]).tolist() == [0, -1, -1]
        assert (store.find_content("hash3", ".png"), store.find_content("hash3", ".jpg")) == (2, None)
        assert store.pixels()[:, 0, 0, 0].tolist() == [1, 2, 3]


def test_a_second_scan_decodes_nothing_and_reads_no_file(tmp_path, monkeypatch):
    content = counted(files(tmp_path / "data", 5))
    first, pixels = scan(content, tmp_path / "cache", monkeypatch)
    assert sorted(content.were_read) == [0, 1, 2, 3, 4]
    content.were_read.clear()
    second, again = scan(content, tmp_path / "cache", monkeypatch)
    assert content.were_read == []
    assert (first.reused, second.reused) == (0, 5)
    assert np.array_equal(pixels, again)
    assert first.content_hashes == second.content_hashes


def test_images_that_are_known_are_told_at_once(tmp_path):
    told: list[object] = []
    everything = files(tmp_path / "data", 5)
    for content in (ImageFiles(everything.files[:3]), everything):
        with PixelStore(tmp_path / "cache", SIZE) as store:
            decode_images(content, [p.name for p in content.files], store, on_samples=told.append)
    assert told == [3, 3, 2]


def test_a_changed_file_is_decoded_again_and_a_moved_one_is_known_by_its_bytes(tmp_path, monkeypatch):
    content = files(tmp_path / "data", 4)
    scan(content, tmp_path / "cache", monkeypatch)
    Image.new("RGB", (10, 10), (9, 9, 9)).save(content.files[0])
    moved = content.files[1].rename(tmp_path / "data" / "moved.png")
    reads: list[str] = []
    found, pixels = scan(
        ImageFiles((content.files[0], moved, *content.files[2:])), tmp_path / "cache", monkeypatch, reads=reads
    )
    assert reads == ["0.png"]
    assert pixels[0].max() == 9
    assert found.reused == 3


def test_files_of_equal_size_and_time_that_change_places_are_told_apart(tmp_path, monkeypatch):
    a, b = tmp_path / "a.bmp", tmp_path / "b.bmp"
    for path, value in ((a, 10), (b, 20)):
        Image.new("RGB", (SIZE, SIZE), (value,) * 3).save(path)
        os.utime(path, ns=(10**18, 10**18))
    assert a.stat().st_size == b.stat().st_size
    _, before = scan(ImageFiles((a, b)), tmp_path / "cache", monkeypatch)
    a.rename(tmp_path / "c")
    b.rename(a)
    (tmp_path / "c").rename(b)
    _, after = scan(ImageFiles((a, b)), tmp_path / "cache", monkeypatch)
    assert before[:, 0, 0, 0].tolist() == [10, 20]
    assert after[:, 0, 0, 0].tolist() == [20, 10]


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
def test_names_that_are_not_unicode_are_kept_like_others(tmp_path, monkeypatch):
    paths = files(tmp_path / "data", 2).files
    odd = tuple(path.rename(path.with_name(os.fsdecode(name))) for path, name in zip(paths, NOT_UNICODE, strict=True))
    first, pixels = scan(ImageFiles(odd), tmp_path / "cache", monkeypatch)
    second, again = scan(ImageFiles(odd), tmp_path / "cache", monkeypatch)
    assert (first.reused, second.reused) == (0, 2)
    assert np.array_equal(pixels, again)


def test_a_wrong_suffix_reads_the_same_from_the_cache_as_fresh(tmp_path, monkeypatch):
    png = files(tmp_path, 1).files[0].read_bytes()
    a, b = tmp_path / "a.JPG", tmp_path / "b.jpg"
    for path in (a, b):
        path.write_bytes(png)
    scan(ImageFiles((a,)), tmp_path / "cache", monkeypatch)
    cached, _ = scan(ImageFiles((b,)), tmp_path / "cache", monkeypatch)
    fresh, _ = scan(ImageFiles((b,)), tmp_path / "other", monkeypatch)
    assert (cached.reused, fresh.reused) == (1, 0)
    assert cached.warnings == fresh.warnings == ((0, "named .jpg, but the content is PNG"),)


def test_the_index_is_written_now_and_then_and_at_the_end(tmp_path):
    index = tmp_path / str(SIZE) / "rows.parquet"
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(1)], images(1))
        assert store.pixels()[:, 0, 0, 0].tolist() == [1]
        assert not index.exists()
    assert index.exists()
    before = index.stat().st_ino
    with PixelStore(tmp_path, SIZE, save_every_s=0.0) as store:
        store.add([row(2)], images(2))
        assert index.stat().st_ino != before
    with PixelStore(tmp_path, SIZE) as store:
        assert store.columns["content_hash"] == ["hash1", "hash2"]


def test_what_was_decoded_before_an_interruption_is_kept(tmp_path):
    with suppress(KeyboardInterrupt), PixelStore(tmp_path, SIZE) as store:
        store.add([row(1)], images(1))
        raise KeyboardInterrupt
    with PixelStore(tmp_path, SIZE) as store:
        assert store.columns["content_hash"] == ["hash1"]


def test_an_index_that_cannot_be_written_at_the_end_does_not_fail_the_scan(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(1)], images(1))
        monkeypatch.setattr("os.fsync", full)
    monkeypatch.undo()
    with PixelStore(tmp_path, SIZE) as store:
        assert len(store) == 0


def test_bytes_of_a_crashed_scan_are_overwritten(tmp_path):
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(1)], images(1))
    with (tmp_path / str(SIZE) / "pixels.u8").open("ab") as file:
        file.write(b"\xff" * 100)  # half an image that no index names
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(2)], images(2))
        assert store.pixels()[:, 0, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("damage", ["index", "pixels"])
def test_a_damaged_cache_counts_as_empty(tmp_path, damage):
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(1)], images(1))
    target = tmp_path / str(SIZE) / ("rows.parquet" if damage == "index" else "pixels.u8")
    target.write_bytes(b"damaged")
    with PixelStore(tmp_path, SIZE) as store:
        assert len(store) == 0
        store.add([row(2)], images(2))
        assert store.pixels()[:, 0, 0, 0].tolist() == [2]


def test_a_damaged_index_is_gone_before_new_pixels_could_fit_it(tmp_path):
    folder = tmp_path / str(SIZE)
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(1), row(2)], images(1, 2))
    (folder / "pixels.u8").write_bytes(b"damaged")
    with PixelStore(tmp_path, SIZE) as store:
        store.add([row(3), row(4)], images(3, 4))
        assert not (folder / "rows.parquet").exists()  # what a crash here would leave to the next scan


def test_a_locked_cache_is_left_alone(tmp_path):
    with PixelStore(tmp_path, SIZE) as first, PixelStore(tmp_path, SIZE) as second:
        first.add([row(1)], images(1))
        second.add([row(2)], images(2))
        assert second.pixels()[0, 0, 0, 0] == 2
    with PixelStore(tmp_path, SIZE) as store:
        assert store.columns["content_hash"] == ["hash1"]


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with PixelStore(tmp_path / "file" / "cache", SIZE) as store:
        store.add([row(1)], images(1))
        assert store.pixels().shape == (1, SIZE, SIZE, 3)


def fill(folder: Path, size: int, *, age: int | None = None, limit_bytes: int = 2**30) -> None:
    with PixelStore(folder, size, limit_bytes=limit_bytes) as store:
        store.add([row(1)], [np.zeros((size, size, 3), dtype=np.uint8)])
    if age is not None:
        os.utime(folder / str(size) / "rows.parquet", (age, age))


def kept(folder: Path) -> list[int]:
    indexes = {path.parent.name for path in folder.glob("*/rows.parquet")}
    assert {path.parent.name for path in folder.glob("*/pixels.u8")} == indexes
    return sorted(map(int, indexes))


def test_the_least_recently_used_size_goes_first(tmp_path):
    for size, age in ((4, 300), (6, 100), (8, 200)):
        fill(tmp_path, size, age=age)
    fill(tmp_path, 10, limit_bytes=10 * 10 * 3 + 4 * 4 * 3)
    assert kept(tmp_path) == [4, 10]


def test_a_size_that_another_process_uses_is_not_removed(tmp_path):
    fill(tmp_path, 4, age=100)
    fill(tmp_path, 6, age=200)
    with FileLock(tmp_path / "4" / "lock"):
        fill(tmp_path, 10, limit_bytes=10 * 10 * 3)
    assert kept(tmp_path) == [4, 10]


def test_half_a_cache_is_no_reason_to_fail(tmp_path):
    for size, age in ((4, 100), (6, 200), (8, 300)):
        fill(tmp_path, size, age=age)
    (tmp_path / "4" / "pixels.u8").unlink()
    (tmp_path / "8" / "rows.parquet").unlink()  # nothing in it counts: first to go
    fill(tmp_path, 10, limit_bytes=10 * 10 * 3 + 6 * 6 * 3)
    assert sorted(path.parent.name for path in tmp_path.glob("*/pixels.u8")) == ["10", "6"]


def test_the_own_size_goes_only_where_it_alone_is_too_large_and_stays_readable(tmp_path):
    fill(tmp_path, 4, age=100)
    with FileLock(tmp_path / "4" / "lock"):  # cannot make room
        fill(tmp_path, 10, limit_bytes=10 * 10 * 3)
    assert kept(tmp_path) == [4, 10]
    with PixelStore(tmp_path, SIZE, limit_bytes=SIZE * SIZE * 3) as store:
        store.add([row(1), row(2)], images(1, 2))
        pixels = store.pixels()
    assert SIZE not in kept(tmp_path)
    assert pixels[:, 0, 0, 0].tolist() == [1, 2]


def test_a_temporary_folder_that_is_still_in_use_at_the_end_is_left(tmp_path, monkeypatch):
    def busy(*args, **options):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with PixelStore(None, SIZE) as store:
        store.add([row(1)], images(1))
        monkeypatch.setattr("os.rmdir", busy)  # as Windows does while a file in it is mapped
    assert len(list(tmp_path.glob("labelaudit-*"))) == 1


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with PixelStore(tmp_path, SIZE) as store:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(DataError, match=r"cannot be written to .*8: No space left on device") as caught:
            store.add([row(1)], images(1))
    assert caught.value.hint == "Free some disk space there."
