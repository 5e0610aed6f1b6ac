"""From verdicts on each of several labels to verdicts on all pairs of a sample and a label.

Each label is a question of its own, with two answers and its own share of wrong ones. What is said of all of them is
the mean over the labels, for each is asked about every sample; a doubt that concerns one label concerns no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.core.evidence import Evidence, Witness
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.several import HAS, LACKS
from labelaudit.core.shares import Share
from labelaudit.judging.doubts import Doubt
from labelaudit.judging.policy import Verdicts, judge
from labelaudit.judging.reckoning import ConfusedPair, review_effort

BoolNL = NDArray[np.bool_]  # (N, L)

_PAIRS = 10


def judge_labels(
    each: Sequence[Evidence], has: BoolNL, *, settings: PolicySettings, trusted: BoolN, conflict: BoolNL
) -> list[Verdicts]:
    """Return (L,) verdicts, each label judged by itself.

    Args:
        each: (L,) evidence on N samples, as in `joined_evidence`.
        has: (N, L) whether a sample has a label.
        settings: thresholds.
        trusted: (N,) samples whose labels are right by decree.
        conflict: (N, L) samples with a twin that differs in the label.
    """
    found = []
    for evidence, has_it, contradicted in zip(each, has.T, conflict.T, strict=True):
        given: IntN = np.where(has_it, HAS, LACKS)
        counts = np.bincount(given, minlength=2).astype(np.int64)
        verdicts = judge(
            evidence, given, settings=settings, trusted=trusted, conflict=contradicted, class_counts=counts
        )
        found.append(verdicts)
    return found


def parted_evidence(together: Evidence, n_labels: int) -> list[Evidence]:
    """Return the evidence on each label of evidence on pairs; what `joined_evidence` has joined."""
    return [_part(together, label, n_labels) for label in range(n_labels)]


def _part(together: Evidence, label: int, n_labels: int) -> Evidence:
    rows = slice(label, None, n_labels)
    return Evidence(
        losses=together.losses[rows],
        given_probs=together.given_probs[rows],
        top_labels=together.top_labels[rows] - 2 * label,
        top_probs=together.top_probs[rows],
        witnesses={
            name: replace(witness, against=witness.against[rows], predicted=witness.predicted[rows] - 2 * label)
            for name, witness in together.witnesses.items()
        },
    )


def joined_evidence(each: Sequence[Evidence]) -> Evidence:
    """Return the evidence on pairs, all labels of the first sample first.

    Args:
        each: (L,) evidence on N samples, whose two classes are that they have the label, and that they lack it; the
            same witnesses speak of each.
    """
    top = [2 * label + evidence.top_labels for label, evidence in enumerate(each)]
    return Evidence(
        losses=_interleaved([evidence.losses for evidence in each]),
        given_probs=_interleaved([evidence.given_probs for evidence in each]),
        top_labels=_interleaved(top),
        top_probs=_interleaved([evidence.top_probs for evidence in each]),
        witnesses={name: _joined_witness([one.witnesses[name] for one in each]) for name in each[0].witnesses},
    )


def _joined_witness(each: Sequence[Witness]) -> Witness:
    predicted = [2 * label + witness.predicted for label, witness in enumerate(each)]
    return Witness(
        against=_interleaved([witness.against for witness in each]),
        predicted=_interleaved(predicted).astype(np.int32),
        is_taught=any(witness.is_taught for witness in each),
    )


def joined_verdicts(each: Sequence[Verdicts], *, asked: BoolN) -> Verdicts:
    """Return the verdicts on pairs, all labels of the first sample first; classes are numbered label by label.

    Args:
        each: (L,) verdicts on N samples.
        asked: (N,) samples that are not trusted.
    """
    clean_prob: FloatN = _interleaved([verdicts.clean_prob for verdicts in each])
    noises = [verdicts.noise for verdicts in each]
    noise = Share(
        float(np.mean([share.rate for share in noises])),
        low=float(np.mean([share.low for share in noises])),
        high=float(np.mean([share.high for share in noises])),
    )
    of_pairs = np.repeat(asked, len(each))
    return Verdicts(
        clean_prob=clean_prob,
        suggested=_interleaved([2 * label + verdicts.suggested for label, verdicts in enumerate(each)]),
        suggested_prob=_interleaved([verdicts.suggested_prob for verdicts in each]),
        action=_interleaved([verdicts.action for verdicts in each]),
        issue=_interleaved([verdicts.issue for verdicts in each]),
        noise=noise,
        confusions=None,
        mixture=None,
        by_class=_by_class(each),
        pairs=_pairs(each),
        review=review_effort(clean_prob[of_pairs]),
        is_quiet=all(verdicts.is_quiet for verdicts in each),
        doubts=_doubts(each),
        on_trusted=None,
    )


def _interleaved(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return (N * L, ...) of L arrays (N, ...)."""
    stacked = np.stack(parts, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])


def _by_class(each: Sequence[Verdicts]) -> list[Share | None]:
    return [share for verdicts in each for share in (verdicts.by_class or [verdicts.noise, verdicts.noise])]


def _pairs(each: Sequence[Verdicts]) -> list[ConfusedPair]:
    found = [
        replace(pair, true=2 * label + pair.true, given=2 * label + pair.given)
        for label, verdicts in enumerate(each)
        for pair in verdicts.pairs
    ]
    return sorted(found, key=lambda pair: -pair.expected)[:_PAIRS]


def _doubts(each: Sequence[Verdicts]) -> tuple[Doubt, ...]:
    """Return why labels cannot be judged: a doubt about a label as a whole is general only where all labels have it."""
    general = [next((doubt for doubt in verdicts.doubts if doubt.is_general), None) for verdicts in each]
    first = general[0]
    if first is not None and None not in general:
        return (first,)
    found: list[Doubt] = []
    for label, verdicts in enumerate(each):
        if general[label] is not None:
            found.append(Doubt("label-not-learnt", (2 * label,)))
        else:
            found += [replace(doubt, classes=tuple(2 * label + k for k in doubt.classes)) for doubt in verdicts.doubts]
    return tuple(found)
