"""FiftyOne: samples with labels and tags, as its own JSON of a dataset; tags and labels back.

The file loads with a few lines (docs/how-to/hand-over.md): each sample has its path, a classification `given` and one
`suggested`, and tags. Decisions come back as tags (labelaudit:ok, labelaudit:wrong, labelaudit:accept, labelaudit:drop,
labelaudit:ambiguous) or as a changed `given`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from labelaudit.core.shape import anything, list_of, maybe, record, text
from labelaudit.handover.samples import Handed, Said

_TAG = "labelaudit:"
_SAMPLE = record(tags=maybe(list_of(anything)), given=maybe(record(label=maybe(text))))


def render_samples(samples: Iterable[Handed]) -> str:
    """Return the samples as JSON."""
    found = [_sample(sample) for sample in samples]
    return json.dumps({"samples": found}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def is_export(found: Any) -> bool:
    """Return whether JSON is a dataset of FiftyOne."""
    samples = found.get("samples") if isinstance(found, dict) else None
    return isinstance(samples, list) and bool(samples) and isinstance(samples[0], dict) and "filepath" in samples[0]


def read_samples(found: Mapping[str, Any]) -> list[Said]:
    """Return what tags and labels say; a sample without such a tag and with the label that it had says nothing."""
    said = []
    for number, sample in enumerate(found["samples"], start=1):
        _SAMPLE(sample, f"sample {number}")
        one = _said(sample, f"sample {number}")
        if one is not None:
            said.append(one)
    return said


def _sample(sample: Handed) -> dict[str, Any]:
    suggested = None
    if sample.suggested_label is not None:
        suggested = {"_cls": "Classification", "label": sample.suggested_label, "confidence": sample.suggested_prob}
    return {
        "filepath": sample.file or sample.path,
        "tags": [tag for tag in ("suspect" if sample.action != "keep" else "", sample.issue) if tag],
        "sample_id": sample.sample_id,
        "given": {"_cls": "Classification", "label": sample.given_label},
        "suggested": suggested,
        "given_label": sample.given_label,
        "clean_prob": sample.clean_prob,
        "rank": sample.rank,
        "why": sample.why,
    }


def _said(sample: Mapping[str, Any], place: str) -> Said | None:
    tags = {str(tag).removeprefix(_TAG) for tag in sample.get("tags") or [] if str(tag).startswith(_TAG)}
    before, now = sample.get("given_label"), (sample.get("given") or {}).get("label")
    is_changed = before is not None and now is not None and now != before
    name = str(sample.get("sample_id") or sample.get("filepath") or "")
    kind = "drop" if "drop" in tags else "ambiguous" if "ambiguous" in tags else ""
    verdict: Literal["ok", "wrong", "accept", ""] = ""
    if "ok" in tags:
        verdict = "ok"
    elif "accept" in tags:
        verdict = "accept"
    elif is_changed or tags & {"wrong", "drop"}:
        verdict = "wrong"
    if not verdict and not kind:
        return None
    return Said(
        place=place,
        sample=name,
        given_label=None if before is None else str(before),
        verdict=verdict,
        label=str(now) if is_changed and not kind else "",
        kind=kind,
    )
