"""What a rule finds, and all of it together: plain data that the writers turn into text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from labelaudit.core.arrays import IntN
from labelaudit.core.errors import count
from labelaudit.core.shares import Share
from labelaudit.gate.columns import FindingColumns, Sample

Severity = Literal["error", "warning"]
Status = Literal["passed", "failed", "skipped"]
_NAMED = 20  # samples in the text of a failure


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One rule, for the whole dataset, a class or a part of the paths."""

    rule: str
    status: Status
    message: str  # one sentence with the values
    subject: str = ""  # "class cat" or "paths raw/**"; empty = the whole dataset
    limit: float | None = None
    measured: float | None = None
    hint: str = ""  # what to do next
    rows: IntN = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # the samples concerned, worst first
    listed: tuple[str, ...] = ()  # what is concerned and has no row: new files, twins in another split
    severity: Severity = "error"

    def __repr__(self) -> str:
        return f"<CheckResult {self.name}: {self.status}, {self.message}>"

    @property
    def name(self) -> str:
        """What to call the check: "max-noise (class cat)"."""
        return f"{self.rule} ({self.subject})" if self.subject else self.rule

    @property
    def fails(self) -> bool:
        """Whether the gate fails by it."""
        return self.status == "failed" and self.severity == "error"

    @property
    def warns(self) -> bool:
        """Whether it is a failed check that does not fail the gate."""
        return self.status == "failed" and self.severity == "warning"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the samples lie in the repository, so that files can be named as its users name them."""

    folder: str  # POSIX path of the data relative to the repository, "" for its root; absolute where it is outside
    table: str | None = None  # the same of the table, where the samples are its rows


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All results of one `labelaudit check`."""

    audit_name: str
    audit_path: str
    source: str
    results: tuple[CheckResult, ...]
    columns: FindingColumns
    origin: Origin
    noise: Share
    suspects: int  # flagged samples that are there and not accepted
    known: int  # of them, in the baseline
    accepted: int  # flagged samples that a person called right
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # of the audit: method, recipe, version, time

    def __repr__(self) -> str:
        state = "passed" if self.passed else f"failed ({', '.join(result.name for result in self.failed)})"
        return f"<CheckReport of {self.audit_name}: {state}, {self.suspects:,} suspects>"

    @property
    def passed(self) -> bool:
        """Whether no rule of severity error failed."""
        return not any(result.fails for result in self.results)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The failed rules, errors first."""
        return (*(r for r in self.results if r.fails), *(r for r in self.results if r.warns))

    def samples(self, result: CheckResult, show: int | None = None) -> list[Sample]:
        """Return the samples that a result is about, the worst first."""
        return [self.columns.sample(int(row)) for row in result.rows[:show]]

    def worst(self, show: int | None = None) -> list[tuple[CheckResult, Sample]]:
        """Return the worst samples of all failed rules, each once, with the rule that names the fewest samples.

        Samples of rules that fail the gate come before those of warnings.
        """
        first: dict[int, CheckResult] = {}
        for result in sorted(self.failed, key=lambda result: (result.warns, len(result.rows))):
            for row in result.rows.tolist():
                first.setdefault(row, result)
        ranks = self.columns.rank
        rows = sorted(first, key=lambda row: (first[row].warns, ranks[row]))
        return [(first[row], self.columns.sample(row)) for row in rows[:show]]

    def place(self, sample: Sample) -> tuple[str, int | None]:
        """Return the file of a sample relative to the repository, and its line where it is a row of a table."""
        if self.origin.table is not None:
            _, colon, line = sample.path.rpartition(":")
            return self.origin.table, int(line) if colon and line.isdecimal() else None
        if "://" in sample.path or PurePosixPath(sample.path).is_absolute() or not self.origin.folder:
            return sample.path, None
        if "://" in self.origin.folder:
            return f"{self.origin.folder.rstrip('/')}/{sample.path}", None
        return str(PurePosixPath(self.origin.folder) / sample.path), None


def pass_or_fail(
    rule: str,
    message: str,
    *,
    failed: bool,
    limit: float,
    measured: float,
    subject: str = "",
    hint: str = "",
    rows: IntN | None = None,
    listed: tuple[str, ...] = (),
) -> CheckResult:
    """Return the result of a rule that was held against its limit.

    What to do next, and what is concerned, goes with a failure: of a passed rule `hint`, `rows` and `listed` are empty.
    """
    if not failed:
        return CheckResult(rule, "passed", message, subject=subject, limit=limit, measured=measured)
    named = np.empty(0, dtype=np.int64) if rows is None else rows
    return CheckResult(rule, "failed", message, subject, limit, measured, hint, named, listed)


def counts(results: Sequence[CheckResult]) -> dict[str, int]:
    """Return how many checks passed, failed, warned and were skipped."""
    return {
        "passed": sum(result.status == "passed" for result in results),
        "failed": sum(result.fails for result in results),
        "warnings": sum(result.warns for result in results),
        "skipped": sum(result.status == "skipped" for result in results),
    }


def reason(sample: Sample) -> str:
    """Return why a sample is named: "given cat, more likely dog (clean probability 0.02)"."""
    if sample.clean_prob is None:
        return sample.detail or sample.issue
    given = f"given {sample.given_label}"
    likely = f", more likely {sample.suggested_label}" if sample.suggested_label else ""
    twin = f"; {sample.detail}" if sample.detail else ""
    return f"{given}{likely} (clean probability {sample.clean_prob:.2f}){twin}"


def failure_text(report: CheckReport, result: CheckResult) -> str:
    """Return the message, the next step, and the worst samples with their reasons."""
    lines = [result.message, *([result.hint] if result.hint else [])]
    samples = report.samples(result, _NAMED)
    lines += [f"  {sample.path}: {reason(sample)}" for sample in samples]
    lines += [f"  {line}" for line in result.listed[:_NAMED]]
    more = max(len(result.rows), len(result.listed)) - _NAMED
    return "\n".join([*lines, *([f"  and {more:,} more"] if more > 0 else [])])


def fingerprint(sample: Sample) -> str:
    """Return 32 hex digits that stay when a file is renamed or another model doubts it, and go with its label."""
    identity = sample.content_hash or f"path:{sample.path}"
    return hashlib.sha256(f"{identity}\x1f{sample.given_label or ''}".encode()).hexdigest()[:32]


def words(report: CheckReport) -> str:
    """Return the results in one line: "FAILED: 2 errors, 7 passed, 1 skipped; 12 suspects, 9 known, 0 accepted"."""
    totals = counts(report.results)
    parts = [count(totals["failed"], "error")] if totals["failed"] else []
    parts += [count(totals["warnings"], "warning")] if totals["warnings"] else []
    parts += [f"{totals['passed']} passed"]
    parts += [f"{totals['skipped']} skipped"] if totals["skipped"] else []
    suspects = f"{count(report.suspects, 'suspect')}, {report.known:,} known, {report.accepted:,} accepted"
    return f"{'passed' if report.passed else 'FAILED'}: {', '.join(parts)}; {suspects}"


def word_of(result: CheckResult) -> str:
    """Return fail, warn, pass or skip."""
    if result.status == "failed":
        return "fail" if result.fails else "warn"
    return "pass" if result.status == "passed" else "skip"
