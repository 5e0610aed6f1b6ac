"""`labelaudit apply`: write the corrected data, in the format that it came in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from labelaudit.api.mark import opposites_of
from labelaudit.core.audits import Audit
from labelaudit.core.errors import ConfigError
from labelaudit.gate.answered import decided_rows
from labelaudit.gate.columns import read_columns
from labelaudit.gate.opened import open_audit, place, settings_in_force
from labelaudit.mending.changes import changes_of
from labelaudit.mending.layout import How
from labelaudit.mending.mend import Difference, Plan, plan_of
from labelaudit.mending.record import Undone
from labelaudit.mending.record import undo as undo_record


class ApplySettings(TypedDict, total=False):
    """What to change, and how.

    output: the new file or folder, or one to put it in; None = beside the data. What is there already is never written
        over, unless apply wrote it and nobody changed it since.
    data: where the data is; None = where the audit found it.
    by: how files that do not change come into a new folder: link (hard links, no space), copy or symlink.
    confident: apply confident suggestions as well, where nobody decided otherwise.
    test: change samples of a test split as well; they are left alone otherwise.
    wrong_as: the class of wrong labels without the right one; None = those samples are left out.
    label_before: add a column with the former label of changed rows.
    reason: add a column that says why they were changed.
    config: as in `check`.
    baseline: as in `check`.
    """

    output: Path | str | None
    data: Path | str | None
    by: Literal["link", "copy", "symlink"]
    confident: bool
    test: bool
    wrong_as: str | None
    label_before: bool
    reason: bool
    config: Path | str | None
    baseline: Path | str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written."""

    difference: Difference
    record: Path | None  # every change as a line of JSON; None where nothing was to be changed, or in a dry run

    @property
    def output(self) -> Path:
        """The new file or folder."""
        return self.difference.output

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        record = None if self.record is None else str(self.record)
        return self.difference.to_dict() | {"record": record, "written": self.record is not None}


def apply(
    audit: Audit | Path | str | None = None, *, dry_run: bool = False, **settings: Unpack[ApplySettings]
) -> Applied:
    """Write the data of an audit with the labels that people decided on; all else stays as it is.

    Args:
        audit: as in `check`.
        dry_run: write nothing; the difference says what would be.
        **settings: what to change, and how.

    Raises:
        ConfigError: the data is not here or cannot be written, or something is at the output's place.
        DataError: as in `check`, or the data cannot be read.
    """
    found = plan(audit, **settings)
    return Applied(found.difference, None if dry_run or not found.difference.changes else found.write())


def plan(audit: Audit | Path | str | None = None, **settings: Unpack[ApplySettings]) -> Plan:
    """Return what `apply` would write; its `difference` tells, its `write` writes it."""
    in_force = settings_in_force(settings.get("config"))
    opened = open_audit(in_force, audit, baseline=settings.get("baseline"))
    decided = decided_rows(read_columns(opened.audit.findings_path), opened.known)
    frame, unnamed = opened.audit.findings, settings.get("wrong_as")
    opposite = _opposites_of(opened.audit, unnamed)
    certain = changes_of(frame, decided, unnamed=unnamed, opposite=opposite)
    changes = changes_of(frame, decided, confident=True, unnamed=unnamed, opposite=opposite)
    is_confident = settings.get("confident", False)
    data = settings.get("data")
    return plan_of(
        opened.audit,
        changes if is_confident else certain,
        how=How(
            by=settings.get("by", "link"),
            label_before=settings.get("label_before", False),
            reason=settings.get("reason", False),
        ),
        data=data if data is not None else place(in_force, in_force.places.data),
        output=settings.get("output"),
        test=settings.get("test", False),
        undecided=0 if is_confident else len(changes) - len(certain),
    )


def _opposites_of(audit: Audit, unnamed: str | None) -> dict[str, str]:
    """Return the other class of each where samples have several labels; else nothing."""
    opposite = opposites_of(audit)
    if opposite and unnamed is not None:
        raise ConfigError(
            f"--wrong-as {unnamed}: a label of several is there or it is not.",
            hint="Leave --wrong-as away: a wrong one is taken away, and one that is missing is added.",
        )
    return opposite


def undo(output: Path | str) -> Undone:
    """Remove what `apply` wrote, by the record beside it; files that were changed since stay.

    Raises:
        ConfigError: there is no record, or the file was changed.
        DataError: the record is damaged.
    """
    return undo_record(Path(output).expanduser())
