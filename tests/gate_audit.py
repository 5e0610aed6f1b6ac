"""Finished audits of made-up samples, without training: what every test of the gate starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, ImageFiles, SetAside
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings
from labelaudit.functional.images import hash_content


@dataclass(frozen=True)
class Row:
    """One sample: a suspect if its clean_prob is below 0.5, with a confident suggestion."""

    path: str
    given: str
    clean_prob: float = 0.99
    suggested: str | None = None
    content: str | None = None  # its hash; None = of the path, so that all differ
    issue: str | None = None


def write_rows(
    root: Path,
    rows: Sequence[Row],
    *,
    set_aside: Sequence[SetAside] = (),
    source: str = "photos",
    classes: Sequence[str] | None = None,
    split: str | None = None,
    method: str = "drpl",
    results: dict[str, Any] | None = None,
    finished: bool = True,
    top_labels: int = 1,
    names: Sequence[str] | None = None,
) -> Audit:
    """Write an audit of these samples below `root`; it keeps the given label and at most one more of each."""
    labels = tuple(classes or sorted({row.given for row in rows} | {row.suggested for row in rows if row.suggested}))
    code = {name: number for number, name in enumerate(labels)}
    dataset = Dataset(
        source=Path(source),
        sample_ids=tuple(names or (row.path for row in rows)),
        paths=tuple(row.path for row in rows),
        given=np.array([code[row.given] for row in rows], dtype=np.int64),
        classes=labels,
        content=ImageFiles(tuple(Path(row.path) for row in rows)),
        trusted=np.zeros(len(rows), dtype=np.bool_),
        set_aside=tuple(set_aside),
    )
    clean = np.array([row.clean_prob for row in rows])
    suspect = [row.clean_prob < 0.5 for row in rows]
    suggested = np.array([code[row.suggested] if row.suggested else -1 for row in rows])
    actions = [_action(row) for row in rows]
    frame = build_findings(
        dataset,
        Evidence(
            losses=-np.log(clean),
            given_probs=clean,
            top_labels=(dataset.given[:, None] + np.arange(top_labels)) % len(labels),
            top_probs=np.stack([clean, 1 - clean], axis=1)[:, :top_labels],
        ),
        Judged(
            clean,
            suggested,
            1 - clean,
            actions,
            [row.issue or ("mislabelled" if bad else "") for row, bad in zip(rows, suspect, strict=True)],
        ),
        content_hashes=[row.content or hash_content(row.path.encode()) for row in rows],
        details=[""] * len(rows),
    )
    facts = {
        "source": source,
        "recipe": {"name": "fast", "data": {}},
        "device": "CPU, 1 threads, a made-up one",
        "dataset": {"kind": "images", "samples": len(rows), "classes": list(labels), "split": split},
    }
    audit = Audit.create(root, method=method, facts=facts)
    write_findings(frame, audit.findings_path)
    if finished:
        audit.finish({"noise_rate": float((1 - clean).mean()), **(results or {})})
    return audit


def write_pictures(root: Path, rows: Sequence[Row]) -> list[Row]:
    """Write a small image for each sample, no two alike, and return the rows with the hashes of the files."""
    written = []
    for number, row in enumerate(rows):
        path = root / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), [number % 256, number // 256, 90], dtype=np.uint8)).save(path)
        content = hash_content(path.read_bytes())
        written.append(Row(row.path, row.given, row.clean_prob, row.suggested, content, row.issue))
    return written


def _action(row: Row) -> str:
    if row.issue == "duplicate-conflict" and row.clean_prob >= 0.5:
        return "review"
    if row.clean_prob >= 0.5:
        return "keep"
    return "relabel" if row.suggested else "review"
