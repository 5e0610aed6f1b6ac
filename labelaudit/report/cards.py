"""The suspects as a person looks at them: one card each, with what to filter by."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labelaudit.core.issues import SET_ASIDE_ACTIONS, Action, Issue
from labelaudit.report.samples import Shown, Wanted

WORTH_A_LOOK = 10  # samples that are shown where there are fewer suspects

KINDS = {
    Issue.MISLABELLED: "another class fits",
    Issue.AMBIGUOUS: "disputed",
    Issue.OUT_OF_DISTRIBUTION: "no class fits",
    Issue.DUPLICATE_CONFLICT: "twin with another label",
    Issue.RARE_CLASS: "of a rare class",
    Issue.NONE: "below the threshold",
}
TIERS = ("almost sure", "likely", "worth a look")
_ALMOST_SURE = 0.1  # clean_prob


@dataclass(frozen=True, slots=True)
class Card:
    """A sample with a doubtful label."""

    rank: int  # 1 = the most suspicious
    sample_id: str
    path: str
    given: str
    suggested: str  # "" = none
    suggested_prob: float | None
    clean_prob: float
    tier: str
    kind: str
    decision: str  # of a person; "" = none
    label: str  # that the person gave
    detail: str
    shown: Shown

    @property
    def wrong(self) -> float:
        """The probability that the given label is wrong."""
        return 1.0 - self.clean_prob

    @property
    def pair(self) -> str:
        """Given and suggested label, to filter by."""
        return f"{self.given} → {self.suggested}" if self.suggested else ""


def rows_to_show(frame: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """Return the suspects, the worst first; where there are fewer than ten, the next ones are worth a look, too.

    Args:
        frame: findings.
        most: so many at most.
    """
    scanned = frame[~frame["issue"].isin([*SET_ASIDE_ACTIONS])].sort_values("rank")
    is_suspect = scanned["action"] != Action.KEEP
    fill = max(WORTH_A_LOOK - int(is_suspect.sum()), 0)
    others = scanned[~is_suspect & ~scanned["trusted"]].head(fill)
    return pd.concat([scanned[is_suspect], others]).head(most)


def wanted_of(rows: pd.DataFrame) -> list[Wanted]:
    """Return what is to be shown of each row."""
    names = zip(rows["sample_id"], rows["path"], rows["content_hash"], strict=True)
    return [Wanted(*each) for each in names]


def cards_of(
    rows: pd.DataFrame, shown: Mapping[str, Shown], decided: Mapping[str, tuple[str, str]], *, missing: str
) -> list[Card]:
    """Return a card for each row.

    Args:
        rows: of the findings.
        shown: what there is to see, by sample id.
        decided: decision and label that a person gave, by sample id.
        missing: why there is nothing to see of the others.
    """
    records = rows.drop(columns=["top_labels", "top_probs"]).to_dict("records")
    return [_card(record, shown.get(record["sample_id"], Shown(note=missing)), decided) for record in records]


def tier_of(clean_prob: float, *, is_suspect: bool) -> str:
    """Return how likely it is that a label is wrong, in words."""
    if not is_suspect or clean_prob >= 0.5:
        return TIERS[2]
    return TIERS[0] if clean_prob < _ALMOST_SURE else TIERS[1]


def _card(values: Mapping[Hashable, Any], shown: Shown, decided: Mapping[str, tuple[str, str]]) -> Card:
    has_suggestion = isinstance(values["suggested_label"], str)
    has_prob = has_suggestion and not pd.isna(values["suggested_prob"])
    is_suspect = values["action"] != Action.KEEP
    decision, label = decided.get(values["sample_id"], ("", ""))
    return Card(
        rank=int(values["rank"]),
        sample_id=values["sample_id"],
        path=values["path"],
        given=values["given_label"],
        suggested=values["suggested_label"] if has_suggestion else "",
        suggested_prob=float(values["suggested_prob"]) if has_prob else None,
        clean_prob=float(values["clean_prob"]),
        tier=tier_of(float(values["clean_prob"]), is_suspect=is_suspect),
        kind=KINDS.get(Issue(values["issue"]), values["issue"]),
        decision=decision,
        label=label,
        detail=values["detail"],
        shown=shown,
    )
