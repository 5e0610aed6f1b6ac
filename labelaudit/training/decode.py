"""Every image decoded once, in parallel, and kept for the next scan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.dataset import ImageFiles, Images
from labelaudit.functional.images import Decoded, UnreadableImage, decode_image, hash_content, known_suffix
from labelaudit.training.pixel_store import PixelStore, Row, file_stamp

_CHUNK = 32  # images per task: small enough for a smooth progress bar
_BLOCK_BYTES = 128 * 2**20  # pixels in memory before they are written down


@dataclass(frozen=True, slots=True)
class DecodedImages:
    """The pixels of the images that could be read, and what was found on the way."""

    pixels: NDArray[np.uint8]  # (R, S, S, 3), mapped from the store
    rows: NDArray[np.int64]  # (n,) row of each readable image, in Dataset order
    content_hashes: tuple[str, ...]  # (n,) of the files' bytes
    pixel_hashes: tuple[str, ...]  # (n,) of the full-size pixels
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
    n, known = len(content), len(store.rows)
    found = np.full(n, -1, dtype=np.int64)  # row of each image
    failures: dict[int, str] = {}
    stamps = [file_stamp(file) for file in content.files] if isinstance(content, ImageFiles) else [""] * n
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for block in _parts(range(n), max(_CHUNK, _BLOCK_BYTES // store.row_bytes)):
            new: list[tuple[int, Decoded]] = []
            tasks = pool.map(
                lambda chunk: [_read(content, names, store, stamps, index) for index in chunk], _parts(block, _CHUNK)
            )
            for results in tasks:
                for index, result in results:
                    if isinstance(result, Decoded):
                        new.append((index, result))
                    elif isinstance(result, int):
                        found[index] = result
                    else:
                        failures[index] = result
                on_samples(len(results))
            for index, row in zip((i for i, _ in new), _write(store, new, names, stamps), strict=True):
                found[index] = row
    readable = np.flatnonzero(found >= 0)
    rows = [store.rows[row] for row in found[readable]]
    return DecodedImages(
        pixels=store.pixels(),
        rows=found[readable],
        content_hashes=tuple(row.content_hash for row in rows),
        pixel_hashes=tuple(row.pixel_hash for row in rows),
        failures=tuple(sorted(failures.items())),
        warnings=tuple((int(i), row.warning) for i, row in zip(readable, rows, strict=True) if row.warning),
        reused=int((found[readable] < known).sum()),
    )


def _read(
    content: Images, names: Sequence[str], store: PixelStore, stamps: Sequence[str], index: int
) -> tuple[int, Decoded | int | str]:
    """Return (index, freshly decoded image | row in the store | why it cannot be read)."""
    row = store.find_file(stamps[index])
    if row is not None:
        return index, row
    try:
        data = content.read(index)
        row = store.find_content(hash_content(data), known_suffix(names[index]))
        return index, decode_image(data, names[index], store.size) if row is None else row
    except OSError as error:
        return index, f"cannot be read: {error.strerror or error}"
    except UnreadableImage as error:
        return index, error.problem


def _write(store: PixelStore, new: Sequence[tuple[int, Decoded]], names: Sequence[str], stamps: Sequence[str]) -> range:
    """Add decoded images to the store; return their rows."""
    rows = [
        Row(stamps[index], image.content_hash, known_suffix(names[index]), image.pixel_hash, image.warning or "")
        for index, image in new
    ]
    return store.add(rows, [image.pixels for _, image in new])


def _parts(indices: range, size: int) -> Iterator[range]:
    for start in range(0, len(indices), size):
        yield indices[start : start + size]
