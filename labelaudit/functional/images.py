"""One image from bytes to pixels, with Pillow; safe to call from many threads."""

from __future__ import annotations

import functools
import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from labelaudit.core.errors import DataError

Pixels = NDArray[np.uint8]  # (size, size, 3) RGB
Framing = Literal["centre", "whole"]  # which part of an image becomes the square that is looked at

MAX_PIXELS = 89_478_485  # Pillow's own limit: a quarter of a gigabyte as 24-bit RGB
# Not images to us: Pillow only recognises these, or would start another program (Ghostscript) to read them.
_REFUSED_FORMATS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}  # phones write MPO files named .jpg
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
# What Pillow's decoders raise on damaged files, besides OSError; found in its plug-ins.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


class UnreadableImage(DataError):  # noqa: N818  (named after the issue in the findings)
    """An image that cannot be decoded; `problem` is the reason in one line, without the file's name."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One image as the network sees it, and what identifies it."""

    pixels: Pixels
    content_hash: str  # first 32 hex digits of the SHA-256 of the bytes
    pixel_hash: str  # 32 hex digits; equal for images with equal pixels, whatever the file format
    width: int  # pixels, upright
    height: int
    warning: str | None  # something odd that did not hinder decoding


def hash_content(data: bytes) -> str:
    """Return the first 32 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


@functools.cache
def image_suffixes() -> frozenset[str]:
    """Return the file suffixes of the formats that can be decoded: lower case, with the dot."""
    _register_heif()
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in known.items() if kind in Image.OPEN and kind not in _REFUSED_FORMATS)


def begins_like_image(head: bytes) -> bool:
    """Return whether the first 12 bytes of a file are those of images of the usual formats."""
    return head.startswith(_BEGINNINGS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def known_suffix(name: str) -> str:
    """Return the lower-case suffix of a name where a file format goes by it, else "".

    All that `decode_image` makes of a name: images with equal bytes and equal known suffixes decode alike. It knows
    more than `image_suffixes`, as a name that ends in .pdf or .eps is worth a warning too.
    """
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in Image.registered_extensions() else ""


def image_size(image: bytes | BinaryIO) -> tuple[int, int]:
    """Return (width, height) as stored, from the header alone.

    Args:
        image: the bytes of a file, or a file that is read as far as its header goes.

    Raises:
        UnreadableImage: not an image.
    """
    stream, data = (io.BytesIO(image), image) if isinstance(image, bytes) else (image, None)
    with _open(stream, data) as opened:
        return opened.size


def decode_image(data: bytes, name: str, size: int, *, framing: Framing = "centre") -> Decoded:
    """Return the centre square of an image, or all of it, scaled to `size` x `size` pixels.

    EXIF orientation is applied, transparency is laid on white, the first frame is taken. An image that has the size
    already is not resampled. A JPEG of twice the size or more is decoded at a half, a quarter or an eighth of its own:
    then `pixel_hash` is of those pixels, and comparable only between calls with one `size`.

    Args:
        data: the bytes of the file.
        name: the file's name, to compare its suffix with the content.
        size: side of the result in pixels.
        framing: `centre` cuts the largest square out of the middle; `whole` squeezes the image into a square.

    Raises:
        UnreadableImage: empty, truncated, too large, or not an image.
    """
    with _open(io.BytesIO(data), data) as image:
        width, height = image.size
        try:
            if image.format == "JPEG":
                image.draft(None, (size, size))  # the smallest fraction that is not below this size
            image.load()
            orientation, note = _orientation(image)
            rgb = _to_rgb(image)
            rgb = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb
            pixels = np.array(_square(rgb, size, framing), dtype=np.uint8)
        except _DECODER_ERRORS as error:
            raise UnreadableImage(_damage(error)) from error
    if orientation in _SIDEWAYS:
        width, height = height, width
    return Decoded(
        pixels=pixels,
        content_hash=hash_content(data),
        pixel_hash=_pixel_hash(rgb, width, height),
        width=width,
        height=height,
        warning=_suffix_warning(name, image.format or "") or note,
    )


def whole_image(data: bytes, side: int) -> Image.Image:
    """Return an image for people to look at: all of it, upright, RGB, no side longer than so many pixels.

    A smaller one keeps its size.

    Raises:
        UnreadableImage: as in `decode_image`.
    """
    with _open(io.BytesIO(data), data) as image:
        try:
            image.draft("RGB", (side, side))  # of a JPEG: the smallest fraction that is not below this size
            image.load()
            orientation, _ = _orientation(image)
            rgb = _to_rgb(image)
            rgb = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb
            rgb.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        except _DECODER_ERRORS as error:
            raise UnreadableImage(_damage(error)) from error
    return rgb


def _open(stream: BinaryIO, data: bytes | None) -> Image.Image:
    """Return the image with its header read; `data` is what to describe when it is none."""
    if data is not None and not data:
        raise UnreadableImage("the file is empty (0 bytes)")
    _quiet_pillow()
    try:
        image = Image.open(stream, formats=_formats())
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"too large: more than {2 * MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(f"not an image: {_looks_like(data or b'')}") from error
    except _DECODER_ERRORS as error:
        raise UnreadableImage(_damage(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"too large: {width:,} x {height:,} pixels, the limit is {MAX_PIXELS:,} in all")
    return image


def _quiet_pillow() -> None:
    # `warnings.catch_warnings` is not safe with threads; a filter is, and adding it again changes nothing.
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _formats() -> list[str]:
    _register_heif()
    Image.init()
    return [kind for kind in Image.ID if kind not in _REFUSED_FORMATS]


@functools.cache
def _register_heif() -> None:
    """Let Pillow read HEIC where the extra heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


