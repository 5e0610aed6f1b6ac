"""Findings with what people decided on them: a person's word counts for more than the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from labelaudit.core.decisions import Key, Known
from labelaudit.core.issues import Action
from labelaudit.judging.ends import clean_prob_ends

COLUMN = "decision"  # ok, wrong, or empty
ENDS = ("clean_prob_low", "clean_prob_high")  # if as many labels are wrong as is possible, as few as is certain


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


def with_ends(frame: pd.DataFrame, interval: Sequence[float] | None) -> pd.DataFrame:
    """Return findings with clean probabilities under both ends of the noise rate, beside the likely one.

    Args:
        frame: all findings of an audit.
        interval: least and largest share of wrong labels; None where none is known: the columns stay away.
    """
    if not interval:
        return frame
    clean_prob = frame["clean_prob"].to_numpy(np.float64)
    scanned = ~np.isnan(clean_prob)
    counted = ~frame["trusted"].to_numpy(np.bool_)[scanned]
    ends = np.full((2, len(frame)), np.nan, dtype=np.float32)
    ends[:, scanned] = clean_prob_ends(clean_prob[scanned], counted=counted, low=interval[0], high=interval[1])
    widened = frame.copy()
    place = list(widened.columns).index("clean_prob")
    for name, values in zip(ENDS, ends, strict=True):
        place += 1
        widened.insert(place, name, values)
    return widened


def _action(known: Known) -> str:
    if known.decision == "ok":
        return Action.KEEP.value
    return Action.RELABEL.value if known.label else Action.REVIEW.value
