"""What is to be changed: findings and decisions of people become changes of labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from labelaudit.core.decisions import DROP, Known
from labelaudit.core.issues import SET_ASIDE_ACTIONS, Action

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Change:
    """One sample that gets another label, or is left out."""

    sample_id: str
    path: str
    content_hash: str
    before: str  # its given label
    after: str | None  # None = it is left out
    by: Literal["decision", "suggestion"]
    reason: str  # in words
    who: str = ""
    when: str = ""
    clean_prob: float | None = None


def changes_of(
    frame: pd.DataFrame,
    decided: Mapping[int, Known],
    *,
    confident: bool = False,
    unnamed: str | None = None,
    opposite: Mapping[str, str] | None = None,
) -> tuple[Change, ...]:
    """Return what decisions change, in the order of the findings.

    A label that somebody called wrong without saying what is right never stays: the sample is left out, or `unnamed`.

    Args:
        frame: the findings as decisions leave them, in the order of their file.
        decided: what people decided, by the row of the finding.
        confident: apply suggestions as well, where the action is relabel and nobody decided otherwise.
        unnamed: the label of those that are wrong without the right one.
        opposite: class -> the only other one, where there are two: whether a sample has one of several labels.
    """
    rows = sorted({*decided, *(_confident_rows(frame) if confident else ())})
    columns = {name: frame[name].to_numpy() for name in _COLUMNS}
    others = opposite or {}
    cells = ({name: columns[name][row] for name in _COLUMNS} for row in rows)
    found = (_change(each, decided.get(row), unnamed, others) for row, each in zip(rows, cells, strict=True))
    return tuple(change for change in found if change is not None)


_COLUMNS = ("sample_id", "path", "content_hash", "given_label", "suggested_label", "suggested_prob", "clean_prob")


def _confident_rows(frame: pd.DataFrame) -> Iterator[int]:
    offered = (frame["action"] == Action.RELABEL) & ~frame["trusted"] & ~frame["issue"].isin([*SET_ASIDE_ACTIONS])
    yield from offered.to_numpy().nonzero()[0].tolist()


def _change(
    cells: Mapping[str, Any], known: Known | None, unnamed: str | None, opposite: Mapping[str, str]
) -> Change | None:
    """Return the change of one finding, None where its label stays."""
    given = str(cells["given_label"])
    unnamed = opposite.get(given, unnamed)
    if known is None:
        after = str(cells["suggested_label"])
        by: Literal["decision", "suggestion"] = "suggestion"
        reason = f"suggested with probability {cells['suggested_prob']:.2f}"
    else:
        if known.decision != "wrong":
            return None
        after = "" if known.kind == DROP else known.label or unnamed or ""
        by, reason = "decision", known.why
    if after == given:
        return None
    prob = float(cells["clean_prob"])
    return Change(
        sample_id=str(cells["sample_id"]),
        path=str(cells["path"]),
        content_hash=str(cells["content_hash"]),
        before=given,
        after=after or None,
        by=by,
        reason=reason,
        who="" if known is None else known.who,
        when="" if known is None else known.when,
        clean_prob=None if math.isnan(prob) else prob,
    )