def _orientation(image: Image.Image) -> tuple[int, str | None]:
    """Return the EXIF orientation of a loaded image (a TIFF is upright by then), and what is odd about it."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1)), None
    except _DECODER_ERRORS:
        return 1, "the EXIF data is damaged; its orientation is ignored"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_to_rgb(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey_to_rgb(image: Image.Image) -> Image.Image:
    """Return 16-bit, 32-bit or float grey as 8-bit RGB."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if high == low and image.mode != "F":
        values = values // 256 if high > 255 else values
    elif image.mode == "F" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:  # from its darkest to its lightest value: 12 of 16 bits would be nearly black
        values = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")


def _square(image: Image.Image, size: int, framing: Framing) -> Image.Image:
    width, height = image.size if framing == "whole" else (min(image.size),) * 2
    left, top = (image.width - width) // 2, (image.height - height) // 2
    box = (left, top, left + width, top + height)
    if (width, height) == (size, size):
        return image.crop(box)
    # Scaling only the square equals scaling all and cropping, and cannot explode on a 1 x 100,000 strip.
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _pixel_hash(rgb: Image.Image, width: int, height: int) -> str:
    digest = hashlib.blake2b(f"{width}x{height} as {rgb.width}x{rgb.height}:".encode(), digest_size=16)
    digest.update(rgb.tobytes())
    return digest.hexdigest()


def _suffix_warning(name: str, kind: str) -> str | None:
    suffix = known_suffix(name)
    expected = Image.registered_extensions().get(suffix)
    if expected is None or _SAME_FORMAT.get(expected, expected) == _SAME_FORMAT.get(kind, kind):
        return None
    return f"named {suffix}, but the content is {kind}"


def _damage(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return f"the file is cut off ({text})"
    return f"damaged: {text}"


_SIGNATURES = (
    (b"<!doctype html", "it is a web page (HTML), perhaps a failed download"),
    (b"<html", "it is a web page (HTML), perhaps a failed download"),
    (b"version https://git-lfs", "it is a Git LFS pointer; `git lfs pull` fetches the image"),
    (b"<svg", "it is a vector drawing (SVG)"),
    (b"<?xml", "it is XML"),
    (b"%pdf", "it is a PDF"),
    (b"pk\x03\x04", "it is a ZIP archive"),
    (b"\x1f\x8b", "it is gzip data"),
    (b"\xff\xd8\xff", "it begins as a JPEG, but its header is damaged"),
    (b"\x89png", "it begins as a PNG, but its header is damaged"),
)


def _looks_like(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    for signature, meaning in _SIGNATURES:
        if head.startswith(signature):
            return meaning
    if data[4:8] == b"ftyp":
        return f"it is HEIF, AVIF or video ({data[8:12].decode('latin-1')!r}), which this Pillow does not read"
    if not data.strip(b"\0"):
        return "it holds only zero bytes"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:512]):
        return f"it is text, beginning {data[:40].decode('ascii')!r}"
    return f"it begins with the bytes {data[:8].hex(' ')}"
