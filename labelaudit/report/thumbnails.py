"""Pictures as addresses that hold them: small enough that a page of hundreds can be sent by mail."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image

from labelaudit.functional.images import UnreadableImage, whole_image

SIDE = 224  # pixels: twice as many as shown, for screens that have them
_SMALL = 64  # pixels up to which every one counts, and PNG is as small
_MOST_BYTES = 20_000  # of a picture: 500 of them are 13 MB in the page
_STEPS = ((SIDE, 78), (SIDE, 55), (160, 55), (112, 45))  # side and JPEG quality, until it is small enough


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture in the page."""

    address: str  # data:image/...
    width: int
    height: int

    @property
    def is_tiny(self) -> bool:
        """Whether its pixels are to be shown as squares instead of being smoothed."""
        return max(self.width, self.height) <= _SMALL


def thumbnail(data: bytes) -> Thumbnail | str:
    """Return an image as a thumbnail, or in a few words why there is none."""
    try:
        image = whole_image(data, SIDE)
    except UnreadableImage as error:
        return str(error)
    kind, stored = ("png", _as_png(image)) if max(image.size) <= _SMALL else ("jpeg", _as_jpeg(image))
    text = base64.b64encode(stored).decode("ascii")
    return Thumbnail(f"data:image/{kind};base64,{text}", image.width, image.height)


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _as_jpeg(image: Image.Image) -> bytes:
    """Return the first of a few sizes that is small enough, else the smallest."""
    stored = b""
    for side, quality in _STEPS:
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", optimize=True, quality=quality)
        stored = buffer.getvalue()
        if len(stored) <= _MOST_BYTES:
            break
    return stored
