"""What a recipe is chosen by."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
from PIL import Image

from labelaudit.core.dataset import EmbeddedImages, ImageFiles
from labelaudit.scanning.prepare import median_size


def png(height: int, width: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_the_median_size_ignores_unreadable_images(tmp_path):
    for name, side in (("a", 10), ("b", 20), ("c", 30)):
        (tmp_path / f"{name}.png").write_bytes(png(side, 50))
    (tmp_path / "d.png").write_bytes(b"no image")
    files = tuple(tmp_path / f"{name}.png" for name in "abcde")  # e does not exist
    assert median_size(ImageFiles(files)) == 20
    assert median_size(ImageFiles(files), sample=1) == 10
    assert median_size(ImageFiles(files[3:])) is None
    assert median_size(ImageFiles(())) is None
    data = pa.chunked_array([pa.array([files[2].read_bytes(), None])])
    assert median_size(EmbeddedImages(data, ("a", "b"), (0, 1))) == 30
