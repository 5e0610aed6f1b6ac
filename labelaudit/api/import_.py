"""`labelaudit import` and `labelaudit mark --from`: decisions that people made in a table or in another tool."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelaudit.api.mark import Marked, classes_of, recorded, row_of, user_name
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import AMBIGUOUS, DROP, Decision, Entry, Known
from labelaudit.core.errors import DAMAGE, ConfigError, DataError, count, did_you_mean
from labelaudit.core.files import MOST_TEXT, read_regular
from labelaudit.core.runs import now
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.opened import Opened, open_audit, settings_in_force
from labelaudit.handover import cvat, fiftyone, label_studio
from labelaudit.handover.decision_table import read_decisions_table
from labelaudit.handover.samples import Said

_MOST_JSON = 2 * 2**30  # bytes: images may be embedded
_SHOWN = 20  # lines that do not fit
_KINDS = {"drop": DROP, "ambiguous": AMBIGUOUS}


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken over."""

    source: str  # what the file is: "Label Studio", "a table"
    marked: Marked
    unchanged: int  # decisions that the audit has already

    @property
    def decisions(self) -> tuple[Known, ...]:
        """The new ones."""
        return self.marked.decisions


def import_(
    path: Path | str,
    *,
    audit: Audit | Path | str | None = None,
    new_class: bool = False,
    who: str | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> Imported:
    """Take decisions over: from a table such as an edited suspect.csv, Label Studio, FiftyOne or CVAT; all or none.

    Args:
        path: CSV, TSV, XLSX or JSON lines with columns sample_id (or path) and decision or label; a JSON export of
            Label Studio; samples of FiftyOne as `export --to fiftyone` writes them; "CVAT for images 1.1".
        audit: as in `check`.
        new_class: labels may be ones that the audit does not know.
        who: decided, where the file does not say it; None = git's user.name, else the name of the account.
        config: as in `check`.
        baseline: as in `check`.

    Raises:
        ConfigError: the file does not exist, or as in `check`.
        DataError: it is of none of these forms, or lines of it do not fit the audit; nothing is recorded.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise ConfigError(f"{path} does not exist.", hint="labelaudit export --suspect.csv makes a table to decide in.")
    opened = open_audit(settings_in_force(config), audit, baseline=baseline)
    source, said, bad = read_said(file)
    find = _finder(opened.columns)
    when, name = now(), who or user_name()
    entries: list[Entry] = []
    for one in said:
        known = _settled(one, opened, find, new_class=new_class)
        if isinstance(known, str):
            bad.append(f"{one.place}: {known}")
            continue
        row, decision, label = known
        sample = opened.columns.sample(row)
        why = one.note or f"decided in {file.name}"
        kind = _KINDS.get(one.kind, "")
        given = sample.given_label or ""
        entry = Known(sample.content_hash, given, decision, label, one.who or name, when, why, sample.path, kind)
        entries.append(Entry(entry, sample.sample_id))
    if bad:
        lines = "\n".join(f"  {text}" for text in bad[:_SHOWN])
        more = f"\n  and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
        raise DataError(
            f"{path}: {count(len(bad), 'decision does not fit', 'decisions do not fit')}, and none is recorded:"
            f"\n{lines}{more}",
            hint="Correct or empty these lines; --new-class takes labels that the audit does not know.",
        )
    fresh = _fresh(entries, opened)
    return Imported(source, recorded(opened, fresh), len(entries) - len(fresh))


def read_said(file: Path) -> tuple[str, list[Said], list[str]]:
    """Return what a file is, what it says, and what is wrong with it; raises DataError as `import_` does."""
    suffix = file.suffix.lower()
    try:
        if suffix in (".xml", ".zip"):
            return "CVAT", _cvat(file), []
        if suffix == ".json":
            found = json.loads(read_regular(file, most=_MOST_JSON).decode("utf-8-sig"))
            for name, room in (("Label Studio", label_studio), ("FiftyOne", fiftyone)):
                if room.is_export(found):
                    read: Callable[[Any], list[Said]] = getattr(room, "read_annotations", None) or room.read_samples
                    return name, read(found), []
    except DAMAGE as error:
        text = " ".join(f"{getattr(error, 'strerror', None) or error}".split())[:300].rstrip(".")
        raise DataError(f"{file}: cannot be read: {text}.", hint="Export it again.") from error
    said, bad = read_decisions_table(file)
    return "a table", said, bad


def _cvat(file: Path) -> list[Said]:
    data = read_regular(file)
    if file.suffix.lower() == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = archive.getinfo("annotations.xml")
            if member.file_size > MOST_TEXT:
                raise ValueError(f"annotations.xml has {member.file_size // 2**20:,} MiB")
            data = archive.read(member)
    text = data.decode("utf-8-sig")
    if not cvat.is_export(text):
        raise ValueError("it is no CVAT annotations file")
    return cvat.read_annotations(text)


def _finder(columns: FindingColumns) -> Callable[[str], int | str]:
    """Return what finds the row of a sample: by its id, its path, or the end of a path where only one fits."""
    ends: dict[str, list[int]] = {}

    def find(name: str) -> int | str:
        try:
            row = row_of(columns, name)
        except ConfigError as error:
            return error.problem
        if row is not None:
            return row
        if not ends:
            for place, path in enumerate(columns.paths.to_pylist()):
                ends.setdefault(path.rsplit("/", 1)[-1], []).append(place)
        tail = name.replace("\\", "/")
        last = ends.get(tail.rsplit("/", 1)[-1], [])
        fits = [row for row in last if _is_end_of(columns.paths[row].as_py(), tail)]
        return fits[0] if len(fits) == 1 else f"{'no' if not fits else 'more than one'} sample is {name!r}"

    return find


def _is_end_of(path: str, other: str) -> bool:
    return path == other or path.endswith(f"/{other}") or other.endswith(f"/{path}")


def _settled(
    said: Said, opened: Opened, find: Callable[[str], int | str], *, new_class: bool
) -> tuple[int, Decision, str] | str:
    """Return the row, the decision and the right label of what somebody said; a text where it does not fit."""
    row = find(said.sample) if said.sample else "no sample is named"
    if isinstance(row, str):
        return row
    sample = opened.columns.sample(row)
    given = sample.given_label or ""
    if not opened.columns.scanned[row]:
        return f"{said.sample!r} could not be scanned, so there is no label to judge"
    if said.given_label is not None and said.given_label != given:
        return f"{said.sample!r} is labelled {given!r} in the audit, not {said.given_label!r}"
    if said.kind == "ambiguous":
        return row, "open", ""
    label = (sample.suggested_label or "") if said.verdict == "accept" else said.label
    if said.verdict == "accept" and (not label or said.label not in ("", label)):
        return f"{said.label!r} is not what is suggested for {said.sample!r}" if label else "nothing is suggested"
    wrong = _misfit(said, given, label, opened, new_class=new_class)
    if wrong:
        return wrong
    if said.verdict == "ok" or (label == given and said.verdict == ""):
        return row, "ok", ""
    return row, "wrong", label


def _misfit(said: Said, given: str, label: str, opened: Opened, *, new_class: bool) -> str:
    """Return why a verdict and a label do not fit each other or the audit; "" where they do."""
    if said.verdict == "ok" and label not in ("", given):
        return f"ok, and yet another label: {label!r}"
    if said.verdict == "wrong" and label == given and label:
        return f"wrong, and yet the given label: {label!r}"
    if said.kind == "drop" and label:
        return f"drop, and yet a label: {label!r}"
    classes = classes_of(opened)
    if label and label not in classes and not new_class:
        near = did_you_mean(label, classes)
        return f"{label!r} is no class of the audit" + (f"; {near[0].lower()}{near[1:]}" if near else "")
    return ""


def _fresh(entries: Sequence[Entry], opened: Opened) -> list[Entry]:
    """Return the decisions that are not what the audit has already, each once."""
    known: dict[Any, Known] = dict(opened.decisions.known)
    found = []
    for entry in entries:
        before = known.get(entry.known.key)
        if before is None or not _says_no_more(entry.known, before):
            found.append(entry)
            known[entry.known.key] = entry.known
    return found


def _says_no_more(known: Known, before: Known) -> bool:
    """Return whether a decision is what was known; that a label is wrong takes nothing from which one is right."""
    same = (known.decision, known.kind) == (before.decision, before.kind)
    return same and known.label in (before.label, "")
