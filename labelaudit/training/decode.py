"""Every image decoded once, in parallel, into one array of uint8 pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.dataset import Images
from labelaudit.functional.images import UnreadableImage, decode_image

_CHUNK = 32  # images per task: small enough for a smooth progress bar


@dataclass(frozen=True, slots=True)
class DecodedImages:
    """The pixels of the images that could be read, and what was found on the way."""

    pixels: NDArray[np.uint8]  # (n, S, S, 3), readable images only, in Dataset order
    content_hashes: tuple[str, ...]  # (n,) of the files' bytes
    pixel_hashes: tuple[str, ...]  # (n,) of the full-size pixels
    failures: tuple[tuple[int, str], ...]  # (index, reason) of the others
    warnings: tuple[tuple[int, str], ...]  # (index, what is odd), such as a wrong suffix


def decode_images(
    content: Images, names: Sequence[str], size: int, *, on_samples: Callable[[int], None], workers: int | None = None
) -> DecodedImages:
    """Decode all images to squares.

    Args:
        content: N images.
        names: (N,) file names, for their suffixes.
        size: pixels of a side.
        on_samples: told how many more images are done.
        workers: threads; Pillow decodes and resizes without holding the interpreter's lock.
    """
    n = len(content)
    pixels = np.empty((n, size, size, 3), dtype=np.uint8)
    hashes: list[tuple[str, str] | None] = [None] * n
    failures: dict[int, str] = {}
    warnings: dict[int, str] = {}

    def decode_chunk(start: int) -> int:
        for index in range(start, min(start + _CHUNK, n)):
            try:
                decoded = decode_image(content.read(index), names[index], size)
            except OSError as error:
                failures[index] = f"cannot be read: {error.strerror or error}"
            except UnreadableImage as error:
                failures[index] = str(error)
            else:
                pixels[index] = decoded.pixels
                hashes[index] = (decoded.content_hash, decoded.pixel_hash)
                if decoded.warning:
                    warnings[index] = decoded.warning
        return min(_CHUNK, n - start)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for done in pool.map(decode_chunk, range(0, n, _CHUNK)):
            on_samples(done)
    good = [pair for pair in hashes if pair is not None]
    if failures:
        pixels = pixels[[index for index, pair in enumerate(hashes) if pair is not None]]
    return DecodedImages(
        pixels=pixels,
        content_hashes=tuple(content_hash for content_hash, _ in good),
        pixel_hashes=tuple(pixel_hash for _, pixel_hash in good),
        failures=tuple(sorted(failures.items())),
        warnings=tuple(sorted(warnings.items())),
    )
