"""From evidence to verdicts: clean probability, suggestion, issue and action. No training, milliseconds.

The score and the threshold are two layers: a method delivers `Evidence`, this file alone decides what it means, and it
can be run again on a finished audit. p(wrong) is read from what witnesses dispute; without witnesses, against labels
that are known to be wrong; and without these, off a mixture of the losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN, Table
from labelaudit.core.dataset import SMALLEST_CLASS
from labelaudit.core.errors import ConfigError
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Action, Issue, Judged
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.shares import Share
from labelaudit.judging.calibration import FEWEST_PLANTED, Calibrated, break_ties
from labelaudit.judging.disputes import FEWEST_SAMPLES, Disputes, read_disputes
from labelaudit.judging.doubts import (
    Doubt,
    credible_shares,
    find_class_doubts,
    find_doubts,
    is_quiet,
    learnt_shares,
    none_fits,
)
from labelaudit.judging.known_wrong import calibrate, mistakes_made
from labelaudit.judging.mixtures import calibrate_by_mixture
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
    noise: Share  # of wrong labels among the samples that are not trusted; a point where nothing was known to be wrong
    confusions: Table | None  # (C, C) expected share of all labels, true class by given one
    mixture: Mapping[str, Any] | None  # the final mixture and its null gate, None = none was needed, or no evidence
    by_class: list[Share | None] | None  # noise of each class, None for empty ones; None where nothing was planted
    pairs: list[ConfusedPair]  # largest first; of samples that are not trusted
    review: Review  # what looking at them would bring
    is_quiet: bool  # there is no evidence of label noise
    doubts: tuple[Doubt, ...]  # why the labels cannot be judged; empty = they can
    on_trusted: TrustedCheck | None  # what was said of trusted labels, None where too few say anything
    disputes: Disputes | None = None  # what the witnesses say, None where there were none

    @property
    def judged(self) -> Judged:
        """What the findings hold of it."""
        return Judged(self.clean_prob, self.suggested, self.suggested_prob, self.action, self.issue)

    @property
    def noise_rate(self) -> float:
        """The expected share of wrong labels."""
        return self.noise.rate


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels in question."""

    given: IntN  # (N,)
    trusted: BoolN  # (N,)
    conflict: BoolN  # (N,)
    class_counts: IntN  # (C,)

    @property
    def asked(self) -> BoolN:
        return ~self.trusted

    @property
    def n_classes(self) -> int:
        return len(self.class_counts)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one way of reading the evidence finds."""

    calibrated: Calibrated
    fits_none: BoolN  # (N,) samples that seem to belong to no class
    doubts: tuple[Doubt, ...] = ()
    by_class: list[Share | None] | None = None
    pairs: tuple[ConfusedPair, ...] = ()
    disputes: Disputes | None = None


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
    labels = _Labels(given, trusted, conflict, class_counts)
    reading = _read(evidence, labels, settings)
    calibrated, asked = reading.calibrated, labels.asked
    clean_prob = np.where(trusted, 1.0, break_ties(1.0 - calibrated.wrong, calibrated.against))
    suggested, share = best_other(evidence, given)
    suggested_prob = (1.0 - clean_prob) * share
    likely_wrong = (clean_prob < 0.5) | reading.fits_none  # whatever the thresholds
    quiet = _is_quiet(reading, _mean_or_zero(likely_wrong[asked]))
    action, issue = decide(clean_prob, suggested_prob, settings)
    _hold_back_(action, issue, labels, reading, quiet=quiet)
    is_enough = check_trusted and int(trusted.sum()) >= FEWEST_PLANTED
    return Verdicts(
        clean_prob=clean_prob,
        suggested=suggested,
        suggested_prob=suggested_prob,
        action=action,
        issue=issue,
        noise=calibrated.noise,
        confusions=calibrated.confusions,
        mixture=calibrated.mixture,
        by_class=reading.by_class,
        pairs=list(reading.pairs),
        review=review_effort(clean_prob[asked], wrong=calibrated.wrong[asked]),
        is_quiet=quiet,
        doubts=reading.doubts,
        on_trusted=_checked(calibrated, trusted, settings) if is_enough else None,
        disputes=reading.disputes,
    )


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


def offer_nothing_(action: NDArray[np.object_], issue: NDArray[np.object_]) -> None:
    """Send to review what would be relabelled: no suggestion can be trusted."""
    offered = action == Action.RELABEL
    action[offered], issue[offered] = Action.REVIEW, Issue.AMBIGUOUS


def best_other(evidence: Evidence, given: IntN) -> tuple[IntN, FloatN]:
    """Return (N,) the most probable label other than the given one, and its share of what the others hold."""
    first, second = evidence.top_labels[:, 0], evidence.top_labels[:, 1]
    is_given = first == given
    others = np.where(is_given, second, first)
    probs = np.where(is_given, evidence.top_probs[:, 1], evidence.top_probs[:, 0])
    rest = np.maximum(1.0 - evidence.given_probs, 1e-12)
    return others.astype(np.int64), np.clip(probs / rest, 0.0, 1.0)


def _read(evidence: Evidence, labels: _Labels, settings: PolicySettings) -> _Reading:
    """Return what the evidence says, read in the way that knows most."""
    reading = None
    if settings.calibration == "auto":
        reading = _by_disputes(evidence, labels)
    if reading is None and settings.calibration != "mixture":
        reading = _by_known_wrong(evidence, labels)
    return reading or _by_mixture(evidence, labels, settings)


def _is_quiet(reading: _Reading, flagged: float) -> bool:
    """Whether there is no evidence of label noise: nothing is proven, and clean data would be disputed as well."""
    disputes = reading.disputes
    if disputes is None:
        return is_quiet(reading.calibrated.noise.low, flagged)
    return disputes.is_learnt and disputes.noise.low == 0 and disputes.proof < _LITTLE_PROOF


def _by_disputes(evidence: Evidence, labels: _Labels) -> _Reading | None:
    """Return what the witnesses dispute; None where there are none, or too few samples."""
    given, asked, n_classes = labels.given, labels.asked, labels.n_classes
    disputes = read_disputes(evidence.witnesses, given, labels.class_counts, counted=asked)
    if disputes is None:
        return None
    predicted = evidence.top_labels[asked, 0]
    wrong = disputes.wrong()
    learnt = learnt_shares(wrong[asked], given[asked], predicted, n_classes)
    wrong = wrong * credible_shares(wrong[asked], given[asked], learnt)[given]
    confusions = mistakes_made(evidence, given, wrong, n_classes, counted=asked)
    noise = disputes.noise
    if disputes.is_learnt:
        doubts = find_class_doubts(confusions, given=given[asked], predicted=predicted, smallest=SMALLEST_CLASS)
    else:
        doubts = (Doubt("not-learnt"),)
    return _Reading(
        Calibrated(wrong, disputes.disputed, noise, confusions),
        fits_none=np.zeros(len(given), dtype=np.bool_),
        doubts=doubts,
        by_class=class_rates(wrong[asked], given[asked], n_classes, overall=noise),
        pairs=tuple(confused_pairs(confusions, given[asked], overall=noise)),
        disputes=disputes,
    )


def _by_known_wrong(evidence: Evidence, labels: _Labels) -> _Reading | None:
    """Return what labels that are known to be wrong say of the others; None where there are too few of them."""
    given, asked, n_classes = labels.given, labels.asked, labels.n_classes
    calibrated = calibrate(evidence, given, n_classes, counted=asked)
    if calibrated is None:
        return None
    noise, confusions = calibrated.noise, calibrated.confusions
    assert confusions is not None  # known-wrong labels always tell
    predicted = evidence.top_labels[asked, 0]
    return _Reading(
        calibrated,
        fits_none=none_fits(evidence.top_probs, evidence.given_probs, n_classes) & asked,
        doubts=find_doubts(noise, confusions, given=given[asked], predicted=predicted, smallest=SMALLEST_CLASS),
        by_class=class_rates(calibrated.wrong[asked], given[asked], n_classes, overall=noise),
        pairs=tuple(confused_pairs(confusions, given[asked], overall=noise)),
    )


def _by_mixture(evidence: Evidence, labels: _Labels, settings: PolicySettings) -> _Reading:
    """Return what a mixture of the losses says; it has no interval to doubt it by."""
    if settings.calibration == "planted":
        raise ConfigError(
            "policy.calibration = 'planted': there are no known-wrong labels here, or too few, to calibrate by.",
            hint="Set it to auto, or scan with --method panel, which plants some.",
        )
    calibrated = calibrate_by_mixture(evidence, counted=labels.asked, kind=settings.mixture)
    doubts = (Doubt("too-few"),) if 0 < labels.asked.sum() < FEWEST_SAMPLES else ()
    return _Reading(calibrated, fits_none=np.zeros(len(labels.given), dtype=np.bool_), doubts=doubts)


def _hold_back_(
    action: NDArray[np.object_], issue: NDArray[np.object_], labels: _Labels, reading: _Reading, *, quiet: bool
) -> None:
    """Send to review what is rare, strange or contradicted, and every suggestion where none can be trusted.

    Witnesses that know too little accuse nobody: there is a ranking, and no flags.
    """
    rare = (labels.class_counts[labels.given] < SMALLEST_CLASS) & (action == Action.RELABEL)
    action[rare], issue[rare] = Action.REVIEW, Issue.RARE_CLASS
    action[reading.fits_none], issue[reading.fits_none] = Action.REVIEW, Issue.OUT_OF_DISTRIBUTION
    if quiet or any(doubt.is_general for doubt in reading.doubts):
        offer_nothing_(action, issue)
    if any(doubt.kind == "not-learnt" for doubt in reading.doubts):
        action[:], issue[:] = Action.KEEP, Issue.NONE
    contradicted = labels.conflict & labels.asked
    action[contradicted & (action == Action.KEEP)] = Action.REVIEW
    issue[contradicted] = Issue.DUPLICATE_CONFLICT


def _checked(calibrated: Calibrated, trusted: BoolN, settings: PolicySettings) -> TrustedCheck | None:
    clean_prob = 1.0 - calibrated.wrong
    return check_on_trusted(calibrated.against, clean_prob, trusted, suspect_below=settings.suspect_below)


_LITTLE_PROOF = 0.25  # up to which disputes are taken for those of clean data


def _mean_or_zero(values: BoolN) -> float:
    return float(values.mean()) if len(values) else 0.0
