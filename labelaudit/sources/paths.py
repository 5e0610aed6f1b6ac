"""From what a table says about its images to files: paths, templates, and a guess where neither fits."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from labelaudit.core.dataset import BoolN, IntN, Remark
from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.functional.images import image_suffixes
from labelaudit.sources.cells import cell_texts
from labelaudit.sources.patterns import shards_folder
from labelaudit.sources.table_file import Table
from labelaudit.sources.urls import Place, Url, is_url, parse_url

_GUESS_DEPTH = 3  # levels of folders below the root
_GUESS_FOLDERS = 2_000  # more than any layout of images beside a table needs


@dataclass(frozen=True, slots=True)
class Located:
    """Where the images of a table are."""

    files: tuple[Place, ...]  # (N,) absolute; where the file should be if it does not exist
    shown: tuple[str, ...]  # (N,) path relative to the root where it lies below it
    exists: BoolN  # (N,)
    fitting: tuple[str, ...] = ()  # templates that fit all rows, where more than one does
    remarks: tuple[Remark, ...] = ()
    why: Mapping[int, str] = field(default_factory=dict)  # position -> why a file is not there, where that is known


def require_exists(path: Path, what: str) -> None:
    """Raise ConfigError with the most similar name beside it unless the path exists."""
    if path.exists():
        return
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path)):  # two letters at least: C:/ is a drive
        raise ConfigError(f"{what}{path}: only a local file is read here.", hint="Download it first.")
    parent = path.parent
    if not parent.is_dir():
        raise ConfigError(f"{what}{path} does not exist; nor does its folder {parent}.", hint="Check the path.")
    close = did_you_mean(path.name, [sibling.name for sibling in parent.iterdir()])
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
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigError(f"--path-template {template!r}: {error}.") from error
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
        filled.append(None if None in values.values() else template.format(**values))
    return filled


def locate(texts: Sequence[str | None], root: Path, *, column: str | None = None) -> Located:
    """Return the file of each path: as written, or by the one template that fits them all.

    Args:
        texts: (N,) paths as written, None where the cell is empty.
        root: absolute folder that relative paths start from; templates are looked for in here.
        column: the column that the texts are from, to name the guessed template; None makes no guess.
    """
    direct = _locate_as(texts, root, lambda text: text)
    if direct.exists.all() or column is None or None in texts:
        return direct
    known = [_clean(text) for text in texts if text is not None]
    first = known[int(np.argmin(direct.exists))]
    fitting = [
        (folder, suffix)
        for folder, suffix in _candidates(first, root)
        if all(os.path.isfile(f"{root}/{folder}{text}{suffix}") for text in known)  # noqa: PTH113  (as below)
    ]
    templates = tuple(f"{folder}{{{column}}}{suffix}" for folder, suffix in fitting)
    if len(fitting) != 1:
        return Located(direct.files, direct.shown, direct.exists, fitting=templates)
    folder, suffix = fitting[0]
    located = _locate_as(texts, root, lambda text: f"{folder}{text}{suffix}")
    remark = Remark("note", f"All images were found by --path-template {templates[0]!r} in {root}.")
    return Located(located.files, located.shown, located.exists, remarks=(remark,))


def none_found(located: Located, table: Table, root: Place) -> DataError:
    """Return the error for a table none of whose images exist."""
    tried = "; ".join(str(file) for file in located.files[:3])
    if located.fitting:
        several = " or ".join(repr(template) for template in located.fitting)
        hint = f"Several templates fit; pick one: --path-template {several}"
    else:
        hint = "Name their folder with --image-root, or how names become paths: --path-template 'images/{image}.jpg'."
    return DataError(
        f"{table.source}: none of its {len(located.files):,} images exist below {root}; tried {tried}.", hint=hint
    )


def _locate_as(texts: Sequence[str | None], root: Path, fill: Callable[[str], str]) -> Located:
    paths = [None if text is None else fill(_clean(text)) for text in texts]
    files = tuple(root if path is None else _absolute(path, root) for path in paths)
    exists = np.array([os.path.isfile(file) for file in files], dtype=np.bool_)  # noqa: PTH113  (three times as fast)
    return Located(files, tuple("" if path is None else path for path in paths), exists)


def _clean(text: str) -> str:
    """Return a path as POSIX text; one without any slash may come from Windows."""
    text = text.strip()
    return text if "/" in text else text.replace("\\", "/")


def _absolute(path: str, root: Path) -> Path:
    return root / (os.path.expanduser(path) if path.startswith("~") else path)  # noqa: PTH111  (faster by far)


def _candidates(text: str, root: Path) -> list[tuple[str, str]]:
    """Return the (folder with slash, suffix) pairs below the root under which one text names an image."""
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~") or ".." in path.parts:
        return []
    suffixes = image_suffixes()
    pairs: list[tuple[str, str]] = []
    for folder in _folders(root):
        inside = (root / folder / path).parent
        names = [entry.name for entry in os.scandir(inside) if entry.is_file()] if inside.is_dir() else []
        endings = sorted(name[len(path.name) :] for name in names if name.startswith(path.name))
        pairs += [(folder, ending) for ending in endings if not ending or ending.lower() in suffixes]
    return pairs


def _folders(root: Path) -> Iterator[str]:
    """Yield "" and the visible folders below the root as "a/", "a/b/", breadth first."""
    waiting = [("", 0)]
    seen = 0
    while waiting and seen < _GUESS_FOLDERS:
        folder, depth = waiting.pop(0)
        seen += 1
        yield folder
        if depth == _GUESS_DEPTH:
            continue
        try:
            names = sorted(e.name for e in os.scandir(root / folder) if e.is_dir() and not e.name.startswith("."))
        except OSError:  # a folder that may not be read holds no image of ours
            continue
        waiting += [(f"{folder}{name}/", depth + 1) for name in names]
