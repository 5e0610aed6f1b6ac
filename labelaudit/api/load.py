"""`labelaudit show`: open the audit of an earlier scan, and its summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelaudit.core.audits import Audit, find_audit
from labelaudit.gate.opened import open_audit, place, settings_in_force


def load(path: Path | str | None = None) -> Audit:
    """Return a finished audit as people's answers leave it; where there are several, the one that finished last.

    Its findings and results take in what people decided, in the audit and in the baseline; the files stay as they are.

    Args:
        path: an audit's folder; a dataset, for its newest audit in the working directory or above; a `.labelaudit`
            folder, or a folder that holds one. None = the working directory or the nearest one above it.

    Raises:
        DataError: there is none, it has not finished, or it is damaged.
    """
    found, settings = find_audit(path), settings_in_force()
    baseline = place(settings, settings.places.baseline)
    if not found.decisions_path.exists() and (baseline is None or not baseline.exists()):
        return found
    return open_audit(settings, found).audit


def show(audit: Path | str | None = None) -> dict[str, Any]:
    """Return the summary of a finished audit, ready for JSON: noise rate, counts, worst samples.

    Args:
        audit: as in `load`.

    Raises:
        DataError: as in `load`.
    """
    return load(audit).summary
