"""Tables and JSON of other tools that are only written: Argilla, COCO-style classes, cleanlab, DVC."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelaudit.handover.samples import MODEL_VERSION, Handed


def render_argilla(samples: Iterable[Handed], classes: Sequence[str]) -> str:
    """Return records for `argilla.Dataset.records.log`, and the settings that they need, as JSON."""
    records = [_record(sample) for sample in samples]
    is_image = any("image" in record["fields"] for record in records)
    settings = {
        "fields": [{"name": "image" if is_image else "text", "type": "image" if is_image else "text"}],
        "questions": [{"name": "label", "type": "label", "labels": list(classes)}],
        "metadata": ["sample_id", "given_label", "clean_prob", "rank"],
    }
    return _json({"settings": settings, "records": records})


def render_coco(samples: Iterable[Handed], classes: Sequence[str]) -> str:
    """Return images, annotations without boxes and categories: COCO's form for classes of images, corrected."""
    number = {name: place for place, name in enumerate(classes, start=1)}
    images, notes = [], []
    for place, sample in enumerate(samples, start=1):
        if sample.label is None:
            continue
        number.setdefault(sample.label, len(number) + 1)
        images.append({"id": place, "file_name": sample.path})
        notes.append({"id": place, "image_id": place, "category_id": number[sample.label]})
    categories = [{"id": place, "name": name} for name, place in number.items()]
    return _json({"images": images, "annotations": notes, "categories": categories})


def cleanlab_columns(samples: Iterable[Handed]) -> list[dict[str, Any]]:
    """Return rows with the columns of cleanlab's `Datalab.get_issues("label")`, in Dataset order."""
    return [
        {
            "sample_id": sample.sample_id,
            "is_label_issue": sample.action not in ("keep", "drop"),
            "label_score": "" if sample.clean_prob is None else f"{sample.clean_prob:.6g}",
            "given_label": sample.given_label,
            "predicted_label": sample.suggested_label or sample.given_label,
        }
        for sample in samples
    ]


def render_metrics(summary: Mapping[str, Any]) -> str:
    """Return a few numbers of an audit for `dvc metrics`."""
    noise, actions = summary["noise"], summary["actions"]
    low, high = noise["interval"] or (None, None)
    found = {"noise_rate": noise["rate"], "noise_low": low, "noise_high": high, "samples": summary["samples"]}
    return _json(found | {"suspects": summary["suspects"], **{f"{name}": n for name, n in actions.items()}})


def plot_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the noise of each class for `dvc plots`."""
    rows = summary["per_class"]
    return [{"class": row["label"], "noise": row["share"], "suspects": row["suspects"]} for row in rows]


def _record(sample: Handed) -> dict[str, Any]:
    image = sample.file or sample.embedded
    shown = {"text": sample.text or ""} if image is None else {"image": image}
    suggestion: dict[str, Any] = {"question_name": "label", "value": sample.suggested_label, "agent": MODEL_VERSION}
    if sample.suggested_prob is not None:
        suggestion["score"] = round(sample.suggested_prob, 4)
    metadata = {"sample_id": sample.sample_id, "given_label": sample.given_label, "rank": sample.rank}
    if sample.clean_prob is not None:
        metadata["clean_prob"] = round(sample.clean_prob, 4)
    return {
        "id": sample.sample_id,
        "fields": shown,
        "suggestions": [] if sample.suggested_label is None else [suggestion],
        "metadata": metadata,
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
