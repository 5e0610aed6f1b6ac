"""A report as GitHub's workflow commands: annotations on the pull request.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions; a step shows ten annotations
of each level, so the worst ten are printed.
"""

from __future__ import annotations

from labelaudit.core.shown import in_log
from labelaudit.gate.result import CheckReport, CheckResult, reason, words

_MOST = 10  # annotations of a level that GitHub shows for a step


def render_github(report: CheckReport) -> str:
    """Return the failed rules and the worst samples as annotations, and a line that sums it up."""
    lines = []
    samples = report.worst()
    for level in ("error", "warning"):
        rules = [result for result in report.failed if result.severity == level]
        found = [_of_rule(report, result) for result in rules]
        found += [
            _command(level, *report.place(sample), f"labelaudit {result.name}", f"{sample.path}: {reason(sample)}")
            for result, sample in samples
            if result.severity == level
        ]
        lines += found[:_MOST]
    return "\n".join([*lines, f"labelaudit: {words(report)}"]) + "\n"


def _of_rule(report: CheckReport, result: CheckResult) -> str:
    listed = [f"  {line}" for line in result.listed[:10]]
    text = "\n".join([result.message, *listed, *([result.hint] if result.hint else [])])
    return _command(result.severity, report.origin.table or "", None, f"labelaudit {result.name}", text)


def _command(level: str, file: str, line: int | None, title: str, text: str) -> str:
    values = {"file": file, "line": str(line or 1) if file else "", "title": title}
    listed = ",".join(f"{name}={_property(value)}" for name, value in values.items() if value)
    return f"::{level} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return in_log(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
