"""Audits of real data without training: what tests of decisions, corrected data and hand-over start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, StreamedImages
from labelaudit.core.decisions import Known, record_decision
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings
from labelaudit.core.recipe import DataSettings
from labelaudit.core.several import several_facts
from labelaudit.functional.images import hash_content
from labelaudit.gate.compare import content_hash_of
from labelaudit.sources.read import read_dataset


def audited(
    root: Path, source: Path | str, wrong: Mapping[str, str] | None = None, **settings: Any
) -> tuple[Audit, Dataset]:
    """Write an audit of data below `root`, without a scan.

    Args:
        root: gets `.labelaudit`.
        source: is read as a scan reads it.
        wrong: sample id -> suggested label of the suspects.
        settings: of the data.
    """
    wrong = wrong or {}
    data = DataSettings(**settings)
    dataset = read_dataset(source, data, several=True)
    several = dataset.samples.several
    code = {name: place for place, name in enumerate(dataset.classes)}
    suspect = np.array([name in wrong for name in dataset.sample_ids])
    clean = np.where(suspect, 0.05, 0.99)
    suggested = np.array([code[wrong[name]] if name in wrong else -1 for name in dataset.sample_ids])
    top = np.argsort(np.where(np.arange(dataset.n_classes) == suggested[:, None], 0, 1), axis=1, kind="stable")
    frame = build_findings(
        dataset,
        Evidence(-np.log(clean), clean, top[:, :2], np.tile([0.8, 0.2], (len(dataset), 1))),
        Judged(
            clean,
            suggested,
            1 - clean,
            ["relabel" if bad else "keep" for bad in suspect],
            ["mislabelled" if bad else "" for bad in suspect],
        ),
        content_hashes=[_hash(dataset, row) for row in range(len(dataset))],
        details=[""] * len(dataset),
    )
    audit = Audit.create(
        root,
        method="elr",
        facts={
            "source": str(source),
            "recipe": {"name": "fast", "data": asdict(data)},
            "device": "CPU",
            "dataset": {
                "kind": dataset.kind,
                "samples": len(dataset),
                "classes": list(dataset.classes),
                "several": None if several is None else several_facts(several),
            },
        },
    )
    write_findings(frame, audit.findings_path)
    audit.finish({"noise_rate": float((1 - clean).mean())})
    return audit, dataset


def decide(audit: Audit, sample_id: str, label: str = "", *, decision: str = "wrong", why: str = "seen") -> None:
    """Record a decision on a sample."""
    row = audit.findings.set_index("sample_id").loc[sample_id]
    known = Known(row["content_hash"], row["given_label"], decision, label, "ann", "2026-11-27T12:00:00+00:00", why)  # type: ignore[arg-type]
    record_decision(audit, known, sample_id=sample_id)


def _hash(dataset: Dataset, row: int) -> str:
    if isinstance(dataset.content, StreamedImages):
        return hash_content(dataset.content.read(row))
    return content_hash_of(dataset, row)
