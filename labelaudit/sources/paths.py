"""From what a table says about its images to files: paths, templates, and a guess where neither fits."""

from __future__ import annotations

import dataclasses
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.dataset import FilesBelow, Remark
from labelaudit.core.errors import ConfigError, DataError, did_you_mean, shorten
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.image_tree import ImageTree, Match
from labelaudit.sources.inside import Fence
from labelaudit.sources.patterns import shards_folder
from labelaudit.sources.table_file import Table
from labelaudit.sources.urls import Place, Url, is_url, parse_url

_WORTH_LISTING = 200  # paths in a folder
_LONGEST = 200  # characters of a path in a message
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")  # of a template: {column}, or a doubled brace


@dataclass(frozen=True, slots=True)
class Located:
    """Where the images of a table are."""

    files: tuple[Place, ...] | FilesBelow  # (N,) absolute; where the file should be if it does not exist
    shown: tuple[str, ...]  # (N,) path relative to the root where it lies below it
    exists: BoolN  # (N,)
    fitting: tuple[str, ...] = ()  # templates that fit all rows, where more than one does
    remarks: tuple[Remark, ...] = ()
    why: Mapping[int, str] = field(default_factory=dict)  # position -> why a file is not there, where that is known


def require_exists(path: Path, what: str) -> None:
    """Raise ConfigError with the most similar name beside it unless the path is there, a file or a folder."""
    if os.path.exists(path):  # noqa: PTH110  (no error for names that are too long)
        if not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{what}{path} is neither a file nor a folder.", hint="Copy what it gives into a file.")
        return
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path)):  # two letters at least: C:/ is a drive
        raise ConfigError(f"{what}{path}: only a local file is read here.", hint="Download it first.")
    parent = path.parent
    if not parent.is_dir():
        raise ConfigError(f"{what}{path} does not exist; nor does its folder {parent}.", hint="Check the path.")
    try:
        siblings = [sibling.name for sibling in parent.iterdir()]
    except OSError:  # the folder may not be listed
        siblings = []
    close = did_you_mean(path.name, siblings)
    raise ConfigError(f"{what}{path} does not exist.", hint=close or "Check the path.")


def image_root(table: Table, root: str | None) -> Place:
    """Return the folder that paths are relative to: the one that is set, or the table's own."""
    if root is None:
        return _own_folder(table)
    address = parse_url(root) if is_url(root) else Path(root)
    if isinstance(address, Url):
        return address
    folder = address.expanduser()
    require_exists(folder, "--image-root ")
    if not folder.is_dir():
        raise ConfigError(f"--image-root {folder} is a file.", hint="Name the folder that the paths are relative to.")
    return folder.absolute()


def _own_folder(table: Table) -> Place:
    if table.shard_names is not None or isinstance(table.source, str):
        return shards_folder(str(table.source))
    return table.source.absolute().parent if isinstance(table.source, Path) else table.source.parent


def template_columns(template: str, table: Table) -> list[str]:
    """Return the columns that a template names, once each.

    Raises:
        ConfigError: a column that does not exist, no column, or braces that do not match.
    """
    names = [_zeros(match[1], table)[0] for match in _FIELD.finditer(template) if match[1]]
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        wrong = "expected '}'" if "{" in rest else "'}' without '{'"
        raise ConfigError(f"--path-template {template!r}: {wrong}.", hint="Braces of a name are doubled: {{ and }}.")
    for name in names:
        if name not in table.columns:
            raise ConfigError(
                f"--path-template {template!r}: there is no column {name!r}; columns: {', '.join(table.columns)}.",
                hint=did_you_mean(name, table.columns),
            )
    if not names:
        raise ConfigError(
            f"--path-template {template!r} names no column; columns: {', '.join(table.columns)}.",
            hint=f"Such as 'images/{{{next(iter(table.columns))}}}.jpg'.",
        )
    return list(dict.fromkeys(names))


def fill_template(template: str, table: Table, rows: IntN) -> list[str | None]:
    """Return the path of each row, None where a cell that the template needs is empty."""
    names = template_columns(template, table)
    cells = {name: cell_texts(table.columns[name].take(rows)) for name in names}
    filled: list[str | None] = []
    for position in range(len(rows)):
        values = {name: cells[name][position] for name in names}
        filled.append(None if None in values.values() else _filled(template, values, table))
    return filled


def _zeros(field: str, table: Table) -> tuple[str, int]:
    """Return the column of "{column}" or "{column:05}", and how many digits it is to have at least."""
    name, _, digits = field.rpartition(":")
    return (name, int(digits)) if name in table.columns and digits.isdecimal() else (field, 0)


