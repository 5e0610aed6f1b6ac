"""Write the results of an audit as tables for other tools."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from labelaudit.api.load import load
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.files import write_atomically
from labelaudit.core.issues import Action
from labelaudit.core.several import several_of
from labelaudit.exports.decided import with_decisions
from labelaudit.exports.label_sets import relabelled_table
from labelaudit.exports.names import parse_export_name
from labelaudit.exports.tables import select, write_table
from labelaudit.gate.compare import data_settings, find_data


def export(
    audit: Audit | Path | str | None = None, *names: str, output: Path | str = ".", raw: bool = False
) -> list[Path]:
    """Write tables of an audit and return their paths.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.
        names: such as "suspect.csv" or "relabelled.parquet": suspect, clean, relabelled or all, with .csv, .tsv,
            .parquet, .jsonl or .json.
        output: folder to write to; made if it is not there. Tables of the same name are replaced.
        raw: leave csv and tsv cells that a spreadsheet would run as formulas as they are.

    Raises:
        ConfigError: no name, or one that is not known; nothing is written.
        DataError: no finished audit there, or the folder cannot be written to.
    """
    if not names:
        raise ConfigError("nothing to export.", hint="Name a table, such as suspect.csv.")
    wanted = {name: parse_export_name(name) for name in names}
    found = audit if isinstance(audit, Audit) else load(audit)
    findings, folder = decided_findings(found), Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (what, fmt) in wanted.items():
            labels = _own_labels(found, findings, fmt) if what == "relabelled" else None
            if labels is None:
                write_table(select(findings, what), folder / name, fmt, raw=raw)
            else:
                write_atomically(folder / name, partial(_put, data=labels))
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror}.", hint="Choose another --output.") from error
    return [folder / name for name in wanted]


def _put(part: Path, *, data: bytes) -> None:
    part.write_bytes(data)


def _own_labels(audit: Audit, findings: pd.DataFrame, fmt: str) -> bytes | None:
    """Return the table of samples with several labels as it was written, relabelled; None where each has one."""
    several = several_of(audit.meta)
    if several is None:
        return None
    source = find_data(audit, None)
    if isinstance(source, str):
        raise DataError(f"{source}.", hint="Export where the scanned table is.")
    wrong = set(findings["sample_id"][findings["action"] == Action.RELABEL])
    return relabelled_table(source, data_settings(audit, source), wrong, names=several["names"], fmt=fmt)


def decided_findings(audit: Audit) -> pd.DataFrame:
    """Return the findings of an audit as the decisions of people leave them; `decision` says which these are."""
    return with_decisions(audit.findings, read_decisions(audit).known)
