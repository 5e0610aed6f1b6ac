"""`labelaudit check`: hold an audit against limits, in seconds and without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from labelaudit.core.audits import Audit, list_audits
from labelaudit.core.dataset import BoolN
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.issues import has_general_doubt
from labelaudit.core.recipe import DataSettings, TrainSettings
from labelaudit.gate.baseline import ratcheted
from labelaudit.gate.changes import changed_files, changed_rows, changed_samples, repository_root
from labelaudit.gate.columns import FindingColumns, read_given_labels
from labelaudit.gate.compare import DataNow, Match, data_settings, find_data, match, read_data
from labelaudit.gate.examined import Drift, Examined, dataset_noise, judge_known, noise_by_class
from labelaudit.gate.leaks import SplitLeaks, find_leaks
from labelaudit.gate.limits import Limits
from labelaudit.gate.near import Near, find_near_conflicts, read_near
from labelaudit.gate.opened import Opened, open_audit, place, settings_in_force, what_is_here
from labelaudit.gate.result import CheckReport, Origin
from labelaudit.gate.rules import run_rules
from labelaudit.gate.settings import load_settings

_SIZE = 64  # pixels of a side, where an audit does not say what it decoded to; near hashes hardly depend on it


def check(
    audit: Audit | Path | str | None = None,
    *,
    data: Path | str | None = None,
    config: Path | str | None = None,
    profile: str | None = None,
    overrides: Mapping[str, str] | None = None,
    baseline: Path | str | None = None,
    since: str | None = None,
    changed: Sequence[Path | str] = (),
    ignore_settings: bool = False,
) -> CheckReport:
    """Return what every rule says about an audit; nothing is trained, and a failed rule is a result.

    Args:
        audit: an audit, the data that it is of, or a folder with `.labelaudit/`; None = what the settings name,
            else the latest here or above.
        data: the dataset; None = what the settings name, else where the audit found it.
        config: labelaudit.toml or pyproject.toml; None = the nearest here or above.
        profile: a table below [profiles] of that file.
        overrides: `{"max_noise": "0.1"}`: limits that win over the file.
        baseline: the file of known suspects; None = what the settings name.
        since: a git revision: hold the files that changed since then against `max_changed_suspects`.
        changed: the same for files that are named.
        ignore_settings: hold it against the defaults, whatever file is there.

    Raises:
        ConfigError: settings, a revision or a path that cannot be used.
        DataError: there is no finished audit, or a file is damaged.
    """
    settings = (
        load_settings(None) if ignore_settings else settings_in_force(config, profile=profile, overrides=overrides)
    )
    opened = open_audit(settings, audit, baseline=baseline)
    limits = settings.gate.limits
    named = data if data is not None else place(settings, settings.places.data)
    found = find_data(opened.audit, None if named is None else str(named))
    files = None if since is None and not changed else [Path(file).absolute() for file in changed]
    if files is not None and since is not None:
        files += changed_files(since, cwd=Path.cwd() if isinstance(found, str) else _folder(found))
    now = _data_now(opened.audit, found, limits, needed=files is not None)
    examined = _gather(opened, now, found, files, since, limits)
    return CheckReport(
        audit_name=opened.audit.path.name,
        audit_path=str(opened.audit.path),
        source=str(opened.audit.meta.get("source", "")),
        results=run_rules(examined, settings.gate),
        columns=opened.columns,
        origin=_origin(opened, found),
        noise=examined.noise,
        suspects=int(examined.suspect.sum()),
        known=int(examined.known.sum()),
        accepted=int(examined.accepted.sum()),
        notes=tuple(_notes(opened, examined, now)),
        facts={key: str(opened.audit.meta.get(key)) for key in ("method", "labelaudit", "finished")},
    )


def _gather(
    opened: Opened, now: DataNow | str, found: Path | str, files: list[Path] | None, since: str | None, limits: Limits
) -> Examined:
    meta, columns = opened.audit.meta, opened.columns
    results: Mapping[str, Any] = meta.get("results") or {}
    dataset_facts: Mapping[str, Any] = meta.get("dataset") or {}
    matched = _matched(columns, now, files, limits)
    gone = matched.gone if isinstance(matched, Match) else None
    suspect, known, accepted = judge_known(columns, opened.known, gone=gone)
    near = _near(opened, limits)
    leaks = _leaks(opened, now, near, limits)
    return Examined(
        columns=columns,
        noise=dataset_noise(results, columns),
        class_noise=noise_by_class(results, columns),
        classes=tuple(dataset_facts.get("classes") or columns.given.names),
        suspect=suspect,
        known=known,
        accepted=accepted,
        has_baseline=opened.baseline is not None,
        changed=_changed(opened, files, found, now, since),
        comparison=matched.comparison if isinstance(matched, Match) else matched,
        leaks=leaks.exact,
        near_leaks=leaks.near,
        near_conflicts=find_near_conflicts(columns, near, opened.known, gone),
        drift=_drift(opened.audit, limits),
    )


def _near(opened: Opened, limits: Limits) -> Near | str:
    if limits.max_near_leaks is None and limits.max_near_conflicts is None:
        return "off"
    return read_near(opened.audit, opened.columns)


def _leaks(opened: Opened, now: DataNow | str, near: Near | str, limits: Limits) -> SplitLeaks:
    if limits.max_leaks is None and limits.max_near_leaks is None:
        return SplitLeaks("off", "off")
    meta = opened.audit.meta
    size = opened.audit.section(DataSettings, "data").image_size or _SIZE
    train = opened.audit.section(TrainSettings, "train")
    return find_leaks(
        opened.columns,
        now,
        split=(meta.get("dataset") or {}).get("split"),
        near="off" if limits.max_near_leaks is None else near,
        size=size + train.crop_margin,
        framing=train.framing,
    )


def _data_now(audit: Audit, found: Path | str, limits: Limits, *, needed: bool) -> DataNow | str:
    if isinstance(found, str):
        return found
    if limits.max_unjudged is None and limits.max_leaks is None and limits.max_near_leaks is None and not needed:
        return "max_unjudged, max_leaks and max_near_leaks are none, so the data was not looked at"
    return read_data(audit, found)


def _matched(columns: FindingColumns, now: DataNow | str, files: list[Path] | None, limits: Limits) -> Match | str:
    if isinstance(now, str):
        return now
    touched = None if files is None else changed_samples(now.dataset, files)
    return match(columns, now.dataset, contents=limits.compare_contents, suspicious=touched)


def _changed(
    opened: Opened, files: list[Path] | None, found: Path | str, now: DataNow | str, since: str | None
) -> BoolN | None:
    if files is None:
        return None
    if not files:
        return np.zeros(len(opened.columns), dtype=np.bool_)
    folder = Path(opened.audit.meta.get("source", "")) if isinstance(found, str) else _paths_from(opened.audit, found)
    return changed_rows(opened.columns, files, folder, now, since=since)


def _folder(found: Path) -> Path:
    return found if found.is_dir() else found.absolute().parent


def _paths_from(audit: Audit, found: Path) -> Path:
    """Return the folder that the paths of the findings are relative to."""
    if found.is_dir():
        return found
    root = data_settings(audit, found).image_root
    return found.absolute().parent if root is None else Path(root)


def _origin(opened: Opened, found: Path | str) -> Origin:
    """Return where samples lie as git and people see them: relative to the repository, else to here."""
    meta = opened.audit.meta
    if isinstance(found, str):  # as it was named, where it is a folder
        source = str(meta.get("source", ""))
        return Origin("" if PurePosixPath(source).suffix else source)
    root = repository_root(_folder(found)) or Path.cwd()
    is_table = found.is_file() and (meta.get("dataset") or {}).get("kind") != "images"
    table = _relative(found, root) if is_table else None
    return Origin(_relative(_paths_from(opened.audit, found), root), table)


def _relative(path: Path, root: Path) -> str:
    real, top = path.resolve(), root.resolve()
    if not real.is_relative_to(top):
        return path.absolute().as_posix()
    inside = real.relative_to(top).as_posix()
    return "" if inside == "." else inside


def _drift(audit: Audit, limits: Limits) -> Drift | str:
    """Return the labels of the finished audit before this one, of the same source."""
    if limits.max_label_changes is None and limits.max_label_shift is None:
        return "off"
    meta = audit.meta
    earlier: list[tuple[str, Audit, Mapping[str, Any]]] = []
    for other in list_audits(audit.home.parent):
        try:
            before = other.meta
        except DataError:  # damaged, or of another version: no reason not to check this one
            continue
        is_alike = before["status"] == "finished" and before.get("source") == meta.get("source")
        if is_alike and before.get("finished", "") < meta.get("finished", ""):
            earlier.append((before["finished"], other, before))
    if not earlier:
        return f"there is no earlier audit of {meta.get('source')} beside this one"
    _, last, facts = max(earlier, key=lambda each: each[0])
    try:
        given = read_given_labels(last.findings_path)
    except DataError as error:
        return f"the audit before cannot be read: {error.problem}"
    return Drift(last.path.name, tuple((facts.get("dataset") or {}).get("classes") or given.names), given)


def _notes(opened: Opened, examined: Examined, now: DataNow | str) -> list[str]:
    notes = []
    if opened.decisions.damaged_lines:
        lines = shorten(opened.decisions.damaged_lines)
        notes.append(f"{opened.audit.decisions_path}: left out what a crash cut off, line {lines}")
    if opened.baseline is not None:
        spare = ratcheted(opened.baseline, what_is_here(opened), {}).removed
        if spare:
            text = f"{opened.baseline_path.name} has {spare:,} entries that are no longer needed"
            notes.append(f"{text}; labelaudit baseline --ratchet drops them")
    if isinstance(now, DataNow) and not examined.has_baseline and not examined.suspect.any():
        notes.append("no suspects, and no baseline: labelaudit baseline keeps it so")
    if has_general_doubt((opened.audit.meta.get("results") or {}).get("doubts")):
        notes.append(
            "the scan cannot tell right labels from wrong ones here, so a pass does not say that they are right"
        )
    return notes
