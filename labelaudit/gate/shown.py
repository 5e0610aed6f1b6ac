"""One sample with all that is known of it, and lists of suspects: what `show` tells beside the summary."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import pandas as pd

from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Known, parse_line
from labelaudit.core.errors import ConfigError, did_you_mean, shorten
from labelaudit.core.issues import SET_ASIDE_ACTIONS
from labelaudit.core.summary import six_digits
from labelaudit.gate.contents import Contents

_NUMBERS = ("clean_prob", "suggested_prob", "given_prob", "loss")
_SHORT = (
    "sample_id",
    "path",
    "given_label",
    "suggested_label",
    "suggested_prob",
    "clean_prob",
    "action",
    "issue",
    "rank",
)


def shown_sample(audit: Audit, name: str) -> dict[str, Any]:
    """Return what is known of a sample: its finding, file, twins and decisions.

    Raises:
        ConfigError: there is no such sample, or more than one has the path.
    """
    frame = audit.findings
    row = _row_of(frame, name, audit)
    record = _plain(frame.iloc[row].to_dict())
    top = zip(record.pop("top_labels") or [], record.pop("top_probs") or [], strict=True)
    twins = frame[(frame["content_hash"] == record["content_hash"]) & (record["content_hash"] != "")]
    files = Contents(audit).files([(record["sample_id"], record["path"])])
    file = files.get(record["sample_id"])
    return {
        **record,
        "top": [{"label": label, "prob": six_digits(prob)} for label, prob in top],
        "file": None if file is None else str(file),
        "text": None if file is not None else Contents(audit).text(record["sample_id"]),
        "twins": [
            {"path": twin.path, "given_label": twin.given_label}
            for twin in twins.itertuples()
            if twin.sample_id != record["sample_id"]
        ],
        "decisions": [_decision(known) for known in history(audit, record["content_hash"], record["given_label"])],
    }


def shown_suspects(
    audit: Audit, *, top: int, label: str | None = None, pair: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Return the most suspicious samples, and how many there are; decisions on them are told.

    Raises:
        ConfigError: there is no such class.
    """
    frame = audit.suspects
    frame = frame[~frame["issue"].isin([*SET_ASIDE_ACTIONS])]
    classes = list((audit.meta.get("dataset") or {}).get("classes") or sorted(audit.findings["given_label"].dropna()))
    for name in (label, *(pair or ())):
        _require_class(name, classes)
    if label is not None:
        frame = frame[frame["given_label"] == label]
    if pair is not None:
        frame = frame[(frame["given_label"] == pair[0]) & (frame["suggested_label"] == pair[1])]
    decided = audit.decisions.set_index("sample_id") if len(frame) else pd.DataFrame()
    rows = []
    for record in frame.head(top)[list(_SHORT)].to_dict("records"):
        known = decided.loc[record["sample_id"]] if record["sample_id"] in decided.index else None
        said = None if known is None else {"decision": known["kind"] or known["decision"], "label": known["label"]}
        rows.append(_plain(record) | {"decided": said})
    return {"suspects": rows, "of": len(frame), "decided": int(frame["sample_id"].isin(decided.index).sum())}


def history(audit: Audit, content_hash: str, given_label: str) -> list[Known]:
    """Return all that people said of a content under a label, the oldest first."""
    try:
        lines = audit.decisions_path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    entries = [parse_line(line, f"{audit.decisions_path}:{n}") for n, line in enumerate(lines, start=1)]
    key = (content_hash, given_label)
    return [entry.known for entry in entries if entry is not None and content_hash and entry.known.key == key]


def _row_of(frame: pd.DataFrame, name: str, audit: Audit) -> int:
    for column in ("sample_id", "path"):
        rows = (frame[column] == name).to_numpy().nonzero()[0].tolist()
        if len(rows) == 1:
            return int(rows[0])
        if rows:
            hint = "Give the sample_id of the one you mean."
            raise ConfigError(f"{len(rows)} samples have the path {name!r}.", hint=hint)
    ends = frame["path"].str.endswith(f"/{name}").to_numpy().nonzero()[0].tolist()
    if len(ends) == 1:
        return int(ends[0])
    near = get_close_matches(name, frame.sort_values("rank")["path"].head(10_000), n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "labelaudit show --top 50 lists suspects."
    raise ConfigError(f"{audit.path.name} has no sample {name!r}.", hint=hint)


def _require_class(name: str | None, classes: list[str]) -> None:
    if name is not None and name not in classes:
        near = did_you_mean(name, classes) or f"Classes: {shorten(classes, show=10)}."
        raise ConfigError(f"{name!r} is not a class of the audit.", hint=near)


def _plain(record: dict[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in record.items():
        if name in ("top_labels", "top_probs"):
            plain[name] = list(value) if value is not None else []
        elif pd.isna(value):
            plain[name] = None
        else:
            plain[str(name)] = six_digits(float(value)) if name in _NUMBERS else value
    for name in ("rank",):
        if plain.get(name) is not None:
            plain[name] = int(plain[name])
    if "trusted" in plain:
        plain["trusted"] = bool(plain["trusted"])
    return plain


def _decision(known: Known) -> dict[str, str]:
    return {
        "decision": known.kind or known.decision,
        "label": known.label,
        "who": known.who,
        "when": known.when,
        "why": known.why,
    }
