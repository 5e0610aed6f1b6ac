"""Open the audit of an earlier scan."""

from __future__ import annotations

from pathlib import Path

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
