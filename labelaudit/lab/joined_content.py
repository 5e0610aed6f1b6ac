"""Images of several datasets one behind the other."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from labelaudit.core.dataset import Content, Images, StreamedImages


@dataclass(frozen=True, slots=True)
class _OneAfterTheOther:
    """Reads the images of the first part, then those of the next."""

    parts: tuple[Images, ...]
    starts: tuple[int, ...]  # position of each part's first image

    def read(self, position: int) -> bytes:
        """Return the bytes of one image."""
        part = bisect_right(self.starts, position) - 1
        return self.parts[part].read(position - self.starts[part])


def joined_content(first: Content, second: Content) -> StreamedImages:
    """Return the images of both; they are read where they are."""
    if not isinstance(first, Images) or not isinstance(second, Images):
        raise ValueError("only images can be joined")
    reader = _OneAfterTheOther((first, second), (0, len(first)))
    return StreamedImages(reader, np.arange(len(first) + len(second), dtype=np.int64))
