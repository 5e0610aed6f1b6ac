"""`labelaudit show`: open the audit of an earlier scan, and its summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelaudit.core.audits import Audit, find_audit


def load(path: Path | str | None = None) -> Audit:
    """Return a finished audit; where there are several, the one that finished last.

    Args:
        path: an audit's folder; a dataset, for its newest audit in the working directory or above; a `.labelaudit`
            folder, or a folder that holds one. None = the working directory or the nearest one above it.

    Raises:
        DataError: there is none, it has not finished, or it is damaged.
    """
    return find_audit(path)


def show(audit: Path | str | None = None) -> dict[str, Any]:
    """Return the summary of a finished audit, ready for JSON: noise rate, counts, worst samples.

    Args:
        audit: as in `load`.

    Raises:
        DataError: as in `load`.
    """
    return load(audit).summary
