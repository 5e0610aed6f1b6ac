"""Images that a published dataset names in lists of its own: WebVision, Clothing1M, Tiny ImageNet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Dataset, FilesBelow, ImageFiles, Remark, SetAside
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.files import read_regular
from labelaudit.core.ids import ids_of
from labelaudit.sources.inside import require_inside


@dataclass(slots=True)
class Listed:
    """Images with their labels, as lists name them."""

    names: list[str] = field(default_factory=list)  # relative to the root
    labels: list[int] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


def listed_dataset(
    source: Path,
    root: Path,
    listed: Listed,
    classes: Sequence[str],
    *,
    split: str,
    remarks: Sequence[Remark],
) -> Dataset:
    """Return the dataset of listed images; classes without an image are left out.

    Args:
        source: what the user named.
        root: folder that the names are relative to.
        listed: the images.
        classes: in the published order.
        split: what was read.
        remarks: what there is to say.

    Raises:
        DataError: a label outside of the classes.
    """
    labels = np.array(listed.labels, dtype=np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataError(
            f"{source}: labels run from {labels.min()} to {labels.max()}, outside of the {len(classes):,} classes.",
            hint="Are the lists of one dataset?",
        )
    present = np.unique(labels)
    absent = [name for number, name in enumerate(classes) if number not in set(present.tolist())]
    said = list(remarks)
    if absent:
        said.append(Remark("note", f"Classes without an image here, left out: {len(absent):,} ({shorten(absent)})."))
    names = tuple(require_inside(name, source) for name in listed.names)
    return Dataset(
        source=source,
        sample_ids=ids_of(names),
        paths=ids_of(names),
        given=np.searchsorted(present, labels).astype(np.int64),
        classes=tuple(classes[number] for number in present.tolist()),
        content=ImageFiles(FilesBelow(root.absolute(), names)),
        trusted=np.zeros(len(names), dtype=np.bool_),
        split=split,
        set_aside=tuple(listed.set_aside),
        remarks=tuple(said),
    )


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a list that are not empty, with their numbers from 1."""
    try:
        text = read_regular(path, most=2**30).decode("utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", hint="Fetch the lists of the dataset.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def labelled_lines(path: Path) -> Iterable[tuple[str, int]]:
    """Yield the (name, label) of lines such as "google/q0001/1.jpg 0".

    Raises:
        DataError: a line that is something else.
    """
    for number, line in lines_of(path):
        name, _, label = line.rpartition(" ")
        if not name or not label.isdecimal():
            raise DataError(
                f"{path}:{number}: {line!r}: expected a path, a blank and a number.", hint="Fetch it again."
            )
        yield name.strip(), int(label)
