"""What every layout of data can do: say where a sample belongs, and write itself anew with other labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from labelaudit.mending.changes import Change

By = Literal["link", "copy", "symlink"]


@dataclass(frozen=True, slots=True)
class How:
    """How data is written anew."""

    by: By = "link"  # how files that do not change come into a new folder
    follow_links: bool = False  # links out of the data were read: what they lead to comes along, not the links
    label_before: bool = False  # a column with the former label of changed rows
    reason: bool = False  # a column that says why


@dataclass(frozen=True, slots=True)
class Prepared:
    """Data that can be written; whatever stands in the way has been found."""

    write: Callable[[Path], None]  # to a path that does not exist
    places: Mapping[str, str]  # sample id -> where it is in what is written; "" where it is left out
    files: Mapping[str, str] = field(default_factory=dict)  # of a folder: new file -> what it was made from
    rewritten: frozenset[str] = frozenset()  # of a folder: new files with contents of their own
    root: Path | None = None  # the old folder
    notes: tuple[str, ...] = ()


class Layout(Protocol):
    """One dataset on disk."""

    @property
    def words(self) -> str:
        """What it is: "column 'label' of labels.csv"."""

    @property
    def output(self) -> Path:
        """Where corrected data goes unless somebody says otherwise."""

    def split_of(self, sample_id: str) -> str | None:
        """Return the split of a sample, None where there are none."""

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return what is to be written; raises ConfigError where that is not possible."""
