"""`labelaudit show`: open the audit of an earlier scan, and its summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelaudit.core.audits import Audit, find_audit
from labelaudit.gate.opened import open_audit, place, settings_in_force
from labelaudit.gate.shown import shown_sample, shown_suspects

_TOP = 20  # suspects


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


def show(
    audit: Audit | Path | str | None = None,
    sample: str | None = None,
    *,
    top: int | None = None,
    label: str | None = None,
    pair: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Return the summary of a finished audit, all that is known of one sample, or some suspects; ready for JSON.

    Args:
        audit: as in `load`.
        sample: its id, or its path as the findings have it.
        top: how many suspects; None = 20 where they are asked for by label or pair.
        label: only suspects with this given label.
        pair: only suspects with this given and this suggested label.

    Raises:
        ConfigError: there is no such sample or class.
        DataError: as in `load`.
    """
    found = load(audit.path if isinstance(audit, Audit) else audit)
    if sample is not None:
        return shown_sample(found, sample)
    if top is None and label is None and pair is None:
        return found.summary
    return shown_suspects(found, top=_TOP if top is None else top, label=label, pair=pair)
