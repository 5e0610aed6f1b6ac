"""From evidence to verdicts: clean probability, suggestion, issue and action. No training, milliseconds.

The score and the threshold are two layers: a method delivers `Verdicts`, this file alone decides what they mean, and
it can be run again on a finished audit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.core.dataset import SMALLEST_CLASS
from labelaudit.core.errors import ConfigError
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Action, Issue
from labelaudit.core.recipe import PolicySettings
from labelaudit.judging.calibration import FEWEST_PLANTED, NoiseRate
from labelaudit.judging.doubts import Doubt, find_doubts, is_quiet, none_fits
from labelaudit.judging.known_wrong import Calibrated, Table, calibrate
from labelaudit.judging.mixtures import MixtureVerdict, judge_by_mixture
from labelaudit.judging.reckoning import ConfusedPair, Review, class_rates, confused_pairs, review_effort
from labelaudit.judging.trusted import TrustedCheck, check_on_trusted


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the evidence means, rows in Dataset order."""

    clean_prob: FloatN  # (N,) P(given label is right)
    suggested: IntN  # (N,) the most probable other label
    suggested_prob: FloatN  # (N,) its probability of being right
    action: NDArray[np.object_]  # (N,) Action
    issue: NDArray[np.object_]  # (N,) Issue
    noise_rate: float  # expected share of wrong labels among the samples that are not trusted
    noise: NoiseRate | None  # the same with its 90 % interval, None where nothing was planted
    confusions: Table | None  # (C, C) expected share of all labels, true class by given one
    mixture: Mapping[str, Any] | None  # the final mixture and its null gate, None = none was needed, or no evidence
    by_class: list[NoiseRate | None] | None  # noise of each class, None for empty ones; None where nothing was planted
    pairs: list[ConfusedPair]  # largest first; of samples that are not trusted
    review: Review  # what looking at them would bring
    is_quiet: bool  # there is no evidence of label noise
    doubts: tuple[Doubt, ...]  # why the labels cannot be judged; empty = they can
    on_trusted: TrustedCheck | None  # what was said of trusted labels, None where too few say anything


def judge(
    evidence: Evidence,
    given: IntN,
    *,
    settings: PolicySettings,
    trusted: BoolN,
    conflict: BoolN,
    class_counts: IntN,
    check_trusted: bool = False,
) -> Verdicts:
    """Turn evidence into verdicts.

    Args:
        evidence: of N samples.
        given: (N,) positions of the given labels.
        settings: thresholds.
        trusted: (N,) labels that are right by decree; they are never suspects.
        conflict: (N,) samples with a pixel-for-pixel twin under another label.
        class_counts: (C,) samples of each class.
        check_trusted: the method learnt from trusted samples as from any other, so that they can test it.
    """
    found = None
    if settings.calibration != "mixture":
        found = calibrate(evidence, given, len(class_counts), counted=~trusted)
    mixture = None if found is not None else _by_mixture(evidence, settings, counted=~trusted)
    if found is not None:
        wrong, against = found.wrong, evidence.scores.get("evidence", -evidence.scores["margin"])
    else:
        wrong, against = np.zeros(len(given)) if mixture is None else mixture.wrong, evidence.losses
    clean_prob = np.where(trusted, 1.0, break_ties(1.0 - wrong, against))
    suggested, share = best_other(evidence, given)
    suggested_prob = (1.0 - clean_prob) * share
    action, issue = decide(clean_prob, suggested_prob, settings)
    rare = (class_counts[given] < SMALLEST_CLASS) & (action == Action.RELABEL)
    action[rare], issue[rare] = Action.REVIEW, Issue.RARE_CLASS
    asked, likely_wrong = ~trusted, clean_prob < 0.5  # whatever the thresholds
    if found is not None:
        strange = none_fits(evidence.top_probs, evidence.given_probs, len(class_counts)) & asked
        action[strange], issue[strange] = Action.REVIEW, Issue.OUT_OF_DISTRIBUTION
        likely_wrong |= strange
    noise_rate = _mean_or_zero(1.0 - clean_prob[asked]) if found is None else found.rate.rate
    quiet = is_quiet(noise_rate if found is None else found.rate.low, _mean_or_zero(likely_wrong[asked]))
    doubts = _doubts(found, evidence, given, asked)
    if quiet or any(doubt.is_general for doubt in doubts):
        offered = action == Action.RELABEL
        action[offered], issue[offered] = Action.REVIEW, Issue.AMBIGUOUS
    doubtful = conflict & asked
    action[doubtful & (action == Action.KEEP)] = Action.REVIEW
    issue[doubtful] = Issue.DUPLICATE_CONFLICT
    is_enough = check_trusted and int(trusted.sum()) >= FEWEST_PLANTED
    return Verdicts(
        clean_prob=clean_prob,
        suggested=suggested,
        suggested_prob=suggested_prob,
        action=action,
        issue=issue,
        noise_rate=noise_rate,
        noise=None if found is None else found.rate,
        confusions=None if found is None else found.confusions,
        mixture=None if mixture is None else mixture.facts,
        by_class=None if found is None else _by_class(found, given, asked, len(class_counts)),
        pairs=[] if found is None else confused_pairs(found.confusions, given[asked], overall=found.rate),
        review=review_effort(clean_prob[asked], wrong=wrong[asked]),
        is_quiet=quiet,
        doubts=doubts,
        on_trusted=check_on_trusted(against, 1.0 - wrong, trusted, suspect_below=settings.suspect_below)
        if is_enough
        else None,
    )


