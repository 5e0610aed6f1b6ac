r"""The baseline: a text file to commit, one known sample per line, sorted so that its diffs are clean.

The columns have tabs between them; \t, \n, \r and \\ stand for the characters that would break a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from labelaudit.core.decisions import DECISIONS, Decision, Key, Known
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.files import write_text

BASELINE_SCHEMA = 1
COLUMNS = ("content_hash", "given_label", "verdict", "label", "who", "when", "why", "path")
_FIELDS = tuple(name.replace("verdict", "decision") for name in COLUMNS)  # of `Known`; the file keeps its old word
_TITLE = f"# labelaudit baseline, version {BASELINE_SCHEMA}"
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")  # what git leaves where it could not merge

Entries = Mapping[Key, Known]


@dataclass(frozen=True, slots=True)
class Change:
    """A new baseline, and how it differs from the old one."""

    entries: Entries
    added: int
    removed: int
    decided: int  # entries on which a person's decision is new


@dataclass(frozen=True, slots=True)
class Here:
    """What an audit holds: its suspects as open entries, and which samples are there at all."""

    suspects: Entries
    present: AbstractSet[Key]  # of those that the baseline or a decision names


def read_baseline(path: Path) -> dict[Key, Known]:
    """Return the entries of a baseline; of several on one sample, as a merge may leave them, the last decision.

    The user named it, maybe a pipe such as <(git show main:...), or `place_of_baseline` did, which is a file.

    Raises:
        DataError: the file cannot be read, or lines of it are no entries; names the first five.
    """
    try:
        lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8.") from error
    lines = [line.removesuffix("\r") for line in lines]
    _require_title(path, lines)
    entries: dict[Key, Known] = {}
    bad = []
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#") or line == "\t".join(COLUMNS):
            continue
        entry = _parse(line)
        if isinstance(entry, str):
            bad.append(f"line {number}: {entry}")
        elif (before := entries.get(entry.key)) is None or _is_later(entry, before):
            entries[entry.key] = entry
    if bad:
        hint = "Settle the merge by keeping the lines of both sides." if "merge" in bad[0] else "Restore it with git."
        raise DataError(f"{path}: {shorten(bad)}.", hint=hint)
    return entries


def write_baseline(path: Path, entries: Entries) -> None:
    """Write a baseline, whole or not at all; raises DataError where that is not possible."""
    text = render_baseline(entries)
    try:
        write_text(path, text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another place.") from error


def render_baseline(entries: Entries) -> str:
    """Return the text of a baseline: the same entries, the same bytes."""
    rows = sorted("\t".join(_escape(getattr(entry, name)) for name in _FIELDS) for entry in entries.values())
    return "\n".join([_TITLE, "\t".join(COLUMNS), *rows]) + "\n"


def renewed(old: Entries, here: Here, decisions: Entries) -> Change:
    """Return the baseline of an audit: its suspects and every decision of a person, old or new.

    Args:
        old: the entries so far.
        here: what the audit holds.
        decisions: of the audit.
    """
    return _change(old, {**here.suspects, **_needed(old, here)}, decisions, grow=True)


def ratcheted(old: Entries, here: Here, decisions: Entries) -> Change:
    """Return the old entries that are still needed; none is added."""
    return _change(old, _needed(old, here), decisions, grow=False)


def without_withdrawn(entries: Entries, withdrawn: Mapping[Key, str]) -> dict[Key, Known]:
    """Return entries, undecided those whose decision was taken back since.

    Args:
        entries: of a baseline.
        withdrawn: of an audit: samples on which no decision stands, and when the last was taken back.
    """
    return {
        key: replace(entry, decision="open", label="", kind="")
        if entry.decision != "open" and withdrawn.get(key, "") >= entry.when > ""
        else entry
        for key, entry in entries.items()
    }


def with_decisions(old: Entries, decisions: Entries) -> Change:
    """Return the old entries with decisions taken over."""
    return _change(old, old, decisions, grow=True)


def _needed(old: Entries, here: Here) -> Entries:
    """Return the entries that an audit still gives a reason for.

    What a person called right stays for good: it must not come back when a later audit doubts it again. What a person
    called wrong stays until it is corrected or gone, and a suspect until it is none.
    """
    return {
        key: entry
        for key, entry in old.items()
        if entry.decision == "ok" or key in here.suspects or (entry.decision == "wrong" and key in here.present)
    }


def _change(old: Entries, kept: Entries, decisions: Entries, *, grow: bool) -> Change:
    new = dict(kept)
    for key, decision in decisions.items():
        before = new.get(key)
        if before is None and not grow:
            continue
        if before is None or before.decision == "open" or _is_later(decision, before):
            new[key] = decision
    decided = sum(entry.decision != (old[key].decision if key in old else "open") for key, entry in new.items())
    return Change(new, sum(key not in old for key in new), sum(key not in new for key in old), decided)


def _is_later(entry: Known, other: Known) -> bool:
    """Whether an entry says more than another: a decision before none, then the later one."""
    return (entry.decision != "open", entry.when) >= (other.decision != "open", other.when)


def _require_title(path: Path, lines: list[str]) -> None:
    title = next((line for line in lines if line.startswith("# labelaudit baseline")), None)
    if title == _TITLE:
        return
    found = f"it does not begin with {_TITLE!r}" if title is None else f"it is {title[2:80]!r}"
    raise DataError(
        f"{path} is no baseline of version {BASELINE_SCHEMA}: {found}.",
        hint="Write one with `labelaudit baseline`, or use the version of labelaudit that wrote it.",
    )


def _parse(line: str) -> Known | str:
    """Return the entry of a line, or what is wrong with it."""
    if line.startswith(_CONFLICT):
        return "a merge was not settled"
    cells = line.split("\t")
    if "\\" in line:
        cells = [_unescape(cell) for cell in cells]
    if not 3 <= len(cells) <= len(COLUMNS):
        return f"{len(cells)} columns, expected {len(COLUMNS)}"
    cells += [""] * (len(COLUMNS) - len(cells))  # an editor may cut blanks at line ends
    values = dict(zip(COLUMNS, cells, strict=True))
    decision = _DECISIONS.get(values.pop("verdict"))
    if decision is None:
        return f"verdict {cells[2]!r}, expected {', '.join(DECISIONS)}"
    return Known(decision=decision, **values)


_DECISIONS: dict[str, Decision] = {decision: decision for decision in DECISIONS}


_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}


def _escape(cell: str) -> str:
    return re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found[0]], cell)


def _unescape(cell: str) -> str:
    return re.sub(r"\\[\\tnr]", lambda found: _UNESCAPES[found[0]], cell)
