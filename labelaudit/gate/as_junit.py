"""A report as JUnit XML: one test case per check, never one per sample."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from labelaudit.core.shown import in_log
from labelaudit.gate.result import CheckReport, CheckResult, counts, failure_text

# what XML 1.0 has no way to write: https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: CheckReport) -> str:
    """Return the report as the XML that CI servers read; a warning is a passed case with a text."""
    found = counts(report.results)
    root = ElementTree.Element("testsuites", name="labelaudit")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=_legal(f"labelaudit {report.source}"),
        tests=str(len(report.results)),
        failures=str(found["failed"]),
        errors="0",
        skipped=str(found["skipped"]),
    )
    for result in report.results:
        case = ElementTree.SubElement(suite, "testcase", classname="labelaudit", name=_legal(result.name), time="0")
        _fill(case, report, result)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _fill(case: ElementTree.Element, report: CheckReport, result: CheckResult) -> None:
    if result.fails:
        failure = ElementTree.SubElement(case, "failure", message=_legal(result.message), type=result.rule)
        failure.text = _legal(failure_text(report, result))
    elif result.status == "skipped":
        ElementTree.SubElement(case, "skipped", message=_legal(result.message))
    else:
        output = ElementTree.SubElement(case, "system-out")
        output.text = _legal(f"warning: {failure_text(report, result)}" if result.warns else result.message)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", in_log(text))
