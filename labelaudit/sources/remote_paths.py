"""Images whose paths are URLs, or relative to one."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EIO
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.dataset import MOST_IMAGE
from labelaudit.core.errors import ConfigError, LabelAuditError
from labelaudit.core.files import read_regular
from labelaudit.sources.paths import Located
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place, Url, is_url, parse_url


class PlacedImages:
    """Reads images by their place: a file of this machine, or an object behind a URL."""

    def __init__(self, places: Sequence[Place], store: Store) -> None:
        self._places, self._store = tuple(places), store

    def read(self, position: int) -> bytes:
        """Return the bytes of one image; raises OSError."""
        place = self._places[position]
        if isinstance(place, Path):
            return read_regular(place, most=MOST_IMAGE)
        try:
            return self._store.read(place)
        except LabelAuditError as error:  # what this machine cannot fetch at all is one row, not the end of the scan
            raise OSError(EIO, error.problem) from error


def locate_remote(texts: Sequence[str | None], root: Place, store: Store) -> Located:
    """Return the place of each path, and whether it is there as far as one listing of each folder tells.

    A web server cannot list its files: what it does not have comes out when the image is fetched.

    Args:
        texts: (N,) paths as written, None where the cell is empty.
        root: folder that relative paths start from.
        store: lists the folders.
    """
    places: list[Place] = []
    why: dict[int, str] = {}
    for position, text in enumerate(texts):
        try:
            places.append(root if text is None else _place(text.strip(), root))
        except ConfigError as error:
            places.append(root)
            why[position] = error.problem.rstrip(".")
    listable = {place.parent for place in places if isinstance(place, Url) and place is not root and not place.is_web}
    present = store.list_folders(listable)
    found = [
        text is not None and position not in why and _exists(place, present)
        for position, (text, place) in enumerate(zip(texts, places, strict=True))
    ]
    shown = tuple("" if text is None else text.strip() for text in texts)
    return Located(tuple(places), shown, np.array(found, dtype=np.bool_), why=why)


def _place(text: str, root: Place) -> Place:
    """Return where a path leads; raises ConfigError where it may not lead there."""
    place = parse_url(text) if is_url(text) else None
    if isinstance(place, Url):
        return place
    if isinstance(root, Path):
        return place or root / Path(text).expanduser()
    if place is not None or text.startswith("~") or PurePosixPath(text).is_absolute():
        raise ConfigError(f"{text} is a file of this machine, which data from elsewhere may not name.")
    return root.join(text)


def _exists(place: Place, present: frozenset[str]) -> bool:
    return place.is_file() if isinstance(place, Path) else place.is_web or place.text in present
