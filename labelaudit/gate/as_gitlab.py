"""A report as GitLab's code quality: a list of issues beside a merge request.

Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from labelaudit.core.shown import in_json, on_terminal
from labelaudit.gate.result import CheckReport, CheckResult, fingerprint, reason

_MOST = 5000  # issues; the rest is in `labelaudit export`
_SEVERITY = {"error": "major", "warning": "minor"}


def render_gitlab(report: CheckReport) -> str:
    """Return an issue for every failed rule and for every sample that one names, the worst first."""
    issues = [_of_rule(report, result) for result in report.failed]
    seen = set()
    for result, sample in report.worst(_MOST - len(issues)):
        file, line = report.place(sample)
        identity = fingerprint(sample)
        if identity in seen:  # a copy under the same label; GitLab shows issues with equal fingerprints once
            identity = hashlib.sha256(f"{identity}\x1f{sample.path}".encode()).hexdigest()[:32]
        seen.add(identity)
        issues.append(_issue(result, f"{sample.path}: {reason(sample)}", identity, file, line))
    return in_json(json.dumps(issues, indent=1, ensure_ascii=False)) + "\n"


def _of_rule(report: CheckReport, result: CheckResult) -> dict[str, Any]:
    identity = hashlib.sha256(f"{report.source}\x1f{result.name}".encode()).hexdigest()[:32]
    text = f"{result.name}: {result.message}"
    return _issue(result, text, identity, report.origin.table or report.origin.folder or report.source, None)


def _issue(result: CheckResult, text: str, identity: str, file: str, line: int | None) -> dict[str, Any]:
    return {
        "description": on_terminal(text),
        "check_name": f"labelaudit/{result.rule}",
        "fingerprint": identity,
        "severity": _SEVERITY[result.severity],
        "location": {"path": file, "lines": {"begin": line or 1}},
    }
