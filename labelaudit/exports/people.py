"""Suspects as people read them: a path that opens, why in words, and empty cells for the decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from labelaudit.core.decisions import Known
from labelaudit.core.issues import SET_ASIDE_ACTIONS, Issue

COLUMNS = (
    "rank",
    "path",
    "given_label",
    "suggested_label",
    "suggested_prob",
    "clean_prob",
    "tier",
    "why",
    "alternatives",
    "decision",
    "label",
    "note",
    "reviewer",
    "sample_id",
)
_ALTERNATIVES = 3  # labels beside the suggestion
_FEWEST = 0.005  # probability that is shown as more than 0.00


def for_people(
    suspects: pd.DataFrame, paths: Mapping[str, str], *, certain: int, decided: Mapping[str, Known]
) -> pd.DataFrame:
    """Return suspects as cells of text, the most suspicious first.

    Args:
        suspects: findings in order of suspicion.
        paths: sample id -> path that opens; others are as the findings have them.
        certain: how many labels are certainly wrong.
        decided: sample id -> what was decided already; it is filled in.
    """
    rows = [
        _row(record, place, paths, certain, decided.get(str(record["sample_id"])))
        for place, record in enumerate(suspects.to_dict("records"))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="object")


def why_in_words(record: Mapping[str, Any]) -> str:
    """Return in a line why a finding is one."""
    issue, detail = str(record["issue"]), str(record["detail"] or "")
    given, suggested = record["given_label"], record["suggested_label"]
    if issue in SET_ASIDE_ACTIONS:
        return detail
    said = {
        Issue.OUT_OF_DISTRIBUTION: "fits no class",
        Issue.DUPLICATE_CONFLICT: "a twin has another label",
        Issue.RARE_CLASS: f"looks like {suggested}; few samples are {given}",
        Issue.AMBIGUOUS: f"hardly {given}, and no other class is sure",
        Issue.MISLABELLED: f"looks like {suggested}, hardly like {given}" if _is_text(suggested) else f"hardly {given}",
    }.get(Issue(issue), "")
    return "; ".join(text for text in (said, detail) if text)


def alternatives_of(record: Mapping[str, Any]) -> str:
    """Return other labels that were thought likely: "elk 0.10, cow 0.04"."""
    labels, probs = record.get("top_labels"), record.get("top_probs")
    if labels is None or probs is None:
        return ""
    known = {record["given_label"], record["suggested_label"]}
    others = [
        f"{label} {prob:.2f}"
        for label, prob in zip(labels, probs, strict=True)
        if label not in known and prob >= _FEWEST
    ]
    return ", ".join(others[:_ALTERNATIVES])


def decision_cells(known: Known | None) -> dict[str, str]:
    """Return what was decided, as the columns of decisions have it."""
    if known is None:
        return dict.fromkeys(("decision", "label", "note", "reviewer"), "")
    word = known.kind or ("" if known.decision == "open" else known.decision)
    return {"decision": word, "label": known.label, "note": known.why, "reviewer": known.who}


def _row(
    record: Mapping[Any, Any], place: int, paths: Mapping[str, str], certain: int, known: Known | None
) -> dict[str, str]:
    name = str(record["sample_id"])
    cells = {
        "rank": str(record["rank"]),
        "path": paths.get(name, str(record["path"])),
        "given_label": _text(record["given_label"]),
        "suggested_label": _text(record["suggested_label"]),
        "suggested_prob": _number(record["suggested_prob"]),
        "clean_prob": _number(record["clean_prob"]),
        "tier": _tier(record, place, certain),
        "why": why_in_words(record),
        "alternatives": alternatives_of(record),
        "sample_id": name,
    }
    return cells | decision_cells(known)


def _tier(record: Mapping[str, Any], place: int, certain: int) -> str:
    if record["issue"] in SET_ASIDE_ACTIONS:
        return ""
    if place < certain:
        return "certain"
    return "likely" if record["clean_prob"] < 0.5 else "possible"


def _text(value: Any) -> str:
    return value if _is_text(value) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def rows_of(frame: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the header, then each row."""
    yield [str(name) for name in frame.columns]
    yield from frame.to_numpy().tolist()
