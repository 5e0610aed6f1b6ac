"""What an earlier scan decoded, found again; and a cache that never stands in the way."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.dataset import ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.functional.images import decode_image
from labelaudit.training import decode
from labelaudit.training.decode import decode_images
from labelaudit.training.pixel_store import PixelStore, Row

SIZE = 8


def row(number: int, stamp: str = "") -> Row:
    return Row(stamp, f"hash{number}", ".png", f"pixels{number}", "")


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

    def counted(data, name, size):
        if reads is not None:
            reads.append(name)
        return decode_image(data, name, size)

    monkeypatch.setattr(decode, "decode_image", counted)
    with PixelStore(cache, SIZE) as store:
        found = decode_images(content, [p.name for p in content.files], store, on_samples=lambda _: None)
        result = found.pixels[found.rows].copy()
    monkeypatch.undo()
    return found, result


def test_rows_come_back_in_the_next_process(tmp_path):
    with PixelStore(tmp_path, SIZE) as store:
        assert store.add([row(1, "a"), row(2)], images(1, 2)) == range(2)
        assert store.add([row(3)], images(3)) == range(2, 3)
    with PixelStore(tmp_path, SIZE) as store:
        assert (store.find_file("a"), store.find_file("b"), store.find_file("")) == (0, None, None)
        assert (store.find_content("hash3", ".png"), store.find_content("hash3", ".jpg")) == (2, None)
        assert store.pixels()[:, 0, 0, 0].tolist() == [1, 2, 3]


def test_a_second_scan_decodes_nothing_and_reads_no_file(tmp_path, monkeypatch):
    content = files(tmp_path / "data", 5)
    first, pixels = scan(content, tmp_path / "cache", monkeypatch)
    for path in content.files:  # readable only by its stamp
        stat = path.stat()
        path.write_bytes(b"x" * stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second, again = scan(content, tmp_path / "cache", monkeypatch)
    assert (first.reused, second.reused) == (0, 5)
    assert np.array_equal(pixels, again)
    assert first.content_hashes == second.content_hashes


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
        assert store.rows == []
        store.add([row(2)], images(2))
        assert store.pixels()[:, 0, 0, 0].tolist() == [2]


def test_a_locked_cache_is_left_alone(tmp_path):
    with PixelStore(tmp_path, SIZE) as first, PixelStore(tmp_path, SIZE) as second:
        first.add([row(1)], images(1))
        second.add([row(2)], images(2))
        assert second.pixels()[0, 0, 0, 0] == 2
    with PixelStore(tmp_path, SIZE) as store:
        assert [r.content_hash for r in store.rows] == ["hash1"]


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with PixelStore(tmp_path / "file" / "cache", SIZE) as store:
        store.add([row(1)], images(1))
        assert store.pixels().shape == (1, SIZE, SIZE, 3)


def test_the_least_recently_used_size_goes_first(tmp_path):
    for size, age in ((4, 300), (6, 100), (8, 200)):
        with PixelStore(tmp_path, size) as store:
            store.add([row(1)], [np.zeros((size, size, 3), dtype=np.uint8)])
        os.utime(tmp_path / str(size) / "rows.parquet", (age, age))
    with PixelStore(tmp_path, 10, limit_bytes=10 * 10 * 3 + 4 * 4 * 3) as store:
        store.add([row(1)], [np.zeros((10, 10, 3), dtype=np.uint8)])
    assert sorted(path.parent.name for path in tmp_path.glob("*/rows.parquet")) == ["10", "4"]


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with PixelStore(tmp_path, SIZE) as store:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(DataError, match=r"cannot be written to .*8: No space left on device"):
            store.add([row(1)], images(1))
