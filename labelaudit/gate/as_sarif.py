"""A report as SARIF 2.1.0, which code scanning on GitHub reads.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; limits of GitHub:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from labelaudit.core.shown import in_json, in_sarif
from labelaudit.core.version import VERSION
from labelaudit.gate.columns import Sample
from labelaudit.gate.result import CheckReport, CheckResult, fingerprint, reason
from labelaudit.gate.rules import RULES

MOST_RESULTS = 5000  # GitHub keeps this many of a run
_FINGERPRINT = "labelauditSample/v1"


def render_sarif(report: CheckReport) -> str:
    """Return one run: a result for every failed rule, and one for every sample, the worst first."""
    results = [_rule_result(report, result) for result in report.failed]
    samples = report.worst(MOST_RESULTS - len(results))
    results += [_sample_result(report, result, sample) for result, sample in samples]
    named = len({int(row) for result in report.failed for row in result.rows})
    run = {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": f"labelaudit/{report.source}/"},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "audit": report.audit_name,
            "passed": report.passed,
            "samples": named,
            "left_out": named - len(samples),
        },
    }
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    whole = {"$schema": schema, "version": "2.1.0", "runs": [run]}
    return in_json(json.dumps(whole, indent=1, ensure_ascii=False)) + "\n"


def _driver() -> dict[str, Any]:
    rules = [
        {
            "id": rule.name,
            "name": "".join(word.capitalize() for word in rule.name.split("-")),
            "shortDescription": {"text": rule.about},
            "fullDescription": {"text": f"{rule.about}; the limit is check.{rule.name.replace('-', '_')}."},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in RULES
    ]
    return {"name": "labelaudit", "semanticVersion": VERSION, "rules": rules}


def _rule_result(report: CheckReport, result: CheckResult) -> dict[str, Any]:
    identity = hashlib.sha256(f"{report.source}\x1f{result.name}".encode()).hexdigest()[:32]
    hint = f" {result.hint}" if result.hint else ""
    listed = "".join(f"\n{line}" for line in result.listed[:20])
    place = report.origin.table or report.origin.folder or "."
    return _result(
        result, f"{result.name}: {result.message}.{hint}{listed}", place, None, {"labelauditRule/v1": identity}
    )


def _sample_result(report: CheckReport, result: CheckResult, sample: Sample) -> dict[str, Any]:
    file, line = report.place(sample)
    text = f"{sample.path}: {reason(sample)}"
    found = _result(result, text, file, line, {_FINGERPRINT: fingerprint(sample)})
    return found | {"rank": round(100 * (1 - (sample.clean_prob or 0.0)), 2)}


def _result(
    result: CheckResult, text: str, file: str, line: int | None, fingerprints: dict[str, str]
) -> dict[str, Any]:
    places = [rule.name for rule in RULES]
    return {
        "ruleId": result.rule,
        "ruleIndex": places.index(result.rule),
        "level": result.severity,
        "message": {"text": in_sarif(text)},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(file), "region": {"startLine": line or 1}}}],
        "partialFingerprints": fingerprints,
    }


def _artifact(file: str) -> dict[str, str]:
    if "://" in file:
        return {"uri": quote(file, safe=":/?&=%#~@!$'()*+,;-._")}
    if PurePath(file).is_absolute():
        return {"uri": PurePath(file).as_uri()}
    return {"uri": quote(file), "uriBaseId": "SRCROOT"}
