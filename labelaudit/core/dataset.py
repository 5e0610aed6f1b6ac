"""The table of samples: what there is to audit, before anything is decoded or trained."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.annotators import Annotators
from labelaudit.core.arrays import BoolN as BoolN
from labelaudit.core.arrays import FloatNC as FloatNC
from labelaudit.core.arrays import FloatND as FloatND
from labelaudit.core.arrays import IntN as IntN
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.files import read_regular
from labelaudit.core.model_facts import ColumnFacts

MOST_IMAGE = 2**30  # bytes of a file that is read as an image
SMALLEST_CLASS = 5  # samples; a smaller class cannot be judged: it is warned of, and its suspects go to review


class FilesBelow(Sequence[Path]):
    """Files of one folder as their names: a million `Path` objects would take seconds and half a gigabyte."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder  # absolute
        self.names = names  # (N,) relative to it, or absolute

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> FilesBelow: ...
    def __getitem__(self, index: int | slice) -> Path | FilesBelow:
        if isinstance(index, slice):
            return FilesBelow(self.folder, self.names[index])
        return self.folder / self.names[index]

    def take(self, keep: IntN) -> FilesBelow:
        """Return the files at these positions."""
        return FilesBelow(self.folder, tuple(self.names[i] for i in keep))

    def texts(self) -> Iterator[str]:
        """Yield the absolute paths as text."""
        start = os.path.join(self.folder, "")  # noqa: PTH118  (with a separator at the end)
        return (name if os.path.isabs(name) else start + name for name in self.names)  # noqa: PTH117  (faster by far)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash((self.folder, tuple(self.names)))


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Images in files of their own."""

    files: tuple[Path, ...] | FilesBelow  # (N,) absolute, in Dataset order

    kind: ClassVar[Literal["images"]] = "images"

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> bytes:
        """Return the bytes of one file; raises OSError as the system does, and for what is no file or too large."""
        return read_regular(self.files[index], most=MOST_IMAGE)

    def texts(self) -> Iterator[str]:
        """Yield the paths as text."""
        return self.files.texts() if isinstance(self.files, FilesBelow) else map(str, self.files)

    def take(self, keep: IntN) -> ImageFiles:
        """Return the images at these positions."""
        if isinstance(self.files, FilesBelow):
            return ImageFiles(self.files.take(keep))
        return ImageFiles(tuple(self.files[i] for i in keep))


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """Images as bytes in a table's column, such as Parquet files of the Hugging Face hub."""

    data: pa.ChunkedArray  # (rows of the file,) binary, memory-mapped where the format allows
    names: tuple[str, ...]  # (N,) the name of each image, for its suffix and for messages
    rows: tuple[int, ...]  # (N,) position in `data`

    kind: ClassVar[Literal["images"]] = "images"

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> bytes:
        """Return the bytes of one image; empty where the cell is null."""
        value = self.data[self.rows[index]].as_py()
        return b"" if value is None else bytes(value)

    def take(self, keep: IntN) -> EmbeddedImages:
        """Return the images at these positions."""
        return EmbeddedImages(self.data, tuple(self.names[i] for i in keep), tuple(self.rows[i] for i in keep))


class ImageReader(Protocol):
    """Something that gives the bytes of one image at a time, to many threads at once."""

    def read(self, position: int) -> bytes:
        """Return the bytes of one image; raises OSError where they cannot be had."""


@dataclass(frozen=True, slots=True)
class StreamedImages:
    """Images that are read or fetched one by one: objects behind URLs, members of tar shards, rows of Parquet."""

    reader: ImageReader
    positions: IntN  # (N,) what to ask the reader for

    kind: ClassVar[Literal["images"]] = "images"

    def __len__(self) -> int:
        return len(self.positions)

    def read(self, index: int) -> bytes:
        """Return the bytes of one image; raises OSError, after a few tries where another try may help."""
        return self.reader.read(int(self.positions[index]))

    def take(self, keep: IntN) -> StreamedImages:
        """Return the images at these positions."""
        return StreamedImages(self.reader, self.positions[keep])


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector of numbers per sample: encoded table columns, or embeddings."""

    values: FloatND  # (N, D) float32, finite
    kind: Literal["features", "embeddings"]
    row_hashes: tuple[str, ...] = ()  # (N,) of the cells as written; standardised values change with other rows
    columns: tuple[ColumnFacts, ...] = ()  # of a table: how its cells became these values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, keep: IntN) -> Vectors:
        """Return the vectors at these positions."""
        hashes = tuple(self.row_hashes[i] for i in keep) if self.row_hashes else ()
        return Vectors(self.values[keep], self.kind, hashes, self.columns)


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Out-of-sample class probabilities that the user already has; nothing is trained."""

    values: FloatNC  # (N, C) float32; rows sum to 1

    kind: ClassVar[Literal["probs"]] = "probs"

    def __len__(self) -> int:
        return len(self.values)

    def take(self, keep: IntN) -> Probabilities:
        """Return the probabilities of these positions."""
        return Probabilities(self.values[keep])


@dataclass(frozen=True, slots=True)
class Texts:
    """One text per sample: a cell of a table, or several joined."""

    values: tuple[str, ...]  # (N,) not empty

    kind: ClassVar[Literal["texts"]] = "texts"

    def __len__(self) -> int:
        return len(self.values)

    def read(self, index: int) -> str:
        """Return the text of one sample."""
        return self.values[index]

    def take(self, keep: IntN) -> Texts:
        """Return the texts at these positions."""
        return Texts(tuple(self.values[i] for i in keep))


