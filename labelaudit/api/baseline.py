"""`labelaudit baseline`: the suspects of an audit become known ones, in a file to commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Key, Known, read_decisions
from labelaudit.core.errors import ConfigError, count
from labelaudit.core.files import own_path
from labelaudit.gate.baseline import (
    Change,
    ratcheted,
    read_baseline,
    renewed,
    with_decisions,
    without_withdrawn,
    write_baseline,
)
from labelaudit.gate.opened import open_audit, place_of_baseline, settings_in_force, what_is_here

_LOCK = "baseline.lock"  # in .labelaudit; two people may mark samples at once


@dataclass(frozen=True, slots=True)
class Written:
    """A baseline as it is now."""

    path: Path
    change: Change

    def __repr__(self) -> str:
        return f"<Written {self.describe()}>"

    def describe(self) -> str:
        """Return "labelaudit-baseline.tsv: 12 entries (3 added, 1 removed, 2 decided)"."""
        change = self.change
        entries = count(len(change.entries), "entry", "entries")
        moves = f"{change.added:,} added, {change.removed:,} removed, {change.decided:,} decided"
        return f"{self.path}: {entries} ({moves})"


def baseline(
    audit: Audit | Path | str | None = None,
    *,
    config: Path | str | None = None,
    output: Path | str | None = None,
    ratchet: bool = False,
) -> Written:
    """Write the suspects of an audit and the decisions on them to a file, sorted for clean diffs.

    Args:
        audit: as in `check`.
        config: as in `check`.
        output: the file; None = what the settings name, else labelaudit-baseline.tsv beside them or here.
        ratchet: add nothing: only drop what is no longer a suspect, and take decisions over.

    Raises:
        ConfigError: there is no file to shrink.
        DataError: there is no finished audit, the old file is damaged, or it cannot be written to.
    """
    settings = settings_in_force(config)
    path = Path(output).expanduser() if output is not None else place_of_baseline(settings)
    if ratchet and not path.exists():
        raise ConfigError(f"{path} does not exist, so it cannot shrink.", hint="Leave --ratchet out to write it.")
    opened = open_audit(settings, audit, baseline=path if path.exists() else None)
    with FileLock(own_path(opened.audit.home / _LOCK)):
        old = without_withdrawn(read_baseline(path), opened.decisions.withdrawn) if path.exists() else {}
        change = (ratcheted if ratchet else renewed)(old, what_is_here(opened), opened.decisions.known)
        write_baseline(path, change.entries)
    return Written(path, change)


def take_decisions_over(audit: Audit, path: Path, decisions: dict[Key, Known]) -> Written | None:
    """Put decisions into a baseline; None where there is no such file."""
    if not path.exists():
        return None
    with FileLock(own_path(audit.home / _LOCK)):
        old = without_withdrawn(read_baseline(path), read_decisions(audit).withdrawn)
        change = with_decisions(old, decisions)
        write_baseline(path, change.entries)
    return Written(path, change)