def _filled(template: str, values: Mapping[str, str | None], table: Table) -> str:
    def cell(field: str) -> str:
        name, digits = _zeros(field, table)
        return (values[name] or "").zfill(digits)

    # not str.format: a column may be called "image.name" or "a:b"
    return _FIELD.sub(lambda match: cell(match[1]) if match[1] else match[0][0], template)


def locate(
    texts: Sequence[str | None],
    tree: ImageTree,
    *,
    column: str | None = None,
    replace: str | None = None,
    follow_links: bool = False,
) -> Located:
    """Return the file of each path: as written, or found by its end below the root.

    Args:
        texts: (N,) paths as written, None where the cell is empty.
        tree: the root that relative paths start from, and what lies below it.
        column: the column that the texts are from, to name the guessed template; None makes no guess.
        replace: "OLD=NEW", what paths begin with here and there.
        follow_links: out of the root; a path that leaves it by itself is read where it ends as an image does.

    Raises:
        ConfigError: no path begins with OLD.
    """
    texts = _with_prefix(texts, replace)
    direct = _locate_as(texts, tree.root)
    if not follow_links:
        direct = without_strangers(direct, tree.root)
    lost = {
        position: path.removeprefix("./")
        for position, path in enumerate(direct.shown)
        if path and not direct.exists[position] and ".." not in path.split("/") and position not in direct.why
    }
    if column is None or not lost:
        return direct
    found = _with_found(direct, lost, tree.find(lost, sum(text is not None for text in texts)), tree.root, column)
    return found if follow_links else without_strangers(found, tree.root)


def without_strangers(located: Located, root: Path) -> Located:
    """Return where the images are, without files that a table may not name: secrets could be shown to its maker.

    What lies outside of the root must be named as an image, and no link may lead there; --follow-links says that links
    are meant.
    """
    fence, why = Fence(root), dict(located.why)
    exists = located.exists.copy()
    for position in np.flatnonzero(exists).tolist():
        file = located.files[position]
        place = None if isinstance(file, Url) else fence.leaves(str(file))
        if place is None:
            continue
        if os.path.islink(str(file)):  # noqa: PTH114
            why[position] = f"{file} is a symbolic link out of {root}; --follow-links reads it"
        elif not _has_suffix(place):
            why[position] = f"{file} is outside of {root} and not named as an image; --follow-links reads it"
        exists[position] = position not in why
    return dataclasses.replace(located, exists=exists, why=why)


def _with_found(direct: Located, lost: Mapping[int, str], match: Match, root: Path, column: str) -> Located:
    """Return where the images are, with what was found by the ends of paths."""
    assert isinstance(direct.files, FilesBelow)  # of this machine
    names, shown, exists = list(direct.files.names), list(direct.shown), direct.exists.copy()
    for position, file in match.files.items():
        names[position], shown[position], exists[position] = file, file, True
    why = dict(direct.why)
    why |= {position: f"several files fit: {shorten(names, show=3)}" for position, names in match.several.items()}
    templates = tuple(dict.fromkeys(filter(None, (way.template(column) for way in match.fitting))))
    total = sum(bool(path) for path in direct.shown)
    remarks = _found_remarks(match, total, root, column, lost)
    files = FilesBelow(root, tuple(names))
    return Located(files, tuple(shown), exists, fitting=templates, remarks=remarks, why=why)


def _found_remarks(match: Match, total: int, root: Path, column: str, lost: Mapping[int, str]) -> tuple[Remark, ...]:
    """Return what to say about how paths became files."""
    if not match.files:
        return ()
    templates = {template: n for way, n in match.ways.items() if (template := way.template(column)) is not None}
    remarks: list[Remark] = []
    if templates:
        names = shorten(f"--path-template {name!r}" for name in sorted(templates, key=lambda t: (-templates[t], t)))
        n = sum(templates.values())
        many = "All" if n == total else f"{n:,} of {total:,}"
        remarks.append(Remark("note", f"{many} images were found by {names} in {root}."))
    others = len(match.files) - sum(templates.values())
    if others:
        at = next(i for i, file in match.files.items() if not _by_template(lost[i], file))
        found, written = match.files[at], lost[at]
        text = (
            f"{others:,} of {total:,} images were found by the end of their paths in {root}, such as {found!r} for "
            f"{written!r}{_otherwise(written, found)}; --replace-prefix OLD=NEW says how paths begin here."
        )
        remarks.append(Remark("note", text))
    return tuple(remarks)


