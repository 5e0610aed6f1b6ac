"""Tar shards: members that hold labels are written anew, all others are copied byte for byte."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelaudit.core.dataset import Dataset
from labelaudit.core.errors import ConfigError, count
from labelaudit.core.recipe import DataSettings
from labelaudit.mending.changes import Change
from labelaudit.mending.class_folders import beside, require_no_columns
from labelaudit.mending.folders import visible_files, write_folder
from labelaudit.mending.json_spans import node_of
from labelaudit.mending.json_table import said_in_json, written_in_json
from labelaudit.mending.layout import How, Prepared
from labelaudit.mending.spans import Edit, edited
from labelaudit.mending.tar_copies import rewrite_tar
from labelaudit.mending.words import spellings, unknown_word
from labelaudit.sources.range_file import read_part
from labelaudit.sources.shards import Shards
from labelaudit.sources.splits import is_split_name
from labelaudit.sources.store import Store
from labelaudit.sources.tar_index import index_shards, split_name
from labelaudit.sources.tar_labels import LabelPlace, TarSample, find_labels

_PER_CLASS = 50  # samples that tell how a class is written


@dataclass(frozen=True, slots=True)
class TarLayout:
    """Shards of images and labels."""

    shards: Shards
    dataset: Dataset
    place: LabelPlace
    samples: Mapping[str, TarSample]  # "shard/key" -> its members

    @property
    def words(self) -> str:
        """What it is."""
        return f"labels in {self.place} of {count(len(self.shards.files), 'tar shard')}"

    @property
    def output(self) -> Path:
        """Beside the shards."""
        return beside(self._root)

    @property
    def _root(self) -> Path:
        """The folder of the shards, or the file where there is one alone."""
        source = self.shards.source
        if isinstance(source, Path) and source.is_file():
            return source
        assert isinstance(self.shards.folder, Path)
        return self.shards.folder

    def split_of(self, sample_id: str) -> str | None:
        """Return the split that the name of the shard tells, else the one that was read."""
        words = sample_id.replace("-", "/").replace("_", "/").split("/")
        split = self.dataset.split
        return next((w for w in words if is_split_name(w)), split) if split is not None else None

    def prepare(self, changes: Sequence[Change], how: How) -> Prepared:
        """Return the new shards."""
        require_no_columns(how, "an archive")
        words = self._words({change.after for change in changes if change.after is not None})
        asked: dict[str, dict[str, str | None]] = {}
        for change in changes:
            sample = self.samples[_stem(change.sample_id)]
            cell = None if change.after is None else words[change.after]
            asked.setdefault(sample.shard_name, {})[sample.key] = cell
        paths = dict(zip(self.shards.names, self.shards.files, strict=True))
        writes = {name: self._writer(_local(paths[name]), cells) for name, cells in asked.items()}
        places = {change.sample_id: "" if change.after is None else change.sample_id for change in changes}
        root = self._root
        if root.is_file():
            return Prepared(writes.get(root.name, self._writer(root, {})), places)
        others = visible_files(root) if isinstance(self.shards.source, Path) else iter(())
        files = {name: name for name in dict.fromkeys((*self.shards.names, *others))}

        def write(target: Path) -> None:
            write_folder(target, root, files, how=how, rewritten=writes)

        return Prepared(write, places, files, frozenset(writes), root)

    def _words(self, labels: set[str]) -> dict[str, str]:
        """Return how each label is written in a member."""
        classes = self.dataset.classes
        left = dict.fromkeys(range(len(classes)), _PER_CLASS)
        written: list[tuple[str, str]] = []
        for sample_id, place in zip(self.dataset.sample_ids, self.dataset.given.tolist(), strict=True):
            if left[place]:
                left[place] -= 1
                written.append((classes[place], self._cell(self.samples[_stem(sample_id)])))
        known = spellings(written)
        return {label: known.get(label) or self._new_word(label, known) for label in labels}

    def _new_word(self, label: str, known: Mapping[str, str]) -> str:
        name, like = next(iter(known.items()))
        if self.place.key is None and like == name:
            return label
        if self.place.key is not None and said_in_json(like) == name:
            return written_in_json(label, like)
        raise unknown_word(label, known, self.shards.source)

    def _cell(self, sample: TarSample) -> str:
        member = sample.members[self.place.extension]
        text = read_part(_local(sample.shard), Store(None), member.offset, member.size).decode("utf-8-sig")
        start, end = self._span(text)
        return text[start:end]

    def _span(self, text: str) -> tuple[int, int]:
        """Return where the label is in a member."""
        if self.place.key is None:
            start = len(text) - len(text.lstrip())
            return start, start + len(text.strip())
        node = node_of(text, depth=1).at([self.place.key])
        return node.start, node.end

    def _writer(self, path: Path, cells: Mapping[str, str | None]) -> Callable[[Path], None]:
        def change(member: tarfile.TarInfo) -> tuple[str, bytes | None]:
            key, extension = split_name(member.name) or ("", "")
            if key not in cells:
                return member.name, None
            cell = cells[key]
            if cell is None:
                return "", None
            if extension != self.place.extension:
                return member.name, None
            data = read_part(path, Store(None), member.offset_data, member.size)
            mark = data[:3] if data.startswith(b"\xef\xbb\xbf") else b""
            text = data[len(mark) :].decode()
            return member.name, mark + edited(text, [Edit(*self._span(text), cell)]).encode()

        return lambda target: rewrite_tar(path, target, change)


def open_tar_shards(shards: Shards, dataset: Dataset, settings: DataSettings) -> TarLayout:
    """Return the layout of tar shards on this machine."""
    store = Store(None)
    samples = {
        f"{name}/{key}": TarSample(index.place, name, key, members)
        for name, index in zip(shards.names, index_shards(list(shards.files), store), strict=True)
        for key, members in index.samples.items()
    }
    place = find_labels(list(samples.values()), settings.label_column, store, shards.source)
    return TarLayout(shards, dataset, place, samples)


def _stem(sample_id: str) -> str:
    """Return "shard/key" of "shard/key.jpg"."""
    folder, _, name = sample_id.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def _local(place: object) -> Path:
    if not isinstance(place, Path):
        raise ConfigError(f"{place} is not on this machine.", hint="Download the shards first.")
    return place
