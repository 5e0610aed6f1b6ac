"""`pytest --labelaudit`: every rule of the gate as a test, beside those of the project.

Imported by every run of pytest where labelaudit is installed, so it imports nothing but pytest itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from labelaudit.gate.result import CheckReport, CheckResult


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("labelaudit", "label quality")
    group.addoption("--labelaudit", action="store_true", help="run the rules of labelaudit check as tests")
    group.addoption("--labelaudit-audit", metavar="PATH", help="an audit, its data, or a folder with .labelaudit/")
    group.addoption("--labelaudit-config", metavar="FILE", help="labelaudit.toml or pyproject.toml")
    group.addoption("--labelaudit-profile", metavar="NAME", help="a table below [profiles]")
    group.addoption("--labelaudit-since", metavar="REV", help="hold the files that changed since then to their limit")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for every rule."""
    if config.getoption("--labelaudit"):
        collector = LabelAuditCollector.from_parent(session, name="labelaudit", nodeid="labelaudit")
        items.extend(collector.collect())


class LabelAuditCollector(pytest.Collector):
    """The results of one check."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each result; one that fails where there is nothing to check."""
        from labelaudit.api.check import check  # pyarrow: a quarter of a second that other runs need not wait
        from labelaudit.core.errors import LabelAuditError

        option = self.config.getoption
        try:
            report = check(
                option("--labelaudit-audit"),
                config=option("--labelaudit-config"),
                profile=option("--labelaudit-profile"),
                since=option("--labelaudit-since"),
            )
        except LabelAuditError as error:
            raise pytest.UsageError(f"labelaudit: {error}") from error
        for result in report.results:
            yield LabelAuditItem.from_parent(self, name=result.name, report=report, result=result)


class LabelAuditItem(pytest.Item):
    """One result as a test."""

    def __init__(self, *, report: CheckReport, result: CheckResult, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report, self.result = report, result

    def runtest(self) -> None:
        """Fail, warn, skip or pass as the rule did."""
        from labelaudit.gate.result import failure_text

        if self.result.status == "skipped":
            pytest.skip(self.result.message)
        text = failure_text(self.report, self.result)
        if self.result.warns:
            self.warn(pytest.PytestWarning(f"{self.result.name}: {text}"))
        if self.result.fails:
            pytest.fail(text, pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is said to be: the audit."""
        return Path(self.report.audit_path), 0, f"labelaudit: {self.result.name}"
