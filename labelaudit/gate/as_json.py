"""A report as JSON, schema in docs/reference/check.schema.json; and as flat numbers for `dvc metrics`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from labelaudit.core.shares import Share
from labelaudit.core.shown import in_json
from labelaudit.gate.result import CheckReport, CheckResult, counts, fingerprint

REPORT_SCHEMA = 1
MOST_SAMPLES = 1000  # per result; `labelaudit export` has them all


def render_json(report: CheckReport) -> str:
    """Return the whole report."""
    return in_json(json.dumps(to_dict(report), indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def render_metrics(report: CheckReport) -> str:
    """Return the measured values of the rules, numbers only."""
    values = {result.rule: result.measured for result in report.results if not result.subject}
    numbers = {
        "noise": report.noise.rate,
        "suspects": report.suspects,
        "known": report.known,
        "accepted": report.accepted,
        **counts(report.results),
        "measured": {name: _finite(value) for name, value in values.items() if value is not None},
    }
    return json.dumps(numbers, indent=2) + "\n"


def to_dict(report: CheckReport) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "schema": REPORT_SCHEMA,
        "passed": report.passed,
        "audit": {"name": report.audit_name, "path": report.audit_path, "source": report.source, **report.facts},
        "counts": counts(report.results),
        "noise": _noise(report.noise),
        "suspects": {"total": report.suspects, "known": report.known, "accepted": report.accepted},
        "results": [_result(report, result) for result in report.results],
        "notes": list(report.notes),
    }


def _noise(noise: Share) -> dict[str, float | None]:
    ends = (None, None) if noise.is_point else (noise.low, noise.high)
    return {"rate": noise.rate, "low": ends[0], "high": ends[1]}


def _result(report: CheckReport, result: CheckResult) -> dict[str, Any]:
    return {
        "rule": result.rule,
        "subject": result.subject,
        "severity": result.severity,
        "status": result.status,
        "limit": result.limit,
        "measured": None if result.measured is None else _finite(result.measured),
        "message": result.message,
        "hint": result.hint,
        "samples_total": len(result.rows),
        "samples": [_sample(report, sample) for sample in report.samples(result, MOST_SAMPLES)],
        "listed_total": len(result.listed),
        "listed": list(result.listed[:MOST_SAMPLES]),
    }


def _sample(report: CheckReport, sample: Any) -> dict[str, Any]:
    file, line = report.place(sample)
    return {**asdict(sample), "file": file, "line": line, "fingerprint": fingerprint(sample)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
