"""Where an audit is from: what it would take to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_KINDS = {"features": "rows of a table", "probs": "rows of probabilities"}


def provenance_of(name: str, meta: Mapping[str, Any], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, value) of an audit."""
    dataset, versions = meta.get("dataset") or {}, meta.get("versions") or {}
    kind = str(dataset.get("kind", "samples"))
    split = f", split {dataset['split']}" if dataset.get("split") else ""
    seconds = summary["seconds"]
    rows = [
        ("Audit", name),
        ("Data", f"{meta.get('source')}{split}"),
        ("Samples", f"{summary['samples']:,} {_KINDS.get(kind, kind)}, {summary['classes']:,} classes"),
        ("Fingerprint of the data", meta.get("fingerprint")),
        ("Method", meta.get("method")),
        ("Recipe", f"{summary['recipe']}{_scaled(summary)}"),
        ("Why this recipe", meta.get("why")),
        ("Seed", meta.get("seed")),
        ("Device", meta.get("device")),
        ("Scanned", f"{_minute(meta.get('created'))} to {_minute(meta.get('finished'))} (UTC)"),
        ("Time", None if seconds is None else f"{seconds:,.0f} s"),
        ("labelaudit", meta.get("labelaudit")),
        ("Versions", ", ".join(f"{package} {version}" for package, version in versions.items())),
        ("Judged again from", meta.get("judged_from")),
        ("Updated from", meta.get("updated_from")),
    ]
    return [(what, str(value)) for what, value in rows if value not in (None, "")]


def settings_of(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (section.key, value) of all settings that have a value."""
    return [(key, value) for key, value in _flat(recipe, "") if value not in ("None", "")]


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _scaled(summary: Mapping[str, Any]) -> str:
    scale = summary["epochs_scale"]
    return "" if scale == 1 else f", schedule scaled to {scale:g}"


def _minute(moment: object) -> str:
    return str(moment or "?").replace("T", " ")[:16]
