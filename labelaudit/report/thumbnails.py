"""Pictures as addresses that hold them: small enough that a page of hundreds can be sent by mail."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image

from labelaudit.functional.images import UnreadableImage, whole_image

SIDE = 224  # pixels: twice as many as shown, for screens that have them
_SMALL = 64  # pixels up to which every one counts, and PNG is as small
_QUALITY = 78  # of JPEG


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
    is_small = max(image.size) <= _SMALL
    kind, stored = ("png", _stored(image, "PNG")) if is_small else ("jpeg", _stored(image, "JPEG"))
    text = base64.b64encode(stored).decode("ascii")
    return Thumbnail(f"data:image/{kind};base64,{text}", image.width, image.height)


def _stored(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, quality=_QUALITY)
    return buffer.getvalue()
