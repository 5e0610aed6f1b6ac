"""Pixels from bytes: formats, damage, orientation and hashes."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelaudit.functional.images import (
    Header,
    UnreadableImage,
    decode_image,
    image_header,
    image_size,
    image_suffixes,
    known_suffix,
)


def encoded(pixels: Any, kind: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(height: int, width: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode_image(data, "a.jpg", 8)
    return caught.value.problem


def test_an_image_of_the_right_size_is_not_resampled():
    pixels = noise(8, 8)
    decoded = decode_image(encoded(pixels), "a.png", 8)
    assert np.array_equal(decoded.pixels, pixels)
    assert decoded.pixels.flags.writeable
    assert (decoded.width, decoded.height, decoded.warning) == (8, 8, None)


def test_the_centre_is_cropped_as_if_all_were_scaled_first():
    pixels = noise(16, 48)
    decoded = decode_image(encoded(pixels), "a.png", 8)
    scaled = Image.fromarray(pixels).resize((24, 8), Image.Resampling.BILINEAR)
    expected = np.asarray(scaled.crop((8, 0, 16, 8)), dtype=int)
    assert np.abs(decoded.pixels - expected).max() <= 1
    assert (decoded.width, decoded.height) == (48, 16)


def test_the_whole_image_can_be_squeezed_into_the_square():
    pixels = np.zeros((8, 24, 3), dtype=np.uint8)
    pixels[:, 20:] = 255  # the right end, which the middle does not show
    cut = decode_image(encoded(pixels), "a.png", 8)
    whole = decode_image(encoded(pixels), "a.png", 8, framing="whole")
    assert not cut.pixels.any()
    assert (whole.pixels[:, 7] == 255).all()
    assert not whole.pixels[:, :6].any()
    assert cut.pixel_hash == whole.pixel_hash


def test_a_long_thin_strip_does_not_explode():
    decoded = decode_image(encoded(np.full((1, 20_000), 7, dtype=np.uint8)), "a.png", 64)
    assert (decoded.pixels == 7).all()


def test_exif_orientation_is_applied():
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    pixels[:, :8] = 255  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: left becomes top
    decoded = decode_image(encoded(pixels, exif=exif), "a.png", 8)
    assert (decoded.width, decoded.height) == (8, 16)
    assert decoded.pixels[0].min() == 255
    assert decoded.pixels[-1].max() == 0
    turned = decode_image(encoded(np.rot90(pixels, -1).copy()), "a.png", 8)
    assert turned.pixel_hash == decoded.pixel_hash
    assert turned.content_hash != decoded.content_hash


def test_sixteen_bit_grey_is_scaled_by_its_range():
    values = np.array([[0, 256], [32768, 65535]], dtype=np.uint16)
    decoded = decode_image(encoded(values), "a.png", 2)
    assert decoded.pixels[..., 0].tolist() == [[0, 1], [128, 255]]
    dim = np.array([[300, 360], [400, 555]], dtype=np.uint16)
    other = np.array([[300, 360], [420, 555]], dtype=np.uint16)
    assert decode_image(encoded(dim), "a.png", 2).pixels[..., 0].tolist() == [[0, 60], [100, 255]]
    assert decode_image(encoded(dim), "a.png", 2).pixel_hash != decode_image(encoded(other), "a.png", 2).pixel_hash
    flat = np.full((2, 2), 1024, dtype=np.uint16)
    assert decode_image(encoded(flat), "a.png", 2).pixels[..., 0].tolist() == [[4, 4], [4, 4]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5], [1.0, 0.2]], [[0, 128], [255, 51]]),
        ([[0.0, 10.0], [255.0, 7.0]], [[0, 10], [255, 7]]),
        ([[-1.0, 0.0], [1.0, 0.0]], [[0, 128], [255, 128]]),
    ],
)
def test_float_grey_is_scaled_by_its_range(values, expected):
    decoded = decode_image(encoded(np.array(values, dtype=np.float32), "TIFF"), "a.tif", 2)
    assert decoded.pixels[..., 1].tolist() == expected


def test_transparency_is_laid_on_white():
    rgba = np.zeros((4, 4, 4), dtype=np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    pixels = decode_image(encoded(rgba), "a.png", 4).pixels
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[1, 1].tolist() == [255, 255, 255]


def test_a_palette_with_a_transparent_colour_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([9, 9, 9, 200, 0, 0] + [0] * 762)
    image.putpixel((1, 0), 1)
    pixels = decode_image(encoded(image, transparency=0), "a.png", 1).pixels
    assert pixels.tolist() == [[[255, 255, 255]]]


def test_cmyk_and_the_first_frame_of_an_animation_are_read():
    cmyk = decode_image(encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), "a.tif", 4)
    assert cmyk.pixels[0, 0].tolist() == [255, 0, 0]
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(animated, "a.gif", 4).pixels[0, 0].tolist() == [255, 0, 0]


def test_a_large_jpeg_keeps_its_size_and_is_decoded_like_the_small_one():
    smooth = np.linspace(0, 255, 512, dtype=np.uint8)[None, :, None].repeat(512, 0).repeat(3, 2)
    decoded = decode_image(encoded(smooth, "JPEG", quality=95), "a.jpg", 32)
    exact = decode_image(encoded(smooth), "a.png", 32)
    assert (decoded.width, decoded.height) == (512, 512)
    assert np.abs(decoded.pixels.astype(int) - exact.pixels).max() <= 6


def test_hashes_are_of_the_bytes_and_of_the_pixels():
    pixels = noise(8, 8)
    png, bmp = encoded(pixels), encoded(pixels, "BMP")
    one, two = decode_image(png, "a.png", 8), decode_image(bmp, "a.bmp", 8)
    assert one.content_hash == hashlib.sha256(png).hexdigest()[:32]
    assert one.pixel_hash == two.pixel_hash
    assert len(one.pixel_hash) == 32
    pixels[0, 0, 0] ^= 1
    changed = decode_image(encoded(pixels), "a.png", 8).pixel_hash
    assert changed != one.pixel_hash
    assert decode_image(encoded(pixels.reshape(4, 16, 3)), "a.png", 4).pixel_hash != changed


def test_a_wrong_suffix_is_decoded_with_a_warning():
    png = encoded(noise(8, 8))
    assert decode_image(png, "photos/a.JPG", 8).warning == "named .jpg, but the content is PNG"
    assert decode_image(png, "row 17", 8).warning is None
    assert decode_image(encoded(noise(8, 8), "MPO"), "phone.jpg", 8).warning is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photos/a.JPG", ".jpg"),
        ("a.pdf", ".pdf"),  # not decoded, but worth a warning
        ("data.parquet:17", ""),
        ("row 17", ""),
        (os.fsdecode(b"a.\xe9"), ""),
    ],
)
def test_only_suffixes_of_file_formats_are_known(name, expected):
    assert known_suffix(name) == expected
    warning = decode_image(encoded(noise(8, 8)), name, 8).warning
    assert warning == (f"named {expected}, but the content is PNG" if expected else None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"<HTML><body>404", "not an image: it is a web page (HTML), perhaps a failed download"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer; `git lfs pull` fetches the image"),
        (b"hello there\n", "not an image: it is text"),
        (b"\0" * 100, "not an image: it holds only zero bytes"),
        (b"\xff\xd8\xff\xe0", "not an image: it begins as a JPEG, but its header is damaged"),
        (b"\x01\x02\xf3\x04rest of it", "not an image: it begins as no kind of image does"),
    ],
)
def test_what_is_not_an_image_says_what_it_looks_like(data, expected):
    assert expected in reason(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_file_is_unreadable(kind):
    whole = encoded(noise(64, 64), kind)
    assert reason(whole[: len(whole) // 2]).startswith("the file is cut off (")


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side):
    bomb = encoded(Image.new("1", (side, side)))
    assert reason(bomb).startswith("too large: ")
    assert "89,478,485" in reason(bomb) or "178,956,970" in reason(bomb)


def test_damage_anywhere_in_a_file_never_raises_anything_else():
    rng = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
        whole = np.frombuffer(encoded(noise(16, 16), kind), dtype=np.uint8)
        for _ in range(30):
            broken = whole.copy()
            broken[rng.integers(0, len(broken), 6)] = rng.integers(0, 256, 6)
            try:
                assert decode_image(broken.tobytes(), "a", 8).pixels.shape == (8, 8, 3)
            except UnreadableImage as error:
                assert error.problem  # noqa: PT017


def test_pillow_stays_quiet_in_many_threads():
    data = encoded(Image.new("1", (10_000, 9_000)))  # Pillow warns about its size, and we refuse it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            reasons = set(pool.map(lambda _: reason(data), range(20)))
    assert reasons == {"too large: 10,000 x 9,000 pixels, the limit is 89,478,485 in all"}


def test_the_header_tells_the_size():
    assert image_size(encoded(noise(5, 9))) == (9, 5)
    with pytest.raises(UnreadableImage, match="it is text"):
        image_size(b"x")


def test_many_threads_decode_the_same():
    data = encoded(noise(64, 80), "JPEG")
    with ThreadPoolExecutor(4) as pool:
        hashes = set(pool.map(lambda _: decode_image(data, "a.jpg", 8).pixel_hash, range(20)))
    assert hashes == {decode_image(data, "a.jpg", 8).pixel_hash}


@pytest.mark.parametrize("side", [65, 128, 300])
def test_a_large_jpeg_decoded_at_a_fraction_looks_like_the_whole_one_scaled_down(side):
    coarse = Image.fromarray(noise(4, 4)).resize((side, side), Image.Resampling.BICUBIC)
    data = encoded(coarse, "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        whole = image.resize((32, 32), Image.Resampling.BOX if side % 32 == 0 else Image.Resampling.BILINEAR)
    difference = decode_image(data, "a.jpg", 32).pixels.astype(int) - np.asarray(whole, dtype=int)
    assert abs(difference).mean() < 5  # of 255; another filter, the same picture


def test_the_header_tells_of_pages_and_turns():
    upright, turned = encoded(noise(8, 12), "JPEG"), encoded(noise(8, 12), "JPEG", exif=orientation(6))
    assert image_header(upright) == Header(12, 8, pages=1, is_turned=False)
    assert image_header(turned) == Header(12, 8, pages=1, is_turned=True)
    pages = [Image.fromarray(noise(8, 8)), Image.fromarray(255 - noise(8, 8))]
    paged = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert image_header(paged).pages == 2
    decoded = decode_image(paged, "a.tif", 8)
    assert np.array_equal(decoded.pixels, noise(8, 8))
    assert decoded.warning == "it has 2 pages, of which the first is read"


def test_heic_is_read_where_the_extra_is_installed():
    pytest.importorskip("pillow_heif").register_heif_opener()
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, 16:] = (200, 40, 40)
    data = encoded(pixels, "HEIF", quality=100)
    assert ".heic" in image_suffixes()
    decoded = decode_image(data, "a.heic", 32)
    assert np.abs(decoded.pixels.astype(int) - pixels)[:, 20:].max() < 12
    assert decoded.warning is None


def orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif
