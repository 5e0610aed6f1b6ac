"""An audit as people's answers leave it: whatever reads it sees the same rate, flags and order.

Answers are the decisions of the audit, and those that the baseline keeps of earlier ones. The files stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.arrow import positions_array, text_array
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Decisions, Key, Known
from labelaudit.core.errors import damaged
from labelaudit.core.evidence import read_against
from labelaudit.core.recipe import PolicySettings
from labelaudit.gate.columns import Coded, FindingColumns

if TYPE_CHECKING:
    import pandas as pd

    from labelaudit.judging.answered import Answered, Found
    from labelaudit.judging.asking import Answers


@dataclass(frozen=True, slots=True)
class Standing:
    """What an audit of N findings says with people's answers."""

    audit: Audit  # its findings and results are those of now
    columns: FindingColumns  # for rules: decided samples keep their flag, and the decision counts beside it
    rows: IntN  # (M,) findings that were scanned
    answers: Answers  # of people, about these M
    answered: Answered


def as_answered(
    audit: Audit, columns: FindingColumns, known: Mapping[Key, Known], decisions: Decisions
) -> Standing | None:
    """Return an audit with people's answers, None where nobody decided on any of its samples.

    Args:
        audit: as it was finished.
        columns: N findings of it.
        known: what people decided, here or in a baseline.
        decisions: of the audit, which say which samples were drawn by lot.
    """
    decided = decided_rows(columns, known)
    return standing(audit, columns, decided, decisions) if decided else None


def decided_rows(columns: FindingColumns, known: Mapping[Key, Known]) -> dict[int, Known]:
    """Return the findings that people decided on; of several with one content and label all."""
    settled = {key: entry for key, entry in known.items() if entry.decision != "open" and key[0]}
    if not settled:
        return {}
    rows = pc.indices_nonzero(pc.is_in(columns.content_hashes, value_set=text_array({key[0] for key in settled})))
    found, scanned = {}, columns.scanned
    for row in rows.to_pylist():
        entry = settled.get((columns.content_hashes[row].as_py(), columns.given.text(row) or ""))
        if entry is not None and scanned[row]:
            found[row] = entry
    return found


def standing(audit: Audit, columns: FindingColumns, decided: Mapping[int, Known], decisions: Decisions) -> Standing:
    """Return an audit with some answers, or with none: what would be asked first."""
    from labelaudit.judging.answered import judge_answers, ranks_of  # scipy, which a gate without answers does not need

    meta = audit.meta
    results: Mapping[str, Any] = meta.get("results") or {}
    classes = tuple((meta.get("dataset") or {}).get("classes") or columns.given.names)
    rows = np.flatnonzero(columns.scanned)
    found = _found(audit, columns, rows, classes)
    answers = _answers(rows, decided, decisions)
    policy = audit.section(PolicySettings, "policy")
    answered = judge_answers(found, answers, results=results, settings=policy, classes=classes)
    rank = columns.rank.copy()
    rank[rows] = ranks_of(answered.clean_prob, found.rank)
    is_decided = np.zeros(len(columns), dtype=np.bool_)
    is_decided[list(decided)] = True
    for_rules = replace(
        columns,
        clean_prob=_put(columns.clean_prob, rows, answered.clean_prob),
        suggested_prob=_put(columns.suggested_prob, rows, answered.suggested_prob),
        rank=rank,
        action=_recoded(columns.action, rows, answered.action, keep=is_decided),
        issue=_recoded(columns.issue, rows, answered.issue, keep=is_decided),
    )

    def in_frame(frame: pd.DataFrame) -> pd.DataFrame:
        return _in_frame(frame, rows, answered, rank, decided)

    names = columns.sample_ids.take(positions_array(np.array(sorted(decided), dtype=np.int64))).to_pylist()
    now = audit.as_judged({**results, **answered.results, "decided": names}, in_frame)
    return Standing(now, for_rules, rows, answers, answered)


