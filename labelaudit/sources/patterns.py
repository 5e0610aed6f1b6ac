"""Many files by one name: {000..009}, {a,b}, *, ? and [..]."""

from __future__ import annotations

import glob
import itertools
import re
from pathlib import Path

from labelaudit.core.errors import DataError
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Place, Url, is_url, parse_url

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_WILD = re.compile(r"[*?\[]")
_MOST_FILES = 1_000_000  # that a pattern may stand for; more is a slip of the finger


def is_pattern(text: str) -> bool:
    """Return whether a text stands for more than one file."""
    path = text.partition("?")[0] if is_url(text) else text
    braces = any("," in inside or _RANGE.fullmatch(inside) for inside in _BRACES.findall(path))
    return braces or _WILD.search(path) is not None


def expand_braces(pattern: str) -> list[str]:
    """Return the names that {000..009} and {a,b} stand for, as in bash; other braces stay as they are.

    Raises:
        DataError: more than a million names.
    """
    pieces = _BRACES.split(pattern)  # text, inside of braces, text, ...
    choices = [[piece] if position % 2 == 0 else _alternatives(piece) for position, piece in enumerate(pieces)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MOST_FILES:
        raise DataError(f"{pattern}: stands for {count:,} files; at most {_MOST_FILES:,} are read.")
    return ["".join(parts) for parts in itertools.product(*choices)]


def matching_files(pattern: str, store: Store) -> list[Place]:
    """Return the files that a pattern stands for: in its own order for braces, sorted for * and ?.

    Files that braces name need not exist.

    Raises:
        DataError: nothing fits.
    """
    places = [place for text in expand_braces(pattern) for place in _fitting(text, store)]
    if not places:
        raise DataError(
            f"{pattern}: no file fits.", hint="Quote it, so that the shell leaves it alone; check the folder."
        )
    return list(dict.fromkeys(places))


def shards_folder(source: str) -> Place:
    """Return the folder that holds all files of a pattern, or the folder itself."""
    fixed = re.split(r"[*?\[{]", source, maxsplit=1)[0]
    folder = fixed if fixed == source else fixed[: fixed.rfind("/") + 1]
    if is_url(folder):
        return parse_url(folder)
    return Path(folder or ".").expanduser().absolute()


def _fitting(text: str, store: Store) -> list[Place]:
    place = parse_url(text) if is_url(text) else Path(text).expanduser()
    if isinstance(place, Url):
        return [*store.glob(place)] if _WILD.search(str(place)) else [place]
    if not _WILD.search(text):
        return [place]
    return [Path(name) for name in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207  (absolute patterns)


def _alternatives(inside: str) -> list[str]:
    if fits := _RANGE.fullmatch(inside):
        first, last = fits.groups()
        step = 1 if int(first) <= int(last) else -1
        padded = any(len(text) > 1 and text.startswith("0") for text in (first, last))
        width = max(len(first), len(last)) if padded else 0
        if abs(int(last) - int(first)) >= _MOST_FILES:
            raise DataError(f"{{{inside}}}: stands for more than {_MOST_FILES:,} files.")
        return [f"{number:0{width}d}" for number in range(int(first), int(last) + step, step)]
    return inside.split(",") if "," in inside else [f"{{{inside}}}"]
