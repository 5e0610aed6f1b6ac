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

from labelaudit.core.dataset import SMALLEST_CLASS, BoolN, IntN
from labelaudit.core.findings import Action, Issue
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.verdicts import FloatN, Verdicts
from labelaudit.functional.beta_mixture import BetaMixture, fit_beta_mixture, noisy_posterior
from labelaudit.functional.calibration import NoiseRate
from labelaudit.functional.known_wrong import Table, calibrate


@dataclass(frozen=True, slots=True)
class Judgements:
    """What the evidence means, rows in Dataset order."""

    clean_prob: FloatN  # (N,) P(given label is right)
    suggested: IntN  # (N,) the most probable other label
    suggested_prob: FloatN  # (N,) its probability of being right
    action: NDArray[np.object_]  # (N,) Action
    issue: NDArray[np.object_]  # (N,) Issue
    noise_rate: float  # expected share of wrong labels among the samples that are not trusted
    noise: NoiseRate | None  # the same with its 90 % interval, None where nothing was planted
    confusions: Table | None  # (C, C) expected share of all labels, true class by given one
    mixture: Mapping[str, Any] | None  # parameters of the final mixture, None = none was needed, or no evidence


def judge(
    verdicts: Verdicts,
    given: IntN,
    *,
    settings: PolicySettings,
    trusted: BoolN,
    conflict: BoolN,
    class_counts: IntN,
) -> Judgements:
    """Turn evidence into verdicts.

    Args:
        verdicts: evidence for N samples.
        given: (N,) positions of the given labels.
        settings: thresholds.
        trusted: (N,) labels that are right by decree; they are never suspects.
        conflict: (N,) samples with a pixel-for-pixel twin under another label.
        class_counts: (C,) samples of each class.
    """
    found = calibrate(verdicts, given, len(class_counts), counted=~trusted)
    mixture = None if found is not None else fit_beta_mixture(verdicts.losses[~trusted], method="published")
    if found is not None:
        wrong, evidence = found.wrong, verdicts.scores.get("evidence", -verdicts.scores["margin"])
    else:
        wrong, evidence = _by_mixture(mixture, verdicts), verdicts.losses
    clean_prob = np.where(trusted, 1.0, break_ties(1.0 - wrong, evidence))
    suggested, share = best_other(verdicts, given)
    suggested_prob = (1.0 - clean_prob) * share
    action, issue = decide(clean_prob, suggested_prob, settings)
    rare = (class_counts[given] < SMALLEST_CLASS) & (action == Action.RELABEL)
    action[rare], issue[rare] = Action.REVIEW, Issue.RARE_CLASS
    doubtful = conflict & ~trusted
    action[doubtful & (action == Action.KEEP)] = Action.REVIEW
    issue[doubtful] = Issue.DUPLICATE_CONFLICT
    return Judgements(
        clean_prob=clean_prob,
        suggested=suggested,
        suggested_prob=suggested_prob,
        action=action,
        issue=issue,
        noise_rate=_mean_or_zero(1.0 - clean_prob[~trusted]) if found is None else found.rate.rate,
        noise=None if found is None else found.rate,
        confusions=None if found is None else found.confusions,
        mixture=None if mixture is None else mixture.to_dict(),
    )


def _by_mixture(mixture: BetaMixture | None, verdicts: Verdicts) -> FloatN:
    """Return (N,) p(noisy) under a mixture fitted to the losses; nothing is noisy without evidence."""
    return np.zeros(len(verdicts.losses)) if mixture is None else noisy_posterior(mixture, verdicts.losses)


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


def best_other(verdicts: Verdicts, given: IntN) -> tuple[IntN, FloatN]:
    """Return (N,) the most probable label other than the given one, and its share of what the others hold."""
    first, second = verdicts.top_labels[:, 0], verdicts.top_labels[:, 1]
    is_given = first == given
    others = np.where(is_given, second, first)
    probs = np.where(is_given, verdicts.top_probs[:, 1], verdicts.top_probs[:, 0])
    rest = np.maximum(1.0 - verdicts.given_probs, 1e-12)
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


def _mean_or_zero(values: FloatN) -> float:
    return float(values.mean()) if len(values) else 0.0
