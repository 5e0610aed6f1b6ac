"""Label quality as a test of your own.

>>> from labelaudit.testing import assert_label_quality
>>> def test_labels():
...     assert_label_quality("photos/", max_new_suspects=0)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelaudit.api.check import check
from labelaudit.core.audits import Audit
from labelaudit.gate.result import CheckReport, failure_text, words


def assert_label_quality(
    audit: Audit | Path | str | None = None,
    *,
    data: Path | str | None = None,
    config: Path | str | None = None,
    profile: str | None = None,
    baseline: Path | str | None = None,
    since: str | None = None,
    **limits: Any,
) -> CheckReport:
    """Return the report of `labelaudit check`, or raise AssertionError naming the failed rules and the worst samples.

    Args:
        audit: an audit, the data that it is of, or a folder with `.labelaudit/`; None = what the settings name,
            else the latest here or above.
        data: the dataset; None = where the audit found it.
        config: as in `labelaudit.check`.
        profile: as in `labelaudit.check`.
        baseline: as in `labelaudit.check`.
        since: as in `labelaudit.check`.
        **limits: keys of [check], such as `max_noise=0.02`; None turns a rule off.

    Raises:
        AssertionError: a rule of severity error failed.
        ConfigError: as in `labelaudit.check`.
        DataError: as in `labelaudit.check`.
    """
    __tracebackhide__ = True  # pytest shows the line of the test instead
    overrides = {key: "none" if value is None else str(value) for key, value in limits.items()}
    report = check(
        audit, data=data, config=config, profile=profile, overrides=overrides, baseline=baseline, since=since
    )
    if not report.passed:
        failed = "\n\n".join(
            f"{result.name}: {failure_text(report, result)}" for result in report.failed if result.fails
        )
        raise AssertionError(f"labels of {report.source}: {words(report)}\n\n{failed}")
    return report
