"""The files that each tool gets."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.core.errors import DataError
from labelaudit.core.issues import SET_ASIDE_ACTIONS
from labelaudit.exports.csv_cells import csv_line
from labelaudit.exports.names import Tool
from labelaudit.exports.people import why_in_words
from labelaudit.exports.tables import select
from labelaudit.handover.cvat import render_annotations
from labelaudit.handover.fiftyone import render_samples
from labelaudit.handover.label_studio import render_config, render_tasks
from labelaudit.handover.plain import cleanlab_columns, plot_rows, render_argilla, render_coco, render_metrics
from labelaudit.handover.samples import Handed

if TYPE_CHECKING:
    from labelaudit.core.audits import Audit
    from labelaudit.gate.contents import Contents

Files = Mapping[str, bytes]
_SUSPECTS: tuple[Tool, ...] = ("label-studio", "fiftyone", "cvat", "argilla")  # the others have all samples
_NEEDS_DATA: tuple[Tool, ...] = ("label-studio", "argilla")


@dataclass(frozen=True, slots=True)
class _Case:
    """What there is to hand over."""

    audit: Audit
    samples: Sequence[Handed]
    classes: Sequence[str]
    root: str | None


def render_for(
    tool: Tool, audit: Audit, findings: pd.DataFrame, contents: Contents, *, root: Path | None, everything: bool
) -> Files:
    """Return the files for a tool, by name.

    Args:
        tool: which.
        audit: the audit.
        findings: with decisions.
        contents: the data.
        root: the folder that the tool has the files from.
        everything: all samples instead of suspects.

    Raises:
        DataError: the data is not here and the tool needs it, or lies elsewhere than in `root`.
    """
    if tool in _NEEDS_DATA and contents.source is None:
        raise DataError(f"the data of {audit.path.name} is not here, and {tool} shows it.", hint="Name it: --data PATH")
    some = findings if everything or tool not in _SUSPECTS else select(findings, "suspect")
    some = some[~some["issue"].isin([*SET_ASIDE_ACTIONS])]
    with_texts = tool in _NEEDS_DATA
    samples = handed(some, contents, with_files=tool not in ("cleanlab", "dvc", "huggingface"), with_texts=with_texts)
    if root is not None:
        _require_below(samples, root)
    known = (audit.meta.get("dataset") or {}).get("classes") or sorted({each.given_label for each in samples})
    named = [each.label for each in samples if each.label is not None]
    classes = list(dict.fromkeys([*known, *named]))
    return _RENDERERS[tool](_Case(audit, samples, classes, None if root is None else str(root)))


def handed(
    frame: pd.DataFrame, contents: Contents, *, with_files: bool = True, with_texts: bool = False
) -> list[Handed]:
    """Return findings as other tools get them."""
    pairs = list(zip(frame["sample_id"], frame["path"], strict=True))
    files = contents.files(pairs) if with_files else {}
    found = []
    for record in frame.to_dict("records"):
        name = str(record["sample_id"])
        is_apart = with_texts and name not in files
        text = contents.text(name) if is_apart else None
        image = contents.image(name) if is_apart and text is None else None
        found.append(_handed(record, files.get(name), text, None if image is None else _address(image)))
    return found


def _address(image: bytes) -> str:
    kind = "jpeg" if image.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _handed(record: Mapping[Any, Any], file: Path | None, text: str | None, embedded: str | None) -> Handed:
    suggested = record["suggested_label"] if isinstance(record["suggested_label"], str) else None
    given = str(record["given_label"])
    decision = str(record.get("decision") or "")
    label: str | None = suggested if record["action"] == "relabel" else given
    if record["action"] == "drop" or (decision == "wrong" and record["action"] != "relabel"):
        label = None
    return Handed(
        sample_id=str(record["sample_id"]),
        path=str(record["path"]),
        given_label=given,
        suggested_label=suggested,
        suggested_prob=_number(record["suggested_prob"]),
        clean_prob=_number(record["clean_prob"]),
        action=str(record["action"]),
        issue=str(record["issue"]),
        rank=int(record["rank"]),
        why=why_in_words(record),
        file=None if file is None else str(file.absolute()),
        text=text,
        embedded=embedded,
        label=label,
        decision=decision,
    )


def _label_studio(case: _Case) -> Files:
    is_image = any(sample.file is not None or sample.embedded is not None for sample in case.samples)
    return {
        "label-studio.json": render_tasks(case.samples, root=case.root).encode(),
        "label-studio.xml": render_config(case.classes, is_image=is_image).encode(),
    }


def _fiftyone(case: _Case) -> Files:
    return {"fiftyone.json": render_samples(case.samples).encode()}


def _cvat(case: _Case) -> Files:
    return {"cvat.xml": render_annotations(case.samples, case.classes, root=case.root).encode()}


def _argilla(case: _Case) -> Files:
    return {"argilla.json": render_argilla(case.samples, case.classes).encode()}


def _coco(case: _Case) -> Files:
    return {"coco.json": render_coco(case.samples, case.classes).encode()}


def _cleanlab(case: _Case) -> Files:
    return {"cleanlab.csv": _csv(cleanlab_columns(case.samples))}


def _dvc(case: _Case) -> Files:
    summary = case.audit.summary
    return {"dvc-metrics.json": render_metrics(summary).encode(), "dvc-noise-per-class.csv": _csv(plot_rows(summary))}


def _huggingface(case: _Case) -> Files:
    """Return the columns to add to a dataset, in its order, as Parquet that `datasets` reads."""
    columns = {
        "sample_id": [each.sample_id for each in case.samples],
        "label_clean_prob": [each.clean_prob for each in case.samples],
        "label_suggested": [each.suggested_label for each in case.samples],
        "label_action": [each.action for each in case.samples],
        "label_corrected": [each.label for each in case.samples],
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return {"huggingface.parquet": sink.getvalue().to_pybytes()}


_RENDERERS: Mapping[Tool, Callable[[_Case], Files]] = {
    "label-studio": _label_studio,
    "fiftyone": _fiftyone,
    "cvat": _cvat,
    "argilla": _argilla,
    "coco": _coco,
    "cleanlab": _cleanlab,
    "huggingface": _huggingface,
    "dvc": _dvc,
}


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = [csv_line(map(str, rows[0]))] if rows else []
    return "".join(f"{line}\n" for line in lines + [csv_line(map(str, row.values())) for row in rows]).encode()


def _require_below(samples: Sequence[Handed], root: Path) -> None:
    outside = [each.file for each in samples if each.file is not None and not Path(each.file).is_relative_to(root)]
    if outside:
        raise DataError(
            f"{len(outside):,} images are not below {root}, such as {outside[0]}.",
            hint="Name the folder that the tool serves, or one above it.",
        )


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")
