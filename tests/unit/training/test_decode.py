"""Many images decoded at once, against Pillow one by one."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from labelaudit.core.dataset import EmbeddedImages, ImageFiles
from labelaudit.core.model_facts import ImageFacts
from labelaudit.functional.near import near_hashes
from labelaudit.scanning import load as inputs
from labelaudit.training.decode import DecodedImages, decode_images
from labelaudit.training.pixel_store import PixelStore

SIZE = 8


def encoded(pixels: Any, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def noise(number: int, *, height: int = SIZE, width: int = SIZE) -> Any:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_pillow(data: bytes) -> Any:
    """The centre square of the whole image scaled at once."""
    with Image.open(io.BytesIO(data)) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box))


def files(folder: Path, contents: list[bytes | None]) -> ImageFiles:
    """Write the images; None leaves the file out."""
    paths = tuple(folder / f"{number:03}.png" for number in range(len(contents)))
    for path, data in zip(paths, contents, strict=True):
        if data is not None:
            path.write_bytes(data)
    return ImageFiles(paths)


def decode(content: ImageFiles | EmbeddedImages, *, workers: int = 2) -> tuple[DecodedImages, list[int]]:
    told: list[int] = []
    names = [f"{number:03}.png" for number in range(len(content))]
    with PixelStore(None, SIZE) as store:
        decoded = decode_images(content, names, store, on_samples=told.append, workers=workers)
        return replace(decoded, pixels=decoded.pixels[decoded.rows]), told


def assert_same(a: DecodedImages, b: DecodedImages) -> None:
    assert np.array_equal(a.pixels, b.pixels)
    assert (a.content_hashes, a.pixel_hashes) == (b.content_hashes, b.pixel_hashes)
    assert a.near_hashes.tolist() == b.near_hashes.tolist() == near_hashes(b.pixels).tolist()
    assert (a.failures, a.warnings) == (b.failures, b.warnings)


MIXED: list[bytes | None] = [
    encoded(noise(0)),
    b"",
    encoded(noise(1, height=30, width=20)),
    None,
    b"these are words",
    encoded(noise(2, height=5, width=9)),
    encoded(noise(3))[:60],
    encoded(noise(0)),
]


def test_pixels_equal_pillow_in_dataset_order(tmp_path):
    shapes = [(SIZE, SIZE), (16, 12), (9, 31), (3, 5)] * 18
    contents = [encoded(noise(number, height=h, width=w)) for number, (h, w) in enumerate(shapes)]
    decoded, told = decode(files(tmp_path, list(contents)))
    assert decoded.pixels.shape == (72, SIZE, SIZE, 3)
    assert decoded.pixels.dtype == np.uint8
    for pixels, data in zip(decoded.pixels, contents, strict=True):
        assert np.abs(pixels.astype(int) - by_pillow(data)).max() <= 1
    assert np.array_equal(decoded.pixels[0], noise(0))  # of the right size already
    assert sum(told) == 72
    assert (decoded.failures, decoded.warnings) == ((), ())


def test_unreadable_images_are_listed_with_their_reason_and_left_out_of_the_pixels(tmp_path):
    decoded, told = decode(files(tmp_path, MIXED))
    reasons = dict(decoded.failures)
    assert [index for index, _ in decoded.failures] == [1, 3, 4, 6]
    assert reasons[1] == "the file is empty (0 bytes)"
    assert reasons[3] == "cannot be read: No such file or directory"
    assert reasons[4] == "not an image: it is text"
    assert "\n" not in reasons[6]
    assert decoded.pixels.shape == (4, SIZE, SIZE, 3)
    assert np.array_equal(decoded.pixels[3], noise(0))
    assert len(decoded.content_hashes) == len(decoded.pixel_hashes) == 4
    assert sum(told) == len(MIXED)


def test_equal_files_have_equal_hashes_and_equal_pixels_in_another_format_equal_pixel_hashes(tmp_path):
    contents: list[bytes | None] = [encoded(noise(0)), encoded(noise(1)), encoded(noise(0)), encoded(noise(0), "BMP")]
    decoded, _ = decode(files(tmp_path, contents))
    first, other, twin, bitmap = decoded.content_hashes
    assert first == twin
    assert len({first, other, bitmap}) == 3
    first, other, twin, bitmap = decoded.pixel_hashes
    assert first == twin == bitmap != other
    assert [index for index, _ in decoded.warnings] == [3]  # a bitmap named .png
    assert "BMP" in decoded.warnings[0][1]


def test_images_in_a_table_decode_like_files(tmp_path):
    readable = [data for data in MIXED if data is not None]
    cells = pa.chunked_array([readable[:3], readable[3:], [None]], type=pa.binary())
    embedded = EmbeddedImages(cells, tuple("abcdefgh"), tuple(range(8)))
    decoded, _ = decode(embedded)
    from_files, _ = decode(files(tmp_path, [*readable, b""]))
    assert_same(decoded, from_files)
    assert decoded.failures[-1] == (7, "the file is empty (0 bytes)")


def test_the_images_of_a_table_are_found_again_at_another_row(tmp_path):
    for place, reused in ((17, 0), (18, 1)):
        content = EmbeddedImages(pa.chunked_array([[encoded(noise(0))]]), (f"data.parquet:{place}",), (0,))
        with PixelStore(tmp_path, SIZE) as store:
            found = decode_images(content, content.names, store, on_samples=lambda _: None)
        assert (found.reused, found.warnings) == (reused, ())


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_nothing(tmp_path, workers):
    content = files(tmp_path, MIXED * 12)
    alone, told_alone = decode(content, workers=1)
    together, told_together = decode(content, workers=workers)
    assert_same(alone, together)
    assert sum(told_alone) == sum(told_together) == 96


def test_images_are_written_down_a_few_at_a_time(tmp_path, monkeypatch):
    content = files(tmp_path, MIXED)
    whole, _ = decode(content)
    written: list[int] = []
    add = PixelStore.add

    def counted(store, rows, pixels):
        written.append(len(rows))
        return add(store, rows, pixels)

    monkeypatch.setattr(PixelStore, "add", counted)
    monkeypatch.setattr("labelaudit.training.decode._CHUNK", 1)
    monkeypatch.setattr("labelaudit.training.decode._BLOCK_IMAGES", 2)
    few, _ = decode(content)
    assert_same(few, whole)
    assert max(written) <= 2
    assert sum(written) == len(set(whole.content_hashes))  # the second of two equal files is found in the store


def test_a_dataset_where_nothing_can_be_read_has_no_pixels(tmp_path):
    decoded, told = decode(files(tmp_path, [b"", None]))
    assert decoded.pixels.shape == (0, SIZE, SIZE, 3)
    assert (decoded.content_hashes, told) == ((), [2])
    assert len(decoded.failures) == 2


def test_no_images_are_decoded_to_no_pixels():
    decoded, told = decode(ImageFiles(()))
    assert decoded.pixels.shape == (0, SIZE, SIZE, 3)
    assert told == []


class LargestCopy(TorchDispatchMode):
    """Watches the copies that indexing makes."""

    n_bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.index.Tensor:
            self.n_bytes = max(self.n_bytes, result.nbytes)
        return result


def test_the_pixels_reach_the_device_in_order_and_the_host_copies_one_block_at_a_time():
    n = 1500
    mapped = np.zeros((n, 128, 128, 3), dtype=np.uint8)  # 70 MiB
    mapped[:, 5, 6, 1] = np.arange(n) % 251
    rows = np.arange(n)[::-1].copy()
    decoded = DecodedImages(mapped, rows, (), (), np.zeros(0, np.uint64), (), (), 0)
    facts = ImageFacts(128, 0, *inputs.NORMALISATIONS["cifar10"], flip=True)
    with LargestCopy() as largest:
        moved = inputs.pixels_on_device(decoded, facts, torch.device("cpu"))
    assert moved.is_resident
    assert np.array_equal(moved.pixels.numpy(), mapped[::-1])
    assert 0 < largest.n_bytes <= 2**26 < mapped.nbytes