def _by_class(found: Calibrated, given: IntN, asked: BoolN, n_classes: int) -> list[NoiseRate | None]:
    return class_rates(found.wrong[asked], given[asked], n_classes, overall=found.rate)


def _doubts(found: Calibrated | None, evidence: Evidence, given: IntN, asked: BoolN) -> tuple[Doubt, ...]:
    """Return why the labels cannot be judged; a mixture has no interval to tell it by."""
    if found is None:
        return ()
    predicted = evidence.top_labels[asked, 0]
    return find_doubts(found.rate, found.confusions, given=given[asked], predicted=predicted, smallest=SMALLEST_CLASS)


def _by_mixture(evidence: Evidence, settings: PolicySettings, *, counted: BoolN) -> MixtureVerdict | None:
    """Return p(wrong) by a mixture fitted to the losses; None where there is no evidence."""
    if settings.calibration == "planted":
        raise ConfigError(
            "policy.calibration = 'planted': there are no known-wrong labels here, or too few, to calibrate by.",
            hint="Set it to auto, or scan with --method panel, which plants some.",
        )
    return judge_by_mixture(evidence, counted=counted, kind=settings.mixture)


def decide(
    clean_prob: FloatN, suggested_prob: FloatN, settings: PolicySettings
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return (N,) actions and issues: relabel where the suggestion is likely right, review other suspects."""
    suspect = clean_prob < settings.suspect_below
    offered = suspect & (suggested_prob >= settings.suggest_above)
    action = np.full(len(clean_prob), Action.KEEP, dtype=object)
    issue = np.full(len(clean_prob), Issue.NONE, dtype=object)
    action[suspect], issue[suspect] = Action.REVIEW, Issue.AMBIGUOUS
    action[offered], issue[offered] = Action.RELABEL, Issue.MISLABELLED
    return action, issue


def best_other(evidence: Evidence, given: IntN) -> tuple[IntN, FloatN]:
    """Return (N,) the most probable label other than the given one, and its share of what the others hold."""
    first, second = evidence.top_labels[:, 0], evidence.top_labels[:, 1]
    is_given = first == given
    others = np.where(is_given, second, first)
    probs = np.where(is_given, evidence.top_probs[:, 1], evidence.top_probs[:, 0])
    rest = np.maximum(1.0 - evidence.given_probs, 1e-12)
    return others.astype(np.int64), np.clip(probs / rest, 0.0, 1.0)


def break_ties(clean_prob: FloatN, losses: FloatN) -> FloatN:
    """Return clean_prob moved by less than 0.001 so that a higher loss always means a lower one.

    The two-sided monotone posterior is flat where the mixture's own would turn back; among equals the loss is still
    evidence, and a reviewer wants the worst first.
    """
    order = np.argsort(losses, kind="stable")
    place = np.empty(len(losses))
    place[order] = np.arange(len(losses)) / max(1, len(losses))  # share of samples with a lower loss
    _, group = np.unique(losses, return_inverse=True)
    first = np.full(int(group.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first, group, place)
    return np.asarray(clean_prob * (1.0 - _TIE_WIDTH) + _TIE_WIDTH * (1.0 - first[group]))


_TIE_WIDTH = 1e-3  # far below what a reviewer or the calibration could see


def _mean_or_zero(values: FloatN | BoolN) -> float:
    return float(values.mean()) if len(values) else 0.0
