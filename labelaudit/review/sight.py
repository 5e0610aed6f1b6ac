"""What a sample looks like to a person: its picture, its text, or its row. Only what the scan saw is shown."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, Images, Texts
from labelaudit.core.errors import LabelAuditError
from labelaudit.core.files import read_regular
from labelaudit.core.ids import name_of
from labelaudit.functional.images import UnreadableImage, hash_content, whole_image
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.compare import content_hash_of, find_data, read_data
from labelaudit.review.rows import RowReader

Size = Literal["large", "small"]
SIDES: dict[Size, int] = {"large": 1600, "small": 320}  # pixels: no picture that is sent is longer on any side
_TEXT = 20_000  # characters of a text that are sent
_KEPT_BYTES = 96 * 2**20  # of pictures that were made
_AT_ONCE = 2  # pictures that are decoded together: one of the largest takes a quarter of a gigabyte
_LOSSLESS_SIDE = 256  # pixels up to which a picture is sent without loss: a JPEG of a few pixels is a blur


class NotShown(LabelAuditError):  # noqa: N818 - named after what the page says
    """A sample that cannot be shown; `problem` is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is sent."""

    data: bytes
    mime: str


class Sight:
    """The data of an audit of N findings, where it is still there."""

    def __init__(self, audit: Audit, columns: FindingColumns) -> None:
        self._audit, self._columns = audit, columns
        self._lock = threading.Lock()  # of the dataset: it is read once, by whoever needs it first
        self._kept = _Kept(_KEPT_BYTES)
        self._decoding = threading.Semaphore(_AT_ONCE)
        self.kind = str((audit.meta.get("dataset") or {}).get("kind") or "images")

    @property
    def has_pictures(self) -> bool:
        """Whether samples are images."""
        return self.kind == "images"

    def prepare(self) -> None:
        """Read the dataset, so that the first who needs it need not wait."""
        try:
            if not self.has_pictures or self._folder is None:
                self._positions()
        except NotShown:
            return  # whoever asks for a sample is told

    def picture(self, row: int, size: Size) -> Picture:
        """Return the picture of a row, scaled down where it is large.

        Raises:
            NotShown: the file is gone, has changed since the scan, or is no image.
        """
        kept = self._kept.get((row, size))
        if kept is not None:
            return kept
        data = self._bytes(row)
        with self._decoding:
            made = _scaled(data, SIDES[size])
        self._kept.put((row, size), made)
        return made

    def content(self, row: int) -> dict[str, Any]:
        """Return what there is to see of a row besides a picture: a text, or cells; ready for JSON."""
        if self.has_pictures:
            return {}
        try:
            dataset, index = self._sample(row)
            if isinstance(dataset.content, Texts):
                text = dataset.content.read(index)
                return {"text": text[:_TEXT], "cut": max(0, len(text) - _TEXT)}
            return {"cells": self._rows.cells(index, self._columns.suggested.text(row))}
        except NotShown as why:
            return {"problem": why.problem}

    def alike(self, row: int, label: str, n: int) -> list[tuple[int, float]]:
        """Return rows of a class whose vectors are nearest to that of a row, and how far they are; none for images.

        Args:
            row: of the findings.
            label: the class.
            n: rows at the most.
        """
        if self.kind not in ("features", "embeddings"):
            return []
        try:
            _, index = self._sample(row)
        except NotShown:
            return []
        return [(self._row_at[at], far) for at, far in self._rows.nearest(index, label, n) if at in self._row_at]

    @cached_property
    def _folder(self) -> Path | None:
        found = find_data(self._audit, None)
        return found if isinstance(found, Path) and found.is_dir() else None

    def _bytes(self, row: int) -> bytes:
        """Return the bytes that the scan saw, whatever lies at their place now."""
        path, expected = self._columns.paths[row].as_py(), self._columns.content_hashes[row].as_py()
        data = None if self._folder is None else _read(self._folder / name_of(path))
        if data is None or hash_content(data) != expected:
            dataset, index = self._sample(row)
            try:
                data = dataset.content.read(index) if isinstance(dataset.content, Images) else b""
            except OSError as error:
                raise NotShown(f"The file cannot be read: {error.strerror or error}.") from error
            if hash_content(data) != expected:
                raise NotShown("The file has changed since the scan.")
        return data

    def _sample(self, row: int) -> tuple[Dataset, int]:
        dataset, positions = self._positions()
        index = positions.get(self._columns.sample_ids[row].as_py())
        if index is None:
            raise NotShown("The sample is not in the dataset any more.")
        if not isinstance(dataset.content, Images):
            found, expected = content_hash_of(dataset, index), self._columns.content_hashes[row].as_py()
            if found != expected:
                raise NotShown("The sample has changed since the scan.")
        return dataset, index

    def _positions(self) -> tuple[Dataset, dict[str, int]]:
        with self._lock:
            dataset = self._dataset
            return dataset, self._position_of

    @cached_property
    def _dataset(self) -> Dataset:
        found = find_data(self._audit, None)
        if not isinstance(found, Path):
            raise NotShown(f"The data is not here: {found}.")
        try:
            return read_data(self._audit, found).dataset
        except (LabelAuditError, OSError) as error:
            raise NotShown(f"The data cannot be read: {error}") from error

    @cached_property
    def _position_of(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self._dataset.sample_ids)}

    @cached_property
    def _row_at(self) -> dict[int, int]:
        """Return {position in the dataset: row of the findings}."""
        rows = {name: row for row, name in enumerate(self._columns.sample_ids.to_pylist())}
        return {at: rows[name] for name, at in self._position_of.items() if name in rows}

    @cached_property
    def _rows(self) -> RowReader:
        return RowReader(self._dataset)


class _Kept:
    """Pictures that were made, the least recently used forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._pictures: OrderedDict[tuple[int, Size], Picture] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, Size]) -> Picture | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: tuple[int, Size], picture: Picture) -> None:
        with self._lock:
            before = self._pictures.pop(key, None)
            self._pictures[key] = picture
            self._bytes += len(picture.data) - (0 if before is None else len(before.data))
            while self._bytes > self._most:
                self._bytes -= len(self._pictures.popitem(last=False)[1].data)


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path)
    except (OSError, ValueError):  # a name with a zero byte is no file
        return None


def _scaled(data: bytes, side: int) -> Picture:
    try:
        image = whole_image(data, side)
    except UnreadableImage as error:
        raise NotShown(f"It cannot be shown: {error.problem}.") from error
    stream = io.BytesIO()
    if max(image.size) <= _LOSSLESS_SIDE:
        image.save(stream, "PNG")
        return Picture(stream.getvalue(), "image/png")
    image.save(stream, "JPEG", quality=88)
    return Picture(stream.getvalue(), "image/jpeg")
