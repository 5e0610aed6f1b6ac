"""Findings with what people decided on them: a person's word counts for more than the model's."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from labelaudit.core.decisions import Key, Known
from labelaudit.core.issues import Action

COLUMN = "decision"  # ok, wrong, or empty


def with_decisions(frame: pd.DataFrame, decisions: Mapping[Key, Known]) -> pd.DataFrame:
    """Return findings with a column `decision`, their actions as people decided; unchanged without decisions.

    A label that is ok is kept. A wrong one is relabelled where the right label is known, which becomes the suggestion,
    and is left for review where it is not.
    """
    if not decisions:
        return frame
    keys = zip(frame["content_hash"], frame["given_label"].fillna(""), strict=True)
    found = [decisions.get(key) if key[0] else None for key in keys]
    decided = frame.copy()
    for row, known in enumerate(found):
        if known is None or known.decision == "open":
            continue
        index = decided.index[row]
        decided.loc[index, "action"] = _action(known)
        if known.label:
            decided.loc[index, "suggested_label"] = known.label
            decided.loc[index, "suggested_prob"] = float("nan")  # of the model's suggestion, which this is not
    words = ["" if known is None or known.decision == "open" else known.decision for known in found]
    return decided.assign(**{COLUMN: words})


def _action(known: Known) -> str:
    if known.decision == "ok":
        return Action.KEEP.value
    return Action.RELABEL.value if known.label else Action.REVIEW.value
