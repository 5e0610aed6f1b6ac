"""Every image decoded once, in parallel, and kept for the next scan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from sys import intern  # a million suffixes are few different ones

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.dataset import ImageFiles, Images
from labelaudit.functional.images import Decoded, UnreadableImage, decode_image, hash_content, known_suffix
from labelaudit.functional.near import HashN, near_hashes
from labelaudit.training.pixel_store import PixelStore, Row, file_stamp

_CHUNK = 32  # images per task: small enough for a smooth progress bar
_BLOCK_BYTES = 128 * 2**20  # pixels in memory before they are written down
_TRIES = 3  # readings of an image that others are writing
_BLOCK_IMAGES = 16_384  # the same; of tiny images the descriptions outweigh the pixels


@dataclass(frozen=True, slots=True)
class DecodedImages:
    """The pixels of the images that could be read, and what was found on the way."""

    pixels: NDArray[np.uint8]  # (R, S, S, 3), mapped from the store
    rows: NDArray[np.int64]  # (n,) row of each readable image, in Dataset order
    content_hashes: tuple[str, ...]  # (n,) of the files' bytes
    pixel_hashes: tuple[str, ...]  # (n,) of the full-size pixels
    near_hashes: HashN  # (n,) nearly equal for images that nearly look alike
    failures: tuple[tuple[int, str], ...]  # (index, reason) of the others
    warnings: tuple[tuple[int, str], ...]  # (index, what is odd), such as a wrong suffix
    reused: int  # images that the store held already


def decode_images(
    content: Images,
    names: Sequence[str],
    store: PixelStore,
    *,
    on_samples: Callable[[int], None],
    workers: int | None = None,
) -> DecodedImages:
    """Decode all images to squares of the store's size, or find them there.

    Args:
        content: N images.
        names: (N,) file names, for their suffixes.
        store: open; gets the new images.
        on_samples: told how many more images are done.
        workers: threads; Pillow decodes and resizes without holding the interpreter's lock.
    """
    n, known = len(content), len(store)
    failures: dict[int, str] = {}
    stamps = [file_stamp(file) for file in content.texts()] if isinstance(content, ImageFiles) else [""] * n
    row_of = store.find_files(stamps)  # row of each image, -1 where there is none yet
    unknown = np.flatnonzero(row_of < 0).tolist()
    if len(unknown) < n:
        on_samples(n - len(unknown))
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for block in _parts(unknown, max(_CHUNK, min(_BLOCK_IMAGES, _BLOCK_BYTES // store.row_bytes))):
            new: list[tuple[int, Decoded]] = []
            tasks = pool.map(
                lambda chunk: [_read(content, names, store, stamps, index) for index in chunk], _parts(block, _CHUNK)
            )
            for results in tasks:
                for index, result in results:
                    if isinstance(result, Decoded):
                        new.append((index, result))
                    elif isinstance(result, int):
                        row_of[index] = result
                    else:
                        failures[index] = result
                on_samples(len(results))
            for index, row in zip((i for i, _ in new), _write(store, new, names, stamps), strict=True):
                row_of[index] = row
    readable = np.flatnonzero(row_of >= 0)
    rows = row_of[readable]
    content_hashes, pixel_hashes, near, warnings = (
        [store.columns[name][row] for row in rows.tolist()]
        for name in ("content_hash", "pixel_hash", "near_hash", "warning")
    )
    return DecodedImages(
        pixels=store.pixels(),
        rows=rows,
        content_hashes=tuple(content_hashes),
        pixel_hashes=tuple(pixel_hashes),
        near_hashes=np.array([int(text, 16) for text in near], dtype=np.uint64),
        failures=tuple(sorted(failures.items())),
        warnings=tuple((index, text) for index, text in zip(readable.tolist(), warnings, strict=True) if text),
        reused=int((rows < known).sum()),
    )


def _read(
    content: Images, names: Sequence[str], store: PixelStore, stamps: list[str], index: int
) -> tuple[int, Decoded | int | str]:
    """Return (index, freshly decoded image | row in the store | why it cannot be read)."""
    try:
        data = _read_at_once(content, stamps, index)
        row = store.find_content(hash_content(data), known_suffix(names[index]))
        return index, decode_image(data, names[index], store.size, framing=store.framing) if row is None else row
    except OSError as error:
        return index, f"cannot be read: {error.strerror or error}"
    except UnreadableImage as error:
        return index, error.problem


def _read_at_once(content: Images, stamps: list[str], index: int) -> bytes:
    """Return the bytes of an image as it was at one moment, whose stamp is noted.

    Raises:
        UnreadableImage: it is written to again and again.
        OSError: as the system does.
    """
    for _ in range(_TRIES):
        data = content.read(index)
        now = file_stamp(str(content.files[index])) if isinstance(content, ImageFiles) else stamps[index]
        if now == stamps[index]:
            return data
        stamps[index] = now  # it was written to since it was looked at, maybe in the middle of reading
    raise UnreadableImage("it was rewritten while it was read")


def _write(store: PixelStore, new: Sequence[tuple[int, Decoded]], names: Sequence[str], stamps: Sequence[str]) -> range:
    """Add decoded images to the store; return their rows."""
    pixels = [image.pixels for _, image in new]
    rows = [
        Row(
            stamp=stamps[index],
            content_hash=image.content_hash,
            suffix=intern(known_suffix(names[index])),
            pixel_hash=image.pixel_hash,
            near_hash=f"{near:016x}",
            warning=image.warning or "",
        )
        for (index, image), near in zip(new, near_hashes(pixels).tolist(), strict=True)
    ]
    return store.add(rows, pixels)


def _parts(indices: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(indices), size):
        yield indices[start : start + size]
