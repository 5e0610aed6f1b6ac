"""The verdicts of a finished audit as people's answers leave them: computed when it is read, never stored.

Answers count from the first on, and fully from ten: until then what the audit said by itself is moved in proportion.
Flags move freely once ten samples that were drawn by lot have been answered; before, answers can only take flags away,
as somebody who works through the suspects has not looked anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.core.dataset import SMALLEST_CLASS
from labelaudit.core.issues import Action, Issue
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.shares import Share
from labelaudit.judging.asking import Answers, Belief, as_ranked, believe
from labelaudit.judging.doubts import is_quiet
from labelaudit.judging.policy import decide
from labelaudit.judging.reckoning import class_rates, review_effort, review_facts

Texts = NDArray[np.object_]  # (N,)

NEXT = 100  # samples that a reviewer looks at next
_ENOUGH = 10.0  # answers from which they count fully; samples drawn by lot from which flags are moved
_CHOSEN = 0.5  # an answer about a sample that somebody chose, in answers
_OWN_ISSUES = (Issue.OUT_OF_DISTRIBUTION, Issue.DUPLICATE_CONFLICT)  # facts that no rate of noise changes


@dataclass(frozen=True, slots=True)
class Found:
    """What an audit says of N samples by itself; those that were set aside are left out."""

    clean_prob: FloatN  # (N,)
    suggested_prob: FloatN  # (N,) NaN without a suggestion
    rank: IntN  # (N,) in order of suspicion, all different
    given: IntN  # (N,) positions in the classes
    trusted: BoolN  # (N,)
    action: Texts
    issue: Texts
    against: FloatN  # (M,) evidence against labels, of some or all samples, in any order


@dataclass(frozen=True, slots=True)
class Answered:
    """What it says with people's answers."""

    clean_prob: FloatN  # (N,)
    suggested_prob: FloatN  # (N,)
    action: Texts
    issue: Texts
    results: dict[str, Any]  # what changes of audit.json's results, ready for JSON
    belief: Belief  # of the samples that are not trusted
    open_rows: IntN  # (U,) those samples


def judge_answers(
    found: Found,
    answers: Answers,
    *,
    results: Mapping[str, Any],
    settings: PolicySettings,
    classes: Sequence[str],
) -> Answered:
    """Return the verdicts with what people said.

    Args:
        found: what the audit says by itself.
        answers: of people, about rows of `found`; none is fine.
        results: of audit.json.
        settings: thresholds of the audit.
        classes: (C,) names.
    """
    rows = np.flatnonzero(~found.trusted)
    about = answers_about(answers, rows, len(found.rank))
    belief = believe(as_ranked(found.against, found.rank[rows]), about, detector=_noise_of(results))
    share = min(1.0, float(np.where(about.blind, 1.0, _CHOSEN).sum()) / _ENOUGH)
    clean_prob = found.clean_prob.astype(np.float64).copy()
    clean_prob[rows] = 1 - _between(1 - clean_prob[rows], belief.wrong, share, known=belief.known)
    rest = np.maximum(1 - found.clean_prob, 1e-6)
    suggested_prob = np.clip(found.suggested_prob / rest, 0, 1) * (1 - clean_prob)
    noise = _moved(_noise_of(results), belief.rate, share)
    action, issue = _decided(found, about, clean_prob, suggested_prob, belief, settings, noise, rows, classes)
    wrong = 1 - clean_prob[rows]
    by_class = class_rates(wrong, found.given[rows], len(classes), overall=noise)
    return Answered(
        clean_prob=clean_prob,
        suggested_prob=suggested_prob,
        action=action,
        issue=issue,
        results={
            "noise_rate": noise.rate,
            "noise_interval": [noise.low, noise.high],
            "noise_by_class": {
                name: asdict(rate) for name, rate in zip(classes, by_class, strict=True) if rate is not None
            },
            "confusions": _confusions(results, noise),
            "review": review_facts(review_effort(clean_prob[rows][~belief.known], wrong=wrong[~belief.known])),
            "quiet": is_quiet(noise.low, float((wrong >= 0.5).mean()) if len(wrong) else 0.0),
            "doubts": _doubts(results, noise, share),
            "identifiable": not _doubts(results, noise, share),
            "answers": _progress(found, about, belief, rows),
        },
        belief=belief,
        open_rows=rows,
    )


