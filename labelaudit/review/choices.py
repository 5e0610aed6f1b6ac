"""What a person can say of a sample on the page, and the decision that it becomes: the same as `mark` writes."""

from __future__ import annotations

from typing import Any, Literal, get_args

from labelaudit.core.decisions import AMBIGUOUS, DROP, Known
from labelaudit.gate.columns import FindingColumns

Choice = Literal["accept", "keep", "label", "ambiguous", "drop"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
WHY = "looked at on the review page"


def known_of(
    choice: Choice, label: str | None, columns: FindingColumns, row: int, *, who: str, when: str, note: str = ""
) -> Known:
    """Return the decision that a choice is.

    Args:
        choice: accept = the suggested label is right; keep = the given one is.
        label: the right one, for the choice "label".
        columns: findings.
        row: one of them.
        who: decides.
        when: ISO 8601, UTC.
        note: why, in the person's own words.

    Raises:
        ValueError: nothing is suggested that could be accepted.
    """
    sample = columns.sample(row)
    given = sample.given_label or ""
    if choice == "accept":
        label = sample.suggested_label
        if label is None:
            raise ValueError("nothing is suggested for this sample")
    common = {"who": who, "when": when, "why": note or WHY, "path": sample.path}
    if choice == "ambiguous":
        return Known(sample.content_hash, given, "open", kind=AMBIGUOUS, **common)
    if choice == "drop":
        return Known(sample.content_hash, given, "wrong", kind=DROP, **common)
    if choice == "keep" or label == given:
        return Known(sample.content_hash, given, "ok", **common)
    return Known(sample.content_hash, given, "wrong", label or "", **common)


def choice_of(known: Known) -> dict[str, Any]:
    """Return a decision as the page shows it."""
    choice = known.kind or ("keep" if known.decision == "ok" else "label" if known.label else "wrong")
    label = known.given_label if choice == "keep" else known.label
    note = "" if known.why == WHY else known.why
    return {"choice": choice, "label": label, "who": known.who, "when": known.when, "note": note}
