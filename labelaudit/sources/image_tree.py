"""The files below a folder, found by the end of the paths that a table has for them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from labelaudit.functional.images import image_suffixes
from labelaudit.sources.inside import leads_to_folder

_DEPTH = 8  # levels of folders below the root
_MOST_FOLDERS = 50_000  # more than any layout of images beside a table needs
_FOREIGN_SHARE = 50  # a beginning that is cut off must serve one path of so many, not a single stray one
_FOREIGN = 4  # how near a file's name is that has another beginning or other zeros; 3 is another suffix
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")  # as Label Studio names what it is given
_NUMBER = re.compile(r"0*(\d+?)(?:\.0)?")  # without zeros before it, which spreadsheets and pandas take away
_DOUBTFUL_SHARE = 2  # and where it may be a folder of this dataset, one of so many


@dataclass(frozen=True, slots=True)
class Way:
    """How a path of a table becomes that of a file."""

    cut: str  # what the path begins with and the file does not: "C:/data/"
    folder: str  # what the file begins with and the path does not: "images/"
    added: str  # suffix that is put behind the path: ".jpg"
    is_exact: bool = True  # the rest is equal to the letter: no other case, suffix, Unicode form or %20

    def template(self, column: str) -> str | None:
        """Return the way as a path template, None where it is more than that."""
        return f"{self.folder}{{{column}}}{self.added}" if self.is_exact and not self.cut else None


@dataclass(frozen=True, slots=True)
class Match:
    """What a search found."""

    files: Mapping[int, str]  # position -> file relative to the root
    ways: Mapping[Way, int]  # how many were found by each
    several: Mapping[int, tuple[str, ...]]  # position -> files between which nothing decides
    fitting: tuple[Way, ...] = ()  # ways that would find as many, where nothing decides


@dataclass(slots=True)
class ImageTree:
    """Names of the files below a folder that may be images; listed once, when first asked."""

    root: Path
    _by_stem: dict[str, list[str]] | None = None
    _by_number: dict[str, list[str]] | None = None
    count: int = field(default=0)

    def find(self, texts: Mapping[int, str], total: int) -> Match:
        """Return the files of paths that do not lead to a file as they are written.

        Args:
            texts: position -> path, with slashes.
            total: how many paths the table has.
        """
        candidates = {position: self._candidates(text) for position, text in texts.items()}
        votes = Counter(way for ways in candidates.values() for way in ways)
        chosen: dict[int, tuple[Way, str]] = {}
        several: dict[int, tuple[str, ...]] = {}
        for position, ways in candidates.items():
            likely = [way for way in ways if _is_likely(way, votes[way], total)]
            most = max((votes[way] for way in likely), default=0)
            best = [way for way in likely if votes[way] == most]
            if len(best) == 1:
                chosen[position] = (best[0], ways[best[0]])
            elif best:
                several[position] = tuple(sorted(ways[way] for way in best))
        _drop_shared(chosen, texts, votes)
        fitting = {way for position in several for way in candidates[position]}
        return Match(
            {position: file for position, (_, file) in chosen.items()},
            Counter(way for way, _ in chosen.values()),
            several,
            tuple(sorted(fitting, key=lambda way: (-votes[way], way.folder, way.added))) if not chosen else (),
        )

    def n_images(self) -> int:
        """Return how many images lie below the root."""
        self._index()
        return self.count

    def _candidates(self, text: str) -> dict[Way, str]:
        """Return the files whose path ends most like the text, by the way to each."""
        folder, _, base = text.rpartition("/")
        heads = folder.split("/") if folder else []
        index = self._index()
        stems = dict.fromkeys((loose(base), loose(_stem(base))))
        found = [(_kind(base, file), _tail(heads, file), file) for stem in stems for file in index.get(stem, ())]
        found = found or [(_FOREIGN, _tail(heads, file), file) for file in self._by_other_names(base)]
        if not found:
            return {}
        best = min((-tail, kind) for kind, tail, _ in found)
        exact = [file for kind, tail, file in found if (-tail, kind) == best]
        return {_way(text, heads, file, -best[0]): file for file in dict.fromkeys(exact)}

    def _by_other_names(self, base: str) -> Sequence[str]:
        """Return the files by what a name was before a tool changed it; none where several fit."""
        index = self._index()
        plain = _stem(base.partition("?")[0])  # what follows is for a web server
        names = [plain, *(found[1] for found in [_UPLOADED.fullmatch(plain)] if found)]
        files = next((index[loose(name)] for name in names if loose(name) in index), ())
        if not files and (number := _NUMBER.fullmatch(plain)):
            files = self._numbers().get(number[1], ())
        return files if len({file.rpartition("/")[0] for file in files}) == len(files) else ()

    def _numbers(self) -> Mapping[str, Sequence[str]]:
        """Return the files whose names are numbers, by these without zeros before them."""
        if self._by_number is None:
            self._by_number = defaultdict(list)
            for stem, files in self._index().items():
                if found := _NUMBER.fullmatch(stem):
                    self._by_number[found[1]] += files
        return self._by_number

    def _index(self) -> Mapping[str, Sequence[str]]:
        if self._by_stem is None:
            self._by_stem = defaultdict(list)
            suffixes = image_suffixes()
            for file in _files_below(self.root):
                base = file[file.rfind("/") + 1 :]
                stem, suffix = _split(base)
                if suffix.lower() in suffixes:
                    self.count += 1
                    self._by_stem[loose(stem)].append(file)
                elif not suffix:
                    self._by_stem[loose(base)].append(file)
        return self._by_stem


def loose(text: str) -> str:
    """Return a name without what differs between machines: case, Unicode form, %20 for a blank."""
    if "%" in text:
        text = unquote(text)
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def _is_likely(way: Way, votes: int, total: int) -> bool:
    """Return whether enough paths go a way; one that cuts nothing off needs no others."""
    if not way.cut:
        return True
    is_foreign = way.cut.startswith(("/", "~")) or ":" in way.cut.partition("/")[0]
    return votes * (_FOREIGN_SHARE if is_foreign else _DOUBTFUL_SHARE) >= total


def _drop_shared(chosen: dict[int, tuple[Way, str]], texts: Mapping[int, str], votes: Mapping[Way, int]) -> None:
    """Take away the files that two different paths would share, but for the way that more paths go."""
    claims: dict[str, set[str]] = defaultdict(set)
    for position, (_, file) in chosen.items():
        claims[file].add(texts[position])
    shared = {file for file, names in claims.items() if len(names) > 1}
    if not shared:
        return
    most: dict[str, int] = {}
    for way, file in chosen.values():
        most[file] = max(most.get(file, 0), votes[way])
    for position, (way, file) in list(chosen.items()):
        if file in shared and (votes[way] < most[file] or _is_contested(file, most[file], chosen, texts, votes)):
            del chosen[position]


def _is_contested(
    file: str, most: int, chosen: Mapping[int, tuple[Way, str]], texts: Mapping[int, str], votes: Mapping[Way, int]
) -> bool:
    strongest = {texts[at] for at, (way, name) in chosen.items() if name == file and votes[way] == most}
    return len(strongest) > 1


def _way(text: str, heads: Sequence[str], file: str, tail: int) -> Way:
    """Return how the text becomes the file; `tail` folders before the names are the same."""
    folders = file.split("/")[:-1]
    cut = "".join(f"{name}/" for name in heads[: len(heads) - tail])
    front = "".join(f"{name}/" for name in folders[: len(folders) - tail])
    wanted, rest = text[len(cut) :], file[len(front) :]
    added = rest.removeprefix(wanted) if rest.startswith(f"{wanted}.") else ""
    return Way(cut, front, added, is_exact=rest == wanted + added)


def _tail(heads: Sequence[str], file: str) -> int:
    """Return how many folders right before the two names are the same."""
    if not heads:
        return 0
    folders = file.split("/")[:-1]
    same = 0
    for a, b in zip(reversed(heads), reversed(folders), strict=False):
        if loose(a) != loose(b):
            break
        same += 1
    return same


def _kind(base: str, file: str) -> int:
    """Return how near a file's name is: 0 equal, 1 with another case or form, 2 with a suffix, 3 with another one."""
    name = file[file.rfind("/") + 1 :]
    if name == base:
        return 0
    folded = loose(name)
    if folded == loose(base):
        return 1
    return 2 if _stem(folded) == loose(base) else 3


def _split(name: str) -> tuple[str, str]:
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if dot > 0 else (name, "")


def _stem(name: str) -> str:
    """Return a name without the suffix of an image; other dots belong to it."""
    stem, suffix = _split(name)
    return stem if suffix.lower() in image_suffixes() else name


def _files_below(root: Path) -> Iterator[str]:
    """Yield the files below a folder, relative to it, sorted within each; hidden names are passed over."""
    waiting = [("", 0)]
    seen = 0
    while waiting and seen < _MOST_FOLDERS:
        folder, depth = waiting.pop(0)
        seen += 1
        try:
            with os.scandir(root / folder) as entries:
                visible = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError:  # a folder that may not be read holds no image of ours
            continue
        for entry in visible:
            name = f"{folder}{entry.name}"
            if not leads_to_folder(entry):
                yield name
            elif depth < _DEPTH and not entry.is_symlink():
                waiting.append((f"{name}/", depth + 1))