def answers_about(answers: Answers, rows: IntN, n: int) -> Answers:
    """Return answers by place among some of n rows; those about other rows are left out."""
    place = np.full(n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    inside = place[answers.rows] >= 0
    return Answers(place[answers.rows[inside]], answers.wrong[inside], answers.blind[inside])


def ranks_of(clean_prob: FloatN, before: IntN) -> IntN:
    """Return (N,) places from 1 by clean_prob, the lowest first; of equals, as before."""
    order = np.lexsort((before, clean_prob))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _noise_of(results: Mapping[str, Any]) -> Share | None:
    """Return the noise that an audit found by itself; None where it has no interval."""
    interval = results.get("noise_interval")
    return None if not interval else Share(float(results["noise_rate"]), float(interval[0]), float(interval[1]))


def _between(before: FloatN, after: FloatN, share: float, *, known: BoolN) -> FloatN:
    """Return p(wrong) moved by a share of the way, in log odds; what is known is known."""
    moved = _as_share((1 - share) * _log_odds(before) + share * _log_odds(after))
    return np.where(known, after, moved)


def _moved(before: Share | None, after: Share, share: float) -> Share:
    """Return a rate moved by a share of the way, its interval as wide as either."""
    if before is None or share >= 1:
        return after
    rate = (1 - share) * before.rate + share * after.rate
    low, high = min(before.low, after.low), max(before.high, after.high)
    return Share(rate, low=min(low, rate), high=max(high, rate))


def _log_odds(share: FloatN) -> FloatN:
    bounded = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))


def _as_share(log_odds: FloatN) -> FloatN:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _decided(
    found: Found,
    about: Answers,
    clean_prob: FloatN,
    suggested_prob: FloatN,
    belief: Belief,
    settings: PolicySettings,
    noise: Share,
    rows: IntN,
    classes: Sequence[str],
) -> tuple[Texts, Texts]:
    """Return (N,) actions and issues."""
    before = found.action != Action.KEEP
    is_own = settings.suspect_below != PolicySettings().suspect_below  # the user's threshold stays
    below = settings.suspect_below if is_own else 1 - belief.flag_from
    action, issue = decide(clean_prob, np.nan_to_num(suggested_prob), replace(settings, suspect_below=below))
    if float(about.blind.sum()) < _ENOUGH:
        new = ~before & (action != Action.KEEP)
        action[new], issue[new] = Action.KEEP, Issue.NONE
    sizes = np.bincount(found.given, minlength=len(classes))
    rare = (sizes[found.given] < SMALLEST_CLASS) & (action == Action.RELABEL)
    action[rare], issue[rare] = Action.REVIEW, Issue.RARE_CLASS
    if is_quiet(noise.low, float((clean_prob[rows] < 0.5).mean()) if len(rows) else 0.0):
        offered = action == Action.RELABEL
        action[offered], issue[offered] = Action.REVIEW, Issue.AMBIGUOUS
    own = np.isin(found.issue.astype(str), [str(kind) for kind in _OWN_ISSUES])
    action[own], issue[own] = found.action[own], found.issue[own]
    action[found.trusted], issue[found.trusted] = found.action[found.trusted], found.issue[found.trusted]
    answered = rows[about.rows]
    action[answered], issue[answered] = Action.KEEP, Issue.NONE
    wrong = answered[about.wrong]  # what is right instead, if somebody said so, is not known here
    action[wrong], issue[wrong] = Action.REVIEW, Issue.MISLABELLED
    return action, issue


def _confusions(results: Mapping[str, Any], noise: Share) -> list[dict[str, Any]]:
    """Return the confused pairs in proportion to the noise as it is now; of which kind mistakes are stays as it was."""
    before = float(results.get("noise_rate") or 0.0)
    scale = noise.rate / before if before > 0 else 0.0
    pairs = []
    for pair in results.get("confusions") or []:
        moved = {name: min(1.0, float(pair[name]) * scale) for name in ("rate", "low", "high")}
        if float(pair["expected"]) * scale >= 1:
            pairs.append(dict(pair) | {"expected": float(pair["expected"]) * scale} | moved)
    return pairs


_GENERAL_DOUBTS, _USEFUL_WIDTH = ("not-learnt", "near-chance", "wide-interval"), 0.3


def _doubts(results: Mapping[str, Any], noise: Share, share: float) -> list[Any]:
    """Return the doubts that answers leave: that nothing can be told is over once they tell the rate."""
    is_told = share >= 1 and noise.high - noise.low <= _USEFUL_WIDTH
    doubts = list(results.get("doubts") or [])
    return [doubt for doubt in doubts if not (is_told and doubt.get("kind") in _GENERAL_DOUBTS)]


def _progress(found: Found, about: Answers, belief: Belief, rows: IntN) -> dict[str, Any]:
    """Return how far people have come, and what is left to find."""
    suspect = found.action[rows] != Action.KEEP
    looked = np.zeros(len(rows), dtype=bool)
    looked[about.rows] = True
    order = np.lexsort((found.rank[rows], -belief.wrong))
    upcoming = order[~looked[order]][:NEXT]
    is_next = np.zeros(len(rows), dtype=bool)
    is_next[upcoming] = True
    return {
        "answers": len(about.rows),
        "blind": int(about.blind.sum()),
        "wrong": int(about.wrong.sum()),
        "suspects": int(suspect.sum()),
        "looked_at": int((suspect & looked).sum()),
        "errors_left": asdict(belief.expected(~looked)),
        "errors_left_among_suspects": asdict(belief.expected(suspect & ~looked)),
        "next": {"looks": len(upcoming)} | asdict(belief.expected(is_next)),
    }