Images = ImageFiles | EmbeddedImages | StreamedImages  # isinstance(content, Images): a new kind is added here only
Content = Images | Vectors | Probabilities | Texts


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row or file that cannot be scanned; it stays in the findings, flagged, so that nothing is lost."""

    sample_id: str
    path: str
    given_label: str | None  # None where the label is what is missing
    issue: Literal["unreadable", "missing-label", "missing-file"]
    detail: str  # one line: what is wrong


@dataclass(frozen=True, slots=True)
class Remark:
    """Something said about the data while it was read."""

    level: Literal["note", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """What a column of a table was taken for."""

    name: str
    use: str  # label, image, path, id, split, trust, text, number, category, or "left out"
    why: str  # in a few words


@dataclass(frozen=True, slots=True)
class Several:
    """The labels of samples that have several, or none."""

    names: tuple[str, ...]  # (L,)
    has: NDArray[np.bool_]  # (N, L) which of them a sample has
    kind: Literal["columns", "cells", "lists"]  # how they are written: a column each, in one cell, as JSON lists
    column: str | None = None  # of cells and lists
    between: str = ""  # what separates the labels in a cell
    example: str = ""  # a cell, for messages


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one audit, in a fixed order: position in here is the `index` of every batch."""

    source: Path | str  # the folder or table that the user named; a str is a URL or a pattern of shards
    sample_ids: tuple[str, ...]  # (N,) unique; POSIX path relative to the root, the id column, or the row number
    paths: tuple[str, ...]  # (N,) what to show: path relative to the root, or "table.csv:17" for a row of a table
    given: IntN  # (N,) position in `classes`
    classes: tuple[str, ...]  # (C,)
    content: Content
    trusted: BoolN  # (N,) labels that the user vouches for
    split: str | None = None  # which split was read, None where there are none
    set_aside: tuple[SetAside, ...] = ()
    remarks: tuple[Remark, ...] = ()
    annotators: Annotators | None = None  # where the given labels are the consensus of several people
    columns: tuple[ColumnUse, ...] = ()  # of a table, in its order
    several: Several | None = None  # where samples have several labels: `given` then numbers the sets of labels
    pairs_of: Dataset | None = None  # of pairs of a sample and a label: the samples

    def __post_init__(self) -> None:
        """Check sizes, ids and labels."""
        n = len(self.sample_ids)
        for name, size in (
            ("paths", len(self.paths)),
            ("given", len(self.given)),
            ("content", len(self.content)),
            ("trusted", len(self.trusted)),
            ("several", n if self.several is None else len(self.several.has)),
        ):
            if size != n:
                raise ValueError(f"Dataset.{name} has {size} entries for {n} samples")
        if n and not (int(self.given.min()) >= 0 and int(self.given.max()) < len(self.classes)):
            raise ValueError(f"Dataset.given must lie in 0..{len(self.classes) - 1}")
        require_unique_ids(self.sample_ids, self.source)

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return len(self.classes)

    @property
    def kind(self) -> Literal["images", "features", "embeddings", "probs", "texts"]:
        """What a sample is."""
        return self.content.kind

    def class_counts(self) -> IntN:
        """Return (C,) samples of each class."""
        return np.bincount(self.given, minlength=self.n_classes).astype(np.int64)

    def without(self, bad: Sequence[tuple[int, SetAside]]) -> Dataset:
        """Return the dataset with these positions moved to `set_aside`."""
        if not bad:
            return self
        drop = {index for index, _ in bad}
        keep = np.array([i for i in range(len(self)) if i not in drop], dtype=np.int64)
        return dataclasses.replace(
            self,
            sample_ids=tuple(self.sample_ids[i] for i in keep),
            paths=tuple(self.paths[i] for i in keep),
            given=self.given[keep],
            trusted=self.trusted[keep],
            content=self.content.take(keep),
            several=self.several and dataclasses.replace(self.several, has=self.several.has[keep]),
            set_aside=self.set_aside + tuple(row for _, row in bad),
        )

    @property
    def samples(self) -> Dataset:
        """What there is to read and to learn from: this, or the samples that these pairs are of."""
        return self if self.pairs_of is None else self.pairs_of

    def with_remarks(self, *remarks: Remark) -> Dataset:
        """Return the dataset with more remarks."""
        return dataclasses.replace(self, remarks=self.remarks + remarks)


def require_unique_ids(sample_ids: Sequence[str], source: object) -> None:
    """Raise DataError naming the ids that occur more than once."""
    if len(set(sample_ids)) == len(sample_ids):
        return
    seen: set[str] = set()
    twice = sorted({name for name in sample_ids if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
    raise DataError(
        f"{source}: {len(twice):,} sample ids occur more than once: {shorten(map(repr, twice))}.",
        hint="Every row needs its own id; remove the repeated rows, or name another column with --id-column.",
    )


def fingerprint(dataset: Dataset, content_hashes: Sequence[str]) -> str:
    """Return 16 hex digits that change when a sample, its content or its label changes.

    Args:
        dataset: N samples.
        content_hashes: (N,) one for each sample.
    """
    labels = [dataset.classes[label] for label in dataset.given.tolist()]
    return fingerprint_of(dataset.classes, zip(dataset.sample_ids, content_hashes, labels, strict=True))


def fingerprint_of(classes: Sequence[str], samples: Iterable[tuple[str, str, str]]) -> str:
    """Return the fingerprint of (sample id, content hash, given label) of each sample, in any order."""
    digest = hashlib.sha256()
    rows = [("classes", *classes), *sorted(samples)]
    for start in range(0, len(rows), _BLOCK):
        text = "".join("\x1f".join(row) + "\x1e" for row in rows[start : start + _BLOCK])
        digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


_BLOCK = 65_536  # rows hashed at a time: one by one takes five times as long, all at once as much memory as the ids
