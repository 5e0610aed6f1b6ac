"""The labels of samples in tar shards: members such as 17.cls, 17.txt or 17.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelaudit.core.errors import ConfigError, DataError, did_you_mean, shorten
from labelaudit.sources.label_column import LABEL_NAMES
from labelaudit.sources.labels import is_number
from labelaudit.sources.range_file import read_part
from labelaudit.sources.store import Store
from labelaudit.sources.tar_index import Member
from labelaudit.sources.urls import Place, Url

CLASS_FILES = ("classes.txt", "classnames.txt")
_MOST_BYTES = 2**20  # of a member that is a label


@dataclass(frozen=True, slots=True)
class TarSample:
    """The members with one key."""

    shard: Place
    shard_name: str
    key: str
    members: dict[str, Member]  # by extension


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where the label of each sample is."""

    extension: str  # of the member
    key: str | None  # in its JSON; None where the whole member is the label

    def __str__(self) -> str:
        """Return ".cls", or "'label' in .json"."""
        return f".{self.extension}" if self.key is None else f"{self.key!r} in .{self.extension}"


def find_labels(samples: Sequence[TarSample], asked: str | None, store: Store, source: object) -> LabelPlace:
    """Return where the labels are: as asked for, else in .cls, .json or .txt.

    Raises:
        ConfigError: there is no such member or key, or no member looks like a label.
    """
    extensions = {extension for sample in samples for extension in sample.members}
    if asked is not None and asked.removeprefix(".") in extensions:
        return LabelPlace(asked.removeprefix("."), None)
    if asked is None and "cls" in extensions:
        return LabelPlace("cls", None)
    keys = _json_keys(samples, store) if "json" in extensions else []
    wanted = (asked,) if asked is not None else LABEL_NAMES
    found = next((name for name in wanted if name in keys), None)
    if found is not None:
        return LabelPlace("json", found)
    if asked is None and "txt" in extensions:
        return LabelPlace("txt", None)
    known = f"members are {shorten(f'.{extension}' for extension in sorted(extensions))}" + (
        f"; keys of .json are {shorten(map(repr, keys))}" if keys else ""
    )
    if asked is None:
        raise ConfigError(f"{source}: no member looks like a label; {known}.", hint="Name it with --label-column.")
    raise ConfigError(
        f"{source}: --label-column {asked!r}: there is no such member or key; {known}.",
        hint=did_you_mean(asked, [*extensions, *keys]),
    )


def read_label(sample: TarSample, place: LabelPlace, store: Store) -> str:
    """Return the label of a sample; raises ValueError with the reason where it has none."""
    member = sample.members.get(place.extension)
    if member is None:
        raise ValueError(f"there is no {sample.key}.{place.extension}")
    if member.size > _MOST_BYTES:
        raise ValueError(f"{sample.key}.{place.extension} has {member.size:,} bytes: hardly a label")
    try:
        data = read_part(sample.shard, store, member.offset, member.size)
        text = data.decode("utf-8-sig").strip() if place.key is None else _json_label(data, place.key)
    except OSError as error:
        raise ValueError(f"{sample.key}.{place.extension} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{sample.key}.{place.extension} is not UTF-8") from error
    if not text:
        raise ValueError(f"{sample.key}.{place.extension} is empty")
    return text


def class_names_beside(folders: Iterable[Place], store: Store) -> tuple[Place, tuple[str, ...]] | None:
    """Return the class list in one of these folders, one name per line; None where there is none."""
    for folder in dict.fromkeys(folders):
        if isinstance(folder, Url):
            present = frozenset() if folder.is_web else store.list_folders([folder])
            files: list[Place] = [folder.join(n) for n in CLASS_FILES if folder.join(n).text in present]
        else:
            files = [folder / name for name in CLASS_FILES if (folder / name).is_file()]
        if files:
            data = store.local_copy(files[0]) if isinstance(files[0], Url) else Path(files[0]).read_bytes()
            return files[0], tuple(line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip())
    return None


def name_classes(labels: Sequence[str], names: Sequence[str], file: Place) -> list[str]:
    """Return the class name of each number; labels that are names already stay as they are.

    Raises:
        DataError: a number beyond the list.
    """
    if not all(is_number(label) for label in labels):
        return list(labels)
    numbers = [int(float(label)) for label in labels]
    wrong = sorted({number for number in numbers if not 0 <= number < len(names)})
    if wrong:
        raise DataError(f"{file}: {len(names):,} names, but the shards have class numbers beyond: {shorten(wrong)}.")
    return [names[number] for number in numbers]


def _json_keys(samples: Sequence[TarSample], store: Store) -> list[str]:
    """Return the keys in the JSON of the first sample that has one."""
    sample = next(sample for sample in samples if "json" in sample.members)
    member = sample.members["json"]
    try:
        values = json.loads(read_part(sample.shard, store, member.offset, min(member.size, _MOST_BYTES)))
    except (OSError, ValueError):  # reported for each sample when its label is read
        return []
    return list(values) if isinstance(values, dict) else []


def _json_label(data: bytes, key: str) -> str:
    try:
        values: Any = json.loads(data)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from error
    value = values.get(key) if isinstance(values, dict) else None
    if isinstance(value, dict | list):
        raise ValueError(f"{key!r} holds several values; each sample needs exactly one label")
    return "" if value is None else str(value).strip()
