"""Write the results of an audit as tables for people and programs, and hand them over to other tools."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labelaudit.api.apply import apply
from labelaudit.api.load import load
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Known, read_decisions
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.issues import SET_ASIDE_ACTIONS, Action
from labelaudit.core.several import several_of
from labelaudit.exports.decided import with_decisions, with_ends
from labelaudit.exports.label_sets import relabelled_table
from labelaudit.exports.names import Format, Tool, What, parse_export_name, require_tool
from labelaudit.exports.people import for_people
from labelaudit.exports.tables import render_table, render_texts, select
from labelaudit.exports.written import require_ours, write_export
from labelaudit.gate.compare import data_settings, find_data
from labelaudit.gate.contents import Contents

if TYPE_CHECKING:
    import pandas as pd


OWN_FORM = "relabelled"  # the corrected data, in the format that it came in


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: Path
    rows: int
    source: str  # the dataset


def export(
    audit: Audit | Path | str | None = None,
    *names: str,
    output: Path | str = ".",
    raw: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write tables of an audit and return their paths.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.
        names: such as "suspect.csv" or "relabelled.parquet": suspect, clean, relabelled or all, with .csv, .tsv,
            .parquet, .jsonl or .json; "suspect.xlsx", with small pictures; or "relabelled" alone: the corrected data in
            the format that it came in, as `apply` writes it with confident suggestions, if there are any changes.
        output: folder to write to; made if it is not there. A table of the same name is replaced if export wrote it and
            nobody changed it since.
        raw: leave csv and tsv cells that a spreadsheet would run as formulas as they are.
        overwrite: replace whatever is there.

    Raises:
        ConfigError: no name, one that is not known, or a file that somebody else wrote or changed; nothing is written.
        DataError: no finished audit there, or the folder cannot be written to.
    """
    tables = [name for name in names if name != OWN_FORM]
    whole = [apply(audit, output=output, confident=True)] if OWN_FORM in names else []
    written = [applied.output for applied in whole if applied.record is not None]
    if whole and not tables:
        return written
    return written + [each.path for each in export_tables(audit, tables, output=output, raw=raw, overwrite=overwrite)]


def export_tables(
    audit: Audit | Path | str | None,
    names: Sequence[str],
    *,
    output: Path | str = ".",
    raw: bool = False,
    overwrite: bool = False,
) -> list[Exported]:
    """Write tables as `export` does, and return what was written."""
    if not names:
        raise ConfigError("nothing to export.", hint="Name a table, such as suspect.csv.")
    for name in names:
        parse_export_name(name)  # before the findings are read
    found, folder = _opened(audit), Path(output).expanduser()
    rendered = rendered_tables(found, names, raw=raw, near=folder)
    data = {name: content for name, (_, content) in rendered.items()}
    _write_all(found, folder, data, overwrite=overwrite)
    source = str(found.meta.get("source", "")) or "the data"
    return [Exported(folder / name, rows, source) for name, (rows, _) in rendered.items()]


def rendered_tables(
    audit: Audit, names: Sequence[str], *, raw: bool = False, near: Path | None = None
) -> dict[str, tuple[int, bytes]]:
    """Return the rows and the content of each table, by its name.

    Args:
        audit: whose findings these are, as people's answers leave them.
        names: WHAT.FORMAT.
        raw: as in `export`.
        near: the folder that paths are relative to; None = they are absolute.
    """
    contents = Contents(audit)
    findings = with_ends(decided_findings(audit), (audit.meta.get("results") or {}).get("noise_interval"))
    rendered = {}
    for name in names:
        what, fmt = parse_export_name(name)
        part = select(findings, what)
        own = _own_labels(audit, findings, fmt) if what == "relabelled" else None
        content = rendered_part(audit, contents, part, what, fmt, raw=raw, near=near) if own is None else own
        rendered[name] = len(part), content
    return rendered


