"""Is an audit what it was when it was finished? Files against their checksums, and what they say against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import fingerprint_of
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import DataError, count, shorten
from labelaudit.core.evidence import read_evidence, require_classes
from labelaudit.core.findings_file import read_findings_table
from labelaudit.core.issues import SET_ASIDE_ACTIONS
from labelaudit.core.manifest import FILES, SEAL, checksum, files_of, seal_of
from labelaudit.core.stored_arrays import read_arrays, require_array
from labelaudit.gate.columns import read_columns
from labelaudit.gate.near import read_near

_UNSEEN = "unseen.npz"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found."""

    audit: Audit
    files: int  # that were held against their checksums
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "audit": str(self.audit.path),
            "whole": self.is_whole,
            "files": self.files,
            "problems": list(self.problems),
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """Return one sentence for people."""
        if self.problems:
            return f"{self.audit.path}: {count(len(self.problems), 'problem')}."
        return f"{self.audit.path} is whole: {count(self.files, 'file')} as when it was finished."


def verify_audit(audit: Audit) -> Verified:
    """Return what is wrong with an audit; its dataset is not looked at."""
    problems, notes = [], []
    try:
        meta = audit.meta
    except DataError as error:
        return Verified(audit, 0, (error.problem,), ())
    manifest: Mapping[str, Mapping[str, Any]] = meta.get(FILES) or {}
    problems += _told(lambda: _seal(meta))
    problems += _told(lambda: _checksums(audit, manifest))
    for check in (_findings, _arrays, _decisions):
        problems += _told(lambda check=check: check(audit, meta))  # type: ignore[misc]  # mypy infers no lambda defaults
    if not manifest:
        notes.append("an earlier labelaudit wrote it, without checksums: only what its files say was looked at")
    elif strange := sorted(set(files_of(audit.path)) - set(manifest)):
        notes.append(f"not of the scan: {shorten(strange)}")
    return Verified(audit, len(manifest), tuple(dict.fromkeys(problems)), tuple(notes))


def _told(check: Callable[[], Iterator[str]]) -> list[str]:
    """Return what a check finds wrong, an error that ends it included."""
    found: list[str] = []
    try:
        found.extend(check())
    except DataError as error:
        found.append(error.problem)
    except OSError as error:
        found.append(f"{error.filename}: {error.strerror}.")
    return found


def _seal(meta: Mapping[str, Any]) -> Iterator[str]:
    if SEAL in meta and meta[SEAL] != seal_of(meta):
        yield "audit.json was changed after the audit was finished."


def _checksums(audit: Audit, manifest: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, stored in manifest.items():
        try:
            found = checksum(audit.file(name))
        except FileNotFoundError:
            yield f"{name} is missing."
            continue
        except DataError as error:
            yield error.problem
            continue
        if found["bytes"] != stored["bytes"]:
            yield f"{name} has {found['bytes']:,} bytes, {stored['bytes']:,} when the audit was finished."
        elif found["sha256"] != stored["sha256"]:
            yield f"{name} was changed after the audit was finished."


def _findings(audit: Audit, meta: Mapping[str, Any]) -> Iterator[str]:
    table = read_findings_table(audit.findings_path)
    audit.require_labels([*table["given_label"].unique().to_pylist(), *table["suggested_label"].unique().to_pylist()])
    if pc.count_distinct(table["sample_id"]).as_py() != table.num_rows:
        yield "findings.parquet has a sample twice."
    scanned = table.filter(pa.array(~np.isin(np.asarray(table["issue"]), [str(each) for each in SET_ASIDE_ACTIONS])))
    dataset = meta.get("dataset") or {}
    if dataset.get("several"):  # findings are of pairs of a sample and a label, the fingerprint of samples
        return
    if dataset.get("samples") is not None and scanned.num_rows > dataset["samples"]:
        yield f"findings.parquet has {scanned.num_rows:,} scanned samples, audit.json {dataset['samples']:,}."
    if meta.get("fingerprint") and dataset.get("classes"):
        rows = zip(*(scanned[name].to_pylist() for name in ("sample_id", "content_hash", "given_label")), strict=True)
        if fingerprint_of(dataset["classes"], rows) != meta["fingerprint"]:
            yield "findings.parquet is not of the samples whose fingerprint is in audit.json."


def _arrays(audit: Audit, meta: Mapping[str, Any]) -> Iterator[str]:
    columns = read_columns(audit.findings_path)
    n = int(columns.scanned.sum())
    unseen = np.zeros(n, dtype=np.bool_)
    if audit.file(_UNSEEN).exists():
        unseen = require_array(audit.file(_UNSEEN), read_arrays(audit.file(_UNSEEN)), "rows", "b", (n,))
    read_near(audit, columns)
    if not audit.evidence_path.exists():
        return
    evidence = read_evidence(audit.evidence_path)
    require_classes(
        audit.evidence_path, evidence, len((meta.get("dataset") or {}).get("classes") or columns.given.names)
    )
    if len(evidence.losses) != int((~unseen).sum()):
        yield f"{audit.evidence_path.name} is of {len(evidence.losses):,} samples, not of those of the findings."


def _decisions(audit: Audit, meta: Mapping[str, Any]) -> Iterator[str]:
    del meta
    damaged = read_decisions(audit).damaged_lines
    if damaged:
        yield f"decisions.jsonl: what a crash cut off, line {shorten(damaged)}."
