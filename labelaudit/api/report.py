"""`labelaudit report`: an audit as one HTML file."""

from __future__ import annotations

from pathlib import Path

from labelaudit.api.load import load
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError, LabelAuditError
from labelaudit.core.recipe import DataSettings
from labelaudit.gate.compare import find_data, read_data
from labelaudit.report.facts import Source, facts_of
from labelaudit.report.page import render_page
from labelaudit.report.written import require_ours, write_page

SUSPECTS = 500  # shown


def write_report(
    audit: Audit | Path | str | None = None,
    *,
    output: Path | str = "report.html",
    data: Path | str | None = None,
    limit: int = SUSPECTS,
    overwrite: bool = False,
) -> Path:
    """Write an audit as one HTML file that needs no network and no other file, and return its path.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.
        output: the file; a report that stands there is replaced, any other file is not.
        data: where the dataset is now; None = where it was scanned.
        limit: show so many suspects at most, the worst.
        overwrite: replace whatever stands there.

    Raises:
        ConfigError: a file that is no report of ours stands there, the data that is named does not exist, or the limit
            is below 1.
        DataError: no finished audit there, or the file cannot be written.
    """
    if limit < 1:
        raise ConfigError(f"--limit {limit}: at least one suspect.")
    target = Path(output).expanduser()
    if not overwrite:
        require_ours(target)
    found = audit if isinstance(audit, Audit) else load(audit)
    source = open_source(found, None if data is None else str(data))
    page = render_page(facts_of(found.require_finished(), read_decisions(found), source, limit=limit))
    write_page(target, page, overwrite=overwrite)
    return target


def open_source(audit: Audit, named: str | None) -> Source:
    """Return the data of an audit as it is now; where it cannot be read, why.

    Raises:
        ConfigError: data that was named does not exist.
    """
    place = find_data(audit, named)
    if isinstance(place, str):
        return Source(None, DataSettings(), place.partition(", so the audit")[0].partition(" (--data")[0])
    try:
        now = read_data(audit, place)
    except LabelAuditError as error:
        return Source(None, DataSettings(), f"{place} cannot be read as it was: {error.problem}".rstrip("."))
    return Source(now.dataset, now.settings)