def rendered_part(
    audit: Audit,
    contents: Contents,
    part: pd.DataFrame,
    what: What,
    fmt: Format,
    *,
    raw: bool = False,
    near: Path | None = None,
) -> bytes:
    """Return a table as a file's content: suspects in text are for people, everything else for programs.

    Args:
        audit: whose findings these are.
        contents: its data.
        part: what `select` returns.
        what: which part.
        fmt: the format.
        raw: as in `export`.
        near: the folder that paths are relative to; None = they are absolute.
    """
    if what != "suspect" or fmt not in ("csv", "tsv", "xlsx"):
        content = render_table(part, fmt, raw=raw)
        return content.encode() if isinstance(content, str) else content
    frame = _for_people(audit, contents, part, near)
    if fmt == "xlsx":
        from labelaudit.exports.sheets import render_sheet

        return render_sheet(frame, contents.image)
    return render_texts(frame, "," if fmt == "csv" else "\t", raw=raw).encode()


def hand_over(
    audit: Audit | Path | str | None = None,
    *tools: str,
    output: Path | str = ".",
    data: Path | str | None = None,
    served: Path | str | None = None,
    everything: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write suspects for other tools and return the files; `import_` takes decisions back.

    Args:
        audit: as in `export`.
        tools: of label-studio, fiftyone, cvat, argilla, coco, cleanlab, huggingface and dvc.
        output: folder to write to.
        data: where the data is; None = where the audit found it.
        served: the folder that Label Studio serves files from, or that was uploaded to CVAT; None = Label Studio's
            images are within the tasks.
        everything: all samples instead of suspects; coco, cleanlab, huggingface and dvc have all anyway.
        overwrite: as in `export`.

    Raises:
        ConfigError: as in `export`.
        DataError: as in `export`, or the data that a tool needs is not here.
    """
    from labelaudit.handover.render import render_for

    if not tools:
        raise ConfigError("no tool is named.", hint="Such as label-studio.")
    wanted: list[Tool] = [require_tool(name) for name in tools]
    found, folder = _opened(audit), Path(output).expanduser()
    findings, contents = decided_findings(found), Contents(found, data)
    root = None if served is None else Path(served).expanduser().absolute()
    files: dict[str, bytes] = {}
    for tool in wanted:
        files |= render_for(tool, found, findings, contents, root=root, everything=everything)
    _write_all(found, folder, files, overwrite=overwrite)
    return [folder / name for name in files]


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


def _opened(audit: Audit | Path | str | None) -> Audit:
    """Return an audit as people's answers leave it, also one that was opened before they gave them."""
    return load(audit.path if isinstance(audit, Audit) else audit)


def _write_all(audit: Audit, folder: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write files, none where one of them may not be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            for name, data in files.items():
                require_ours(folder / name, data, audit.home)
        for name, data in files.items():
            write_export(folder / name, data, home=audit.home, overwrite=overwrite)
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror}.", hint="Choose another --output.") from error


def _for_people(audit: Audit, contents: Contents, part: pd.DataFrame, near: Path | None) -> pd.DataFrame:
    samples = list(zip(part["sample_id"], part["path"], strict=True))
    files = contents.files([sample for sample, issue in zip(samples, part["issue"], strict=True) if _is_file(issue)])
    paths = {name: _shown(file, near) for name, file in files.items()}
    results = audit.meta.get("results") or {}
    low = (results.get("noise_interval") or [0.0])[0]
    scanned = int((~audit.findings["issue"].isin([*SET_ASIDE_ACTIONS]) & ~audit.findings["trusted"]).sum())
    return for_people(part, paths, certain=round(low * scanned), decided=_decided(audit, part))


def _is_file(issue: str) -> bool:
    return issue not in ("missing-file", "missing-label")


def _decided(audit: Audit, part: pd.DataFrame) -> dict[str, Known]:
    known = read_decisions(audit).known
    keys: Iterable[tuple[str, str, str]] = zip(
        part["sample_id"], part["content_hash"], part["given_label"].fillna(""), strict=True
    )
    return {name: known[content, label] for name, content, label in keys if content and (content, label) in known}


def _shown(file: Path, near: Path | None) -> str:
    if near is None:
        return str(file.absolute())
    try:
        return Path(os.path.relpath(file.absolute(), near.absolute())).as_posix()
    except ValueError:  # on another drive of Windows
        return str(file.absolute())
