"""Whether the data stayed as it was while it was scanned: an hour is long, and other programs write, too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import count, shorten
from labelaudit.core.events import EventSink, Said
from labelaudit.core.recipe import DataSettings
from labelaudit.scanning.load import Loaded

CHANGED, GONE = "changed after it was read", "removed after it was read"  # details of a finding
_NOT_THERE = (-1, -1)


@dataclass(frozen=True, slots=True)
class Watch:
    """Size and time of change of files, as they were at one moment."""

    paths: tuple[str, ...]
    seen: tuple[tuple[int, int], ...]  # bytes, nanoseconds; (-1, -1) = not there

    def changes(self) -> dict[int, str]:
        """Return what became of those that are not as they were, by their place."""
        now = _moments(self.paths)
        return {
            place: GONE if after == _NOT_THERE else CHANGED
            for place, (before, after) in enumerate(zip(self.seen, now, strict=True))
            if before != after
        }


def watch(paths: Iterable[str]) -> Watch:
    """Return how files are now."""
    names = tuple(paths)
    return Watch(names, tuple(_moments(names)))


def watch_tables(source: Path | str, settings: DataSettings) -> Watch:
    """Return how the files are now that a dataset is read from as a whole: its table, vectors, probabilities."""
    named = (source, settings.probs, settings.embeddings)
    return watch(str(each) for each in named if each is not None and Path(each).is_file())


def watch_images(dataset: Dataset) -> Watch:
    """Return how the image files of a dataset are now, in its order; none where it has others."""
    return watch(dataset.content.texts() if isinstance(dataset.content, ImageFiles) else ())


def with_changes(loaded: Loaded, read: Dataset, tables: Watch, images: Watch, on_event: EventSink) -> Loaded:
    """Return the samples with a detail on those whose file is not what was scanned any more, and say so.

    Args:
        loaded: what was scanned.
        read: the dataset as it was read, with those that were set aside since; `images` is in its order.
        tables: files that were read as a whole.
        images: one file each.
        on_event: told.
    """
    for path in (tables.paths[place] for place in tables.changes()):
        text = f"{path} was changed while it was scanned: the findings are about what it was when the scan began"
        on_event(Said("warning", text))
    changes = images.changes()
    if not changes:
        return loaded
    what = {read.sample_ids[place]: text for place, text in changes.items()}
    names = shorten(f"{read.paths[place]} ({text})" for place, text in changes.items())
    said = f"{count(len(changes), 'image')} did not stay as scanned; findings are about what was read: {names}"
    on_event(Said("warning", said))
    details = [
        "; ".join(filter(None, (detail, what.get(sample))))
        for detail, sample in zip(loaded.details, loaded.dataset.sample_ids, strict=True)
    ]
    return replace(loaded, details=tuple(details))


def _moments(paths: Sequence[str]) -> list[tuple[int, int]]:
    return [_moment(path) for path in paths]


def _moment(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  (a Path for each of a million files takes longer than the question)
    except OSError:
        return _NOT_THERE
    return found.st_size, found.st_mtime_ns