def _found(audit: Audit, columns: FindingColumns, rows: IntN, classes: tuple[str, ...]) -> Found:
    from labelaudit.judging.answered import Found

    place = {name: at for at, name in enumerate(classes)}
    codes = np.array([place[name] for name in columns.given.names], dtype=np.int64)
    return Found(
        clean_prob=columns.clean_prob[rows].astype(np.float64),
        suggested_prob=columns.suggested_prob[rows].astype(np.float64),
        rank=columns.rank[rows],
        given=codes[columns.given.codes[rows]],
        trusted=columns.trusted[rows],
        action=_texts(columns.action, rows),
        issue=_texts(columns.issue, rows),
        against=_against(audit, columns, rows),
    )


def _against(audit: Audit, columns: FindingColumns, rows: IntN) -> NDArray[np.float64]:
    """Return evidence against labels: as it was stored, else what the verdicts make of it."""
    if audit.evidence_path.exists():
        named = ((audit.meta.get("results") or {}).get("witnesses") or {}).get("named") or {}
        voting = [name for name, each in named.items() if each.get("has_vote")]
        against = read_against(audit.evidence_path, voting=voting)
        if len(against) != len(rows):
            problem = f"it has evidence on {len(against):,} samples for {len(rows):,} findings"
            raise damaged(audit.evidence_path, problem)
        return against
    clean_prob = np.clip(columns.clean_prob[rows].astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log1p(-clean_prob) - np.log(clean_prob))


def _answers(rows: IntN, decided: Mapping[int, Known], decisions: Decisions) -> Answers:
    """Return the answers by place among the rows; of samples with one content and label the first speaks for all."""
    from labelaudit.judging.asking import Answers

    places = np.searchsorted(rows, sorted(decided)).tolist()
    about = [(at, decided[row]) for at, row in zip(places, sorted(decided), strict=True)]
    return Answers(
        np.array([at for at, _ in about], dtype=np.int64),
        np.array([entry.decision == "wrong" for _, entry in about], dtype=np.bool_),
        np.array([entry.key in decisions.asked for _, entry in about], dtype=np.bool_),
    )


def _texts(coded: Coded, rows: IntN) -> NDArray[np.object_]:
    return np.array([*coded.names, ""], dtype=object)[coded.codes[rows]]


def _put(before: NDArray[np.float32], rows: IntN, after: NDArray[np.float64]) -> NDArray[np.float32]:
    column = before.copy()
    column[rows] = after
    return column


def _recoded(coded: Coded, rows: IntN, texts: NDArray[np.object_], *, keep: BoolN) -> Coded:
    """Return a column with other texts in some rows."""
    names = tuple(dict.fromkeys([*coded.names, *map(str, set(texts.tolist()))]))
    codes, of_rows = coded.codes.copy(), np.empty(len(rows), dtype=np.int64)
    for code, name in enumerate(names):
        of_rows[texts == name] = code
    codes[rows] = of_rows
    codes[keep] = coded.codes[keep]
    return Coded(codes, names)


def _in_frame(
    frame: pd.DataFrame, rows: IntN, answered: Answered, rank: IntN, decided: Mapping[int, Known]
) -> pd.DataFrame:
    """Return findings with the verdicts of now; the label that a person gave is the suggestion."""
    now = frame.copy()
    for name in ("clean_prob", "suggested_prob"):
        values = now[name].to_numpy().copy()
        values[rows] = getattr(answered, name)
        now[name] = values
    for name in ("action", "issue"):
        texts = now[name].to_numpy().astype(object)
        texts[rows] = [str(text) for text in getattr(answered, name)]
        now[name] = texts
        now[name] = now[name].astype(frame[name].dtype)
    now["rank"] = rank
    for row, known in decided.items():
        if known.label:
            now.loc[now.index[row], ["suggested_label", "action"]] = [known.label, "relabel"]
            now.loc[now.index[row], "suggested_prob"] = 1.0
    return now
