"""The record beside corrected data: every change as a line, and what it takes to undo them all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labelaudit.core.errors import ConfigError, DataError, count, shorten
from labelaudit.core.files import own_path, parse_json, read_own, write_text
from labelaudit.core.shape import Misfit, one_of, text
from labelaudit.core.shape import record as record_of
from labelaudit.mending.changes import Change
from labelaudit.mending.folders import is_as_brought
from labelaudit.mending.layout import By, Prepared

_MOST = 2**31  # bytes of a record: some 150 for each file
_BY_HAND = "Remove the output by hand."
RECORD_SCHEMA = 1
_ENDING = ".changes.jsonl"


@dataclass(frozen=True, slots=True)
class Undone:
    """What was removed, and what stays."""

    output: Path
    removed: int  # files
    kept: tuple[str, ...]  # files in it that are not as they were written


def record_path(output: Path) -> Path:
    """Return where the record of some output is: beside it."""
    return output.with_name(output.name + _ENDING)


def write_record(
    output: Path, content: Path, prepared: Prepared, changes: Iterable[Change], facts: Mapping[str, Any], *, by: By
) -> Path:
    """Write the record and return its path.

    Args:
        output: where the data will be.
        content: where it is now, complete.
        prepared: how it was made.
        changes: all of them.
        facts: about the audit and the source.
        by: how files of a folder came there.
    """
    lines: list[Mapping[str, Any]] = [
        {"schema": RECORD_SCHEMA, "output": output.name, **facts}
        | ({"by": by} if prepared.files else {"sha256": file_hash(content)})
    ]
    lines += [_line(change, prepared.places.get(change.sample_id, "")) for change in changes]
    for new, old in prepared.files.items():
        lines.append(
            {"file": new} | ({"sha256": file_hash(content / new)} if new in prepared.rewritten else {"of": old})
        )
    path = record_path(output)
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


def require_free_place(output: Path) -> None:
    """Raise ConfigError where something is that this program did not write, or that was changed since.

    A file that it wrote, and that is as it was written, may be replaced.
    """
    record = record_path(output)
    if not output.exists() and not output.is_symlink():
        if record.exists() and not _is_record_of(record, output):
            raise ConfigError(f"{record} exists, and is no record of {output.name}.", hint="Choose another --output.")
        return
    if output.is_dir():
        undo = f"labelaudit apply --undo {output}" if record.exists() else "choose another --output"
        raise ConfigError(f"{output} exists already, and apply writes over no folder.", hint=f"First {undo}.")
    if not record.exists() or not _is_record_of(record, output):
        raise ConfigError(f"{output} exists already, and apply did not write it.", hint="Choose another --output.")
    own_path(output, root=output.parent)
    if read_record(output)[0].get("sha256") != file_hash(output):
        raise ConfigError(f"{output} was changed since apply wrote it.", hint="Choose another --output.")


def read_record(output: Path) -> list[dict[str, Any]]:
    """Return the lines of a record, that with the facts first.

    Raises:
        ConfigError: there is none.
        DataError: it is damaged, or of another version, or a link or a pipe.
    """
    path = record_path(output)
    try:
        data = read_own(path, root=path.parent, most=_MOST).decode("utf-8")
        lines = [parse_json(line) for line in data.removesuffix("\n").split("\n")]
    except FileNotFoundError as error:
        raise ConfigError(
            f"{output}: there is no record {path.name} beside it, so there is nothing to undo.",
            hint="Name what apply wrote.",
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}.", hint=_BY_HAND) from error
    if not lines or not isinstance(lines[0], dict) or lines[0].get("schema") != RECORD_SCHEMA:
        raise DataError(f"{path}: not a record of changes of version {RECORD_SCHEMA}.")
    try:
        (_FILE if "sha256" in lines[0] else _FOLDER)(lines[0], "")
        for number, line in enumerate(lines[1:], start=2):
            _line_fits(line, f"line {number}")
    except Misfit as error:
        raise DataError(f"{path}: {error}.", hint=_BY_HAND) from error
    return lines


def undo(output: Path) -> Undone:
    """Remove what apply wrote and nothing else; what was changed since stays, and is named.

    Whoever laid out the record need not be a friend: nothing outside of the output is removed, and none of its links
    is followed.

    Raises:
        ConfigError: there is no record, or the only file was changed.
        DataError: the record is damaged, or the output is a link.
    """
    facts, *lines = read_record(output)
    own_path(output, root=output.parent, folder="sha256" not in facts)
    if "sha256" in facts:
        if output.exists() and file_hash(output) != facts["sha256"]:
            raise ConfigError(f"{output} was changed since apply wrote it, and stays.", hint=_BY_HAND)
        removed = int(output.exists())
        output.unlink(missing_ok=True)
        record_path(output).unlink()
        return Undone(output, removed, ())
    source = output.parent / facts["from"] if not Path(facts["from"]).is_absolute() else Path(facts["from"])
    return _undo_folder(output, source, facts["by"], [line for line in lines if "file" in line])


def _undo_folder(output: Path, source: Path, by: By, files: Iterable[Mapping[str, str]]) -> Undone:
    removed = 0
    for line in files:
        path = output / line["file"]
        if _is_in(path.parent, output) and _is_as_written(path, source, line, by):
            path.unlink()
            removed += 1
    kept = sorted(str((Path(top) / name).relative_to(output)) for top, name in _left_in(output))
    for top, _, _ in os.walk(output, topdown=False):
        if not any(Path(top).iterdir()):
            Path(top).rmdir()
    if not kept:
        record_path(output).unlink()
    return Undone(output, removed, tuple(kept))


def _left_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder, links to folders among them, as (folder, name)."""
    for top, folders, names in os.walk(folder):
        yield from ((top, name) for name in names)
        yield from ((top, name) for name in folders if (Path(top) / name).is_symlink())


def _is_in(folder: Path, output: Path) -> bool:
    """Return whether a folder below the output is there by no link."""
    try:
        own_path(folder, root=output, folder=True)
    except DataError:
        return False
    return True


def _is_as_written(path: Path, source: Path, line: Mapping[str, str], by: By) -> bool:
    if "sha256" in line:
        return path.is_file() and file_hash(path) == line["sha256"]
    return (path.is_symlink() or path.exists()) and is_as_brought(source / line["of"], path, by)


def _inside(value: Any, key: str) -> None:
    """Expect the name of a file below the output."""
    text(value, key)
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise Misfit(key, value, "a file in the output")


_FILE = record_of({"sha256": text})
_FOLDER = record_of({"from": text, "by": one_of("link", "copy", "symlink")})


def _line_fits(line: Any, key: str) -> None:
    """Expect a change, or a file with what it was made of."""
    record_of(file=_inside, sha256=text, of=text)(line, key)
    if "file" in line and not line.keys() & {"sha256", "of"}:
        raise Misfit(key, line, "a file with sha256 or of")


def describe_kept(undone: Undone) -> str:
    """Return which files stay, in a line."""
    return f"{count(len(undone.kept), 'file')} changed since or added: {shorten(undone.kept, show=3)}"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_record_of(record: Path, output: Path) -> bool:
    try:
        own_path(record, root=record.parent)
        with record.open("rb") as file:
            first = parse_json(file.readline(2**20))
    except (OSError, ValueError, DataError):
        return False
    return isinstance(first, dict) and first.get("schema") == RECORD_SCHEMA and first.get("output") == output.name


def _line(change: Change, place: str) -> dict[str, Any]:
    fields = asdict(change)
    del fields["content_hash"]
    return fields | {"place": place}
