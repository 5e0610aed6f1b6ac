"""`labelaudit mark`: record what a person decided about samples."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import translate
from pathlib import Path
from typing import Literal

import numpy as np

from labelaudit.api.baseline import Written, take_decisions_over
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Entry, Known, record_decisions
from labelaudit.core.errors import ConfigError, count, did_you_mean, shorten
from labelaudit.core.ids import id_of, unicode_of
from labelaudit.core.runs import now
from labelaudit.core.several import opposites, several_of
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.compare import find_data, positions_of
from labelaudit.gate.opened import Opened, open_audit, place, settings_in_force


@dataclass(frozen=True, slots=True)
class Marked:
    """What was recorded."""

    decisions: tuple[Known, ...]
    baseline: Written | None  # None where there is no baseline yet

    def __repr__(self) -> str:
        return f"<Marked: {count(len(self.decisions), 'decision')}>"


def mark(
    samples: Sequence[Path | str],
    *,
    verdict: Literal["ok", "wrong"],
    why: str,
    label: str | None = None,
    new_class: bool = False,
    who: str | None = None,
    audit: Audit | Path | str | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> Marked:
    """Record a decision on samples: in the audit, on disk when this returns, and in the baseline where there is one.

    The last decision on a sample counts. It holds for its content and its label, so under another name, too.

    Args:
        samples: sample ids, paths as the findings have them, files, or patterns of ids and paths: cat/*.jpg.
        verdict: ok = the given label is right; wrong = it is not.
        why: in a few words, for the next reader.
        label: the right label of wrong ones.
        new_class: the label may be one that the audit does not know.
        who: None = git's user.name, else the name of the account.
        audit: as in `check`.
        config: as in `check`.
        baseline: as in `check`.

    Raises:
        ConfigError: a sample or a label is not known, or the options contradict each other; nothing is recorded.
        DataError: as in `check`.
    """
    settings = settings_in_force(config)
    opened = open_audit(settings, audit, baseline=baseline)
    rows = _rows_of(opened, samples, place(settings, settings.places.data))
    _require_sense(opened, rows, why)
    if label is not None:
        _require_label(opened, rows, verdict, label, new_class=new_class)
    when, name = now(), unicode_of(who or user_name())
    why, label = unicode_of(why), None if label is None else unicode_of(label)
    entries = []
    opposite = opposites_of(opened.audit) if verdict == "wrong" else {}
    for row in rows:
        sample = opened.columns.sample(row)
        given = sample.given_label or ""
        right = label or opposite.get(given, "")
        decision = Known(sample.content_hash, given, verdict, right, name, when, why, sample.path)
        entries.append(Entry(decision, sample.sample_id))
    return recorded(opened, entries)


def recorded(opened: Opened, entries: Sequence[Entry]) -> Marked:
    """Write decisions down, all at once, in the audit and in the baseline where there is one."""
    record_decisions(opened.audit, entries)
    known = {entry.known.key: entry.known for entry in entries if entry.known.decision != "open"}
    baseline = take_decisions_over(opened.audit, opened.baseline_path, known)
    return Marked(tuple(entry.known for entry in entries), baseline)


def opposites_of(audit: Audit) -> dict[str, str]:
    """Return the only other class of each, where samples have several labels; else nothing."""
    return {} if several_of(audit.meta) is None else opposites(audit.fact("dataset", "classes"))


def classes_of(opened: Opened) -> tuple[str, ...]:
    """Return the classes of an audit, and those that people named since."""
    named = (opened.audit.meta.get("dataset") or {}).get("classes") or opened.columns.given.names
    return tuple(dict.fromkeys([*named, *(known.label for known in opened.known.values() if known.label)]))


def _rows_of(opened: Opened, samples: Sequence[Path | str], data: Path | None) -> list[int]:
    """Return the row of each sample; raises ConfigError naming all that are not known."""
    columns = opened.columns
    names = [str(sample) for sample in samples]
    found = find_data(opened.audit, None if data is None else str(data))
    rows, unknown = [], []
    for name in names:
        forms = [name, name.replace(os.sep, "/")]
        if isinstance(found, Path) and found.is_dir():
            forms.append(os.path.relpath(Path(name).absolute(), found.absolute()).replace(os.sep, "/"))
        forms += [spelled for form in forms if (spelled := id_of(form)) != form]
        row = next((row for form in forms if (row := row_of(columns, form)) is not None), None)
        found_rows = [row] if row is not None else _matching_rows(columns, name)
        rows += found_rows
        unknown += [] if found_rows else [name]
    if unknown:
        close = _close(columns, unknown[0])
        raise ConfigError(
            f"{opened.audit.path.name} has no sample {shorten(map(repr, unknown))}.",
            hint=f"Did you mean {close!r}?" if close else "labelaudit export --suspect.csv lists sample ids and paths.",
        )
    return list(dict.fromkeys(rows))


def _matching_rows(columns: FindingColumns, pattern: str) -> list[int]:
    """Return the scanned rows whose id or path fits a pattern; none where it is no pattern."""
    if not any(letter in pattern for letter in "*?["):
        return []
    fits = re.compile(translate(pattern)).match
    ids, paths = columns.sample_ids.to_pylist(), columns.paths.to_pylist()
    return [row for row in np.flatnonzero(columns.scanned).tolist() if fits(ids[row]) or fits(paths[row])]


def row_of(columns: FindingColumns, name: str) -> int | None:
    """Return the row with this id or path; raises ConfigError where several have the path."""
    (row,) = positions_of([name], columns.sample_ids).tolist()
    if row >= 0:
        return int(row)
    (row,) = positions_of([name], columns.paths).tolist()
    if row < 0:
        return None
    same = rows_of_path(columns, name)
    if len(same) > 1:
        ids = shorten(repr(columns.sample_ids[at].as_py()) for at in same)
        raise ConfigError(
            f"{len(same)} samples have the path {name!r}.", hint=f"Give the sample_id of the one you mean: {ids}."
        )
    return int(row)


def rows_of_path(columns: FindingColumns, path: str) -> list[int]:
    """Return the rows of all samples with a path."""
    return [row for row, found in enumerate(columns.paths.to_pylist()) if found == path]


def _close(columns: FindingColumns, name: str) -> str | None:
    """Return a suspect's id that is much like a name; among all samples the search would take minutes."""
    rows = columns.worst_first(columns.flagged)[:10_000]
    ids = [columns.sample_ids[int(row)].as_py() for row in rows]
    return next(iter(get_close_matches(name, ids, n=1)), None)


def _require_sense(opened: Opened, rows: list[int], why: str) -> None:
    columns = opened.columns
    if not why.strip():
        raise ConfigError("--why is empty.", hint='Say it in a few words: --why "a dog in a cat costume".')
    aside = [columns.sample(row).path for row in rows if not columns.scanned[row]]
    if aside:
        problem = (
            f"{count(len(aside), 'sample')} could not be scanned, so there is no label to judge: {shorten(aside)}."
        )
        raise ConfigError(problem, hint="Repair or remove them, then scan again.")


def _require_label(opened: Opened, rows: list[int], verdict: str, label: str, *, new_class: bool) -> None:
    columns = opened.columns
    if verdict == "ok":
        raise ConfigError(f"--label {label}: a label that is right needs no other.", hint="Use --wrong with --label.")
    classes = classes_of(opened)
    if label not in classes and not new_class:
        near = did_you_mean(label, classes) or f"Classes: {shorten(classes, show=10)}."
        raise ConfigError(
            f"--label {label!r} is not a class of the audit.", hint=f"{near} --new-class takes it as a new one."
        )
    others = opposites_of(opened.audit)
    foreign = next((row for row in rows if label != others.get(columns.given.text(row) or "", label)), None)
    if foreign is not None and label != columns.given.text(foreign):
        sample = columns.sample(foreign)
        raise ConfigError(
            f"--label {label!r}: {sample.sample_id} is about {sample.given_label!r} alone.",
            hint="Leave --label away: a wrong label of several is taken away or added. Other labels have other ids.",
        )
    if not label.strip():
        raise ConfigError("--label is empty.", hint="Name the right class, or leave --label away.")
    same = [columns.sample(row).path for row in np.array(rows) if columns.given.text(row) == label]
    if same:
        raise ConfigError(f"--label {label!r} is the given label of {shorten(same)}.", hint="Use --ok if it is right.")


def user_name() -> str:
    """Return who is at the keyboard: git's user.name, else the name of the account."""
    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, check=False)
        name = _decoded(done.stdout).strip()
    except OSError:  # no git
        name = ""
    return name or getpass.getuser()


def _decoded(data: bytes) -> str:
    """Return a name that was typed when UTF-8 was not yet everywhere."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
