"""A finished audit in short, ready for JSON: what the terminal prints and a pipeline reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from labelaudit.core.findings import SET_ASIDE_ACTIONS, Action, Issue, suspects

SUMMARY_SCHEMA = 1
_WORST, _PAIRS, _SET_ASIDE = 10, 10, 5  # rows shown
_WORST_COLUMNS = ("sample_id", "path", "given_label", "suggested_label", "suggested_prob", "clean_prob", "issue")


def summarise(audit_meta: Mapping[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """Return the summary of an audit.

    Args:
        audit_meta: what audit.json says, and the audit's `path`; keys that are absent become null.
        frame: its findings.

    Returns:
        Plain values, numbers to 6 significant digits. `samples` counts what was scanned, without the rows that were
        set aside; `suspects` counts every row whose action is not keep. `worst` are those that nobody decided on.
    """
    is_set_aside = frame["issue"].isin([*SET_ASIDE_ACTIONS])
    scanned = frame[~is_set_aside]
    classes = _class_names(audit_meta, scanned)
    recipe, results = audit_meta.get("recipe") or {}, audit_meta.get("results") or {}
    suspect = suspects(frame)
    undecided = suspect[~suspect["sample_id"].isin(results.get("decided") or [])]
    return {
        "schema": SUMMARY_SCHEMA,
        "audit": {"path": audit_meta.get("path"), "name": audit_meta.get("name")},
        **{key: audit_meta.get(key) for key in ("source", "method", "device")},
        "recipe": recipe.get("name"),
        "epochs_scale": recipe.get("epochs_scale", 1.0),
        "seconds": _seconds(audit_meta),
        "samples": len(scanned),
        "classes": len(classes),
        "actions": _counts(frame["action"], Action),
        "issues": _counts(frame["issue"], (issue for issue in Issue if issue)),
        "witnesses": results.get("witnesses"),
        "noise": _noise(results, int((~scanned["trusted"]).sum())),
        "suspects": len(suspect),
        "worst": _records(undecided[~undecided["issue"].isin([*SET_ASIDE_ACTIONS])], _WORST_COLUMNS, _WORST),
        "labels": _six_digits_in(results.get("labels")),
        "worth_a_look": _least_certain(scanned) if results.get("quiet") or _accuses_nobody(results) else [],
        "per_class": _per_class(scanned, classes, results.get("noise_by_class")),
        "confused_pairs": _confused_pairs(suspect),
        "confusions": _six_digits_in(results.get("confusions") or []),
        "review": _six_digits_in(results.get("review")),
        "annotators": _six_digits_in(audit_meta.get("annotators")),
        "answers": _six_digits_in(results.get("answers")),
        "trusted_check": _six_digits_in(results.get("trusted_check")),
        "set_aside": {
            "count": int(is_set_aside.sum()),
            "first": _records(frame[is_set_aside], ("sample_id", "path", "issue", "detail"), _SET_ASIDE),
        },
        "finish": results.get("finish"),
        "warnings": list(audit_meta.get("warnings") or []),
    }


def _accuses_nobody(results: Mapping[str, Any]) -> bool:
    """Whether there is a ranking only: the witnesses know too little."""
    return any(doubt["kind"] == "not-learnt" for doubt in results.get("doubts") or [])


def _least_certain(scanned: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the ten least certain samples that are not trusted, whether they are suspects or not."""
    asked = scanned[~scanned["trusted"]].sort_values("rank")
    return _records(asked, _WORST_COLUMNS, _WORST)


def _noise(results: Mapping[str, Any], labels: int) -> dict[str, Any]:
    """Return the share of wrong labels, and how sure it is; old audits have a rate alone."""
    rate = results.get("noise_rate") or 0.0
    return {
        "rate": six_digits(rate),
        "interval": _six_digits_in(results.get("noise_interval")),
        "labels": labels,
        "expected": six_digits(rate * labels),
        "quiet": bool(results.get("quiet", False)),
        "identifiable": bool(results.get("identifiable", True)),
        "doubts": list(results.get("doubts") or []),
    }


def _six_digits_in(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _six_digits_in(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_six_digits_in(item) for item in value]
    return six_digits(value) if isinstance(value, float) else value


def six_digits(number: float) -> float:
    """Return a number rounded to 6 significant digits: what float32 can carry."""
    return float(f"{number:.6g}")


def _class_names(audit_meta: Mapping[str, Any], scanned: pd.DataFrame) -> list[str]:
    named = (audit_meta.get("dataset") or {}).get("classes")
    return list(named) if isinstance(named, list) else sorted(scanned["given_label"].unique())


def _seconds(audit_meta: Mapping[str, Any]) -> float | None:
    """Return the seconds of all stages, or the time from start to end where stages were not timed."""
    stages = (audit_meta.get("results") or {}).get("seconds")
    if isinstance(stages, Mapping):
        return six_digits(sum(stages.values()))
    if not (audit_meta.get("created") and audit_meta.get("finished")):
        return None
    start, end = (datetime.fromisoformat(audit_meta[key]) for key in ("created", "finished"))
    return six_digits((end - start).total_seconds())


def _counts(column: pd.Series[Any], names: Iterable[str]) -> dict[str, int]:
    counts = column.value_counts()
    return {str(name): int(counts.get(str(name), 0)) for name in names}


def _per_class(
    scanned: pd.DataFrame, classes: list[str], rates: Mapping[str, Mapping[str, float]] | None
) -> list[dict[str, Any]]:
    """Return one dict per class; `share` is the part of its samples expected to be wrong.

    Args:
        scanned: the findings.
        classes: their names.
        rates: what the audit says of them, with an interval; where it says nothing, p(wrong) is added up.
    """
    marks = pd.DataFrame(
        {
            "label": scanned["given_label"],
            "samples": 1,
            "suspects": (scanned["action"] != Action.KEEP).astype("int64"),
            "expected_wrong": 1.0 - scanned["clean_prob"].astype("float64"),
        }
    )
    sums = marks.groupby("label").sum().reindex(classes, fill_value=0)
    return [
        {
            "label": label,
            "samples": int(samples),
            "suspects": int(suspected),
            "expected_wrong": six_digits(wrong),
            "share": six_digits(wrong / samples) if samples else 0.0,
            "interval": None,
        }
        | _rate_of(label, rates)
        for label, samples, suspected, wrong in sums.itertuples()
    ]


def _rate_of(label: str, rates: Mapping[str, Mapping[str, float]] | None) -> dict[str, Any]:
    estimate = (rates or {}).get(label)
    if estimate is None:
        return {}
    interval = [six_digits(estimate["low"]), six_digits(estimate["high"])]
    return {"share": six_digits(estimate["rate"]), "interval": interval}


def _confused_pairs(suspect: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the most frequent (given, suggested) pairs; equal counts in alphabetical order."""
    pairs = suspect.dropna(subset=["given_label", "suggested_label"])
    counts = pairs.groupby(["given_label", "suggested_label"]).size()
    top = counts.sort_index().sort_values(ascending=False, kind="stable").head(_PAIRS)
    return [
        {"given": given, "suggested": suggested, "count": int(count)}
        for (given, suggested), count in zip(top.index, top, strict=True)
    ]


def _records(rows: pd.DataFrame, columns: Iterable[str], show: int) -> list[dict[str, Any]]:
    records = rows.loc[:, list(columns)].head(show).to_dict("records")
    return [{str(key): _json_value(value) for key, value in record.items()} for record in records]


def _json_value(value: Any) -> Any:
    if pd.isna(value):
        return None
    return six_digits(value) if isinstance(value, float) else value