def _otherwise(text: str, file: str) -> str:
    """Return what makes a file's name another one than it looks."""
    is_same = text != file and unicodedata.normalize("NFC", text) == unicodedata.normalize("NFC", file)
    if is_same:
        return " (the same letters, in another Unicode form)"
    stem = PurePosixPath(file).stem
    return " (without its zeros)" if stem.isdecimal() and stem != PurePosixPath(text).stem else ""


def _by_template(text: str, file: str) -> bool:
    """Return whether a file is called as its path says, below some folder, maybe with a suffix."""
    _, found, rest = f"/{file}".rpartition(f"/{text}")
    return bool(found) and rest[:1] in ("", ".")


def _with_prefix(texts: Sequence[str | None], replace: str | None) -> list[str | None]:
    """Return the texts with what they begin with replaced."""
    if replace is None:
        return list(texts)
    old, equals, new = replace.partition("=")
    if not equals or not old:
        raise ConfigError(f"--replace-prefix {replace!r} is not OLD=NEW.", hint="Such as C:\\data\\=images/")
    begins = [text is not None and text.strip().startswith(old) for text in texts]
    if not any(begins):
        example = next((text for text in texts if text is not None), None)
        raise ConfigError(f"--replace-prefix {replace!r}: no path begins with {old!r}; the first is {example!r}.")
    pairs = zip(texts, begins, strict=True)
    return [new + text.strip().removeprefix(old) if text and fits else text for text, fits in pairs]


def none_found(located: Located, table: Table, tree: ImageTree | None, root: Place, column: str | None) -> DataError:
    """Return the error for a table none of whose images exist."""
    tried = "; ".join(_cut(str(file)) for file in located.files[:3])
    if located.fitting:
        several = " or ".join(repr(template) for template in located.fitting)
        hint = f"Several templates fit; pick one: --path-template {several}"
    else:
        ending = "" if any(map(_has_suffix, located.shown)) else ".jpg"
        name = f"{{{column or next(iter(table.columns))}}}{ending}"
        hint = (
            f"Name their folder with --image-root, how names become paths (--path-template 'images/{name}'), "
            f"or how paths begin here (--replace-prefix OLD=NEW).{_on_zeros(located, column)} "
            "Without images: --no-images"
        )
    below = "" if tree is None else f" ({tree.n_images():,} other images do)" if tree.n_images() else ""
    return DataError(
        f"{table.source}: none of its {len(located.files):,} images exist below {root}{below}; tried {tried}.",
        hint=hint,
    )


def _on_zeros(located: Located, column: str | None) -> str:
    """Return how a template puts zeros before numbers, where paths are numbers."""
    are_numbers = column is not None and all(path.isdecimal() for path in located.shown if path)
    return f" With zeros before numbers: 'img_{{{column}:05}}.jpg'." if are_numbers else ""


def _cut(text: str) -> str:
    """Return a text that may be anything as one of bearable length."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def _has_suffix(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in image_suffixes()


def _locate_as(texts: Sequence[str | None], root: Path) -> Located:
    """Return the files of paths as they are written, or with slashes for backslashes."""
    paths = ["" if text is None else _clean(text) for text in texts]
    names = [os.path.expanduser(path) if path[:1] == "~" else path for path in paths]  # noqa: PTH111  (faster by far)
    exists = _are_files(str(root), names)
    for position in np.flatnonzero(~exists).tolist():
        if "\\" in paths[position]:  # a file of this name there is not: it is a path of Windows
            paths[position] = paths[position].replace("\\", "/")
            names[position] = os.path.expanduser(paths[position])  # noqa: PTH111
            exists[position] = os.path.isfile(os.path.join(root, names[position]))  # noqa: PTH113, PTH118
    return Located(FilesBelow(root, tuple(names)), tuple(paths), exists)


def _are_files(root: str, names: Sequence[str]) -> BoolN:
    """Return (N,) which names lead to files; a folder that many of them are in is listed once."""
    tops = [name.rpartition("/")[0] for name in names]
    listed = {top: _files_in(os.path.join(root, top)) for top, n in Counter(tops).items() if n >= _WORTH_LISTING}  # noqa: PTH118
    nothing = frozenset[str]()
    return np.array(
        [
            name.rpartition("/")[2] in listed.get(top, nothing) or os.path.isfile(os.path.join(root, name))  # noqa: PTH113, PTH118
            for name, top in zip(names, tops, strict=True)
        ],
        dtype=np.bool_,
    )


def _files_in(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # not there, or not to be listed: each file is asked for
        return frozenset()


def _clean(text: str) -> str:
    """Return a path as POSIX text; one without any slash may come from Windows."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":  # quotation marks of another program
        text = text[1:-1]
    return text if "/" in text else text.replace("\\", "/")
