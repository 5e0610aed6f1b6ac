"""Which mixture turns losses into p(wrong) where no labels were planted, and how far it is believed.

A mixture of two always splits, a clean dataset included. So it is believed only as far as given labels surprise the
model: a network that learnt from right labels gives few of them a low probability, fewer than its own probabilities let
one expect, for it was trained to agree with them. How many fewer depends: where hard samples are many, as in clean
photographs, nearly as many as expected; where losses fall into two groups, the upper one is no hard sample's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy

from labelaudit.core.arrays import BoolN, FloatN
from labelaudit.core.evidence import Evidence
from labelaudit.core.shares import NORMAL_90, point
from labelaudit.judging.beta_mixture import BetaMixture, fit_beta_mixture, noisy_posterior
from labelaudit.judging.calibration import Calibrated, break_ties
from labelaudit.judging.loss_mixture import (
    GaussianLosses,
    fit_gaussian_losses,
    gaussian_posterior,
    gaussian_share_below,
    log_odds,
)

Mixture = BetaMixture | GaussianLosses
Kind = Literal["published", "robust", "log-odds"]

KINDS: tuple[Kind, ...] = ("published", "robust", "log-odds")

# Chosen on 11 methods without planted labels, on digits (sym 0 to 40 %, asym 30 %), wine, breast cancer, iris and 2,000
# photographs. Two Gaussians whose means are nearer describe the skew of one group, and the likelihood does not tell;
# two betas on a bounded range then still part the losses about as well as one threshold can.
_APART = 3.5  # deviations of the clean component between the means
_LARGEST_NOISE = 0.5  # weight of the noisy component

_ENOUGH = 200_000  # losses to choose by; evenly spaced ranks stand for more
_CELLS = 512  # of the log odds, in which held-out samples are counted: masses need no Jacobian
_SPREAD_EVENLY = 0.01  # of every candidate's mass, so that one sample outside its range does not decide

# A label surprises where its probability is below exp(-1.5) = 22 %. Of those expected, there are in the same data:
# two groups: clean .09 at most; 10 % of wrong labels and more .38 at least.
# one group: clean .54 at most (photographs, scanned briefly); 20 % of wrong labels .1 (learnt by heart) to 3.
_SURPRISE = 1.5  # nats
_QUIET_LOUD_APART = (0.15, 0.3)  # share of the expected surprises; nothing is believed below, everything above
_QUIET_LOUD = (0.55, 0.65)  # the same where the losses are one group
_QUIETEST = 0.1  # below it, clean data is the likelier reading


@dataclass(frozen=True, slots=True)
class ChosenMixture:
    """A mixture and what the others were worth."""

    kind: Kind
    mixture: Mixture
    held_out: Mapping[Kind, float]  # log-likelihood of every candidate on the other half, nats per sample


@dataclass(frozen=True, slots=True)
class NullGate:
    """Labels that surprise the model, against those expected if they were drawn from its own predictions."""

    observed: int
    expected: float
    two_groups: bool  # whether the log odds of the losses fall into two groups
    evidence: Literal["wrong labels", "unclear", "none"]  # unclear = hard samples, or wrong labels learnt by heart
    believed: float  # 0 to 1, how far a mixture is


def calibrate_by_mixture(evidence: Evidence, *, counted: BoolN, kind: Literal["auto"] | Kind = "auto") -> Calibrated:
    """Return p(wrong) of every sample from the losses; 0 where these are too few or all alike.

    Args:
        evidence: of N samples.
        counted: (N,) samples to learn from; others are judged alike.
        kind: which mixture, "auto" for the one that describes held-out losses best.
    """
    losses = evidence.losses
    chosen = choose_mixture(losses[counted], kind=kind)
    if chosen is None:
        return _calibrated(np.zeros(len(losses)), losses, counted, None)
    gate = null_gate(evidence, counted=counted)
    posterior = posterior_of(chosen.mixture, losses)
    wrong = gate.believed * posterior
    facts = {
        "kind": chosen.kind,
        **chosen.mixture.to_dict(),
        "held_out": {name: round(value, 4) for name, value in chosen.held_out.items()},
        "noise_rate_before_gate": float(posterior[counted].mean()),
        "noise_rate": float(wrong[counted].mean()),
        "surprises": {"observed": gate.observed, "expected": round(gate.expected, 1)},
        "two_groups": gate.two_groups,
        "believed": gate.believed,
        "evidence": gate.evidence,
    }
    return _calibrated(wrong, losses, counted, facts)


def _calibrated(wrong: FloatN, losses: FloatN, counted: BoolN, facts: Mapping[str, Any] | None) -> Calibrated:
    """Return p(wrong) with the noise rate that it adds up to, ties broken as in clean_prob."""
    each = 1.0 - break_ties(1.0 - wrong, losses)[counted]
    return Calibrated(wrong, losses, point(float(each.mean()) if len(each) else 0.0), mixture=facts)


def choose_mixture(losses: FloatN, *, kind: Literal["auto"] | Kind = "auto") -> ChosenMixture | None:
    """Return a mixture of the losses, by name or by held-out likelihood; None where it cannot be fitted.

    A fixed half of the samples fits, the other half scores, and the winner is fitted to all of them. Which sample is in
    which half depends on its place among the sorted losses alone. The published mixture drops both tails, and so gives
    held-out losses there no density: it is what is left where the others call most labels wrong.
    """
    if kind != "auto":
        mixture = fit_mixture(losses, kind)
        return None if mixture is None else ChosenMixture(kind, mixture, {})
    ranked = np.sort(losses)[:: -(-len(losses) // _ENOUGH) or 1]
    first = np.random.default_rng(0).random(len(ranked)) < 0.5
    whole = {name: mixture for name in KINDS if (mixture := fit_mixture(ranked, name)) is not None}
    if not whole:
        return None
    halves = {name: fit_mixture(ranked[first], name) for name in whole}
    held_out = {name: held_out_likelihood(half, ranked[~first]) for name, half in halves.items() if half is not None}
    able = {name: value for name, value in held_out.items() if name != "published" and is_readable(whole[name])}
    best = max(able, key=lambda name: able[name], default="published" if "published" in whole else next(iter(whole)))
    return ChosenMixture(best, whole[best] if len(ranked) == len(losses) else _of_all(losses, best), held_out)


def _of_all(losses: FloatN, kind: Kind) -> Mixture:
    mixture = fit_mixture(losses, kind)
    assert mixture is not None  # some of them were enough
    return mixture


def fit_mixture(losses: FloatN, kind: Kind) -> Mixture | None:
    """Return the mixture of a kind, None where the losses hold no evidence."""
    if kind == "log-odds":
        return fit_gaussian_losses(losses)
    return fit_beta_mixture(losses, method="published" if kind == "published" else "robust")


def posterior_of(mixture: Mixture, losses: FloatN) -> FloatN:
    """Return (N,) p(noisy | loss), never falling as the loss rises."""
    if isinstance(mixture, GaussianLosses):
        return gaussian_posterior(mixture, losses)
    return noisy_posterior(mixture, losses)


def is_readable(mixture: Mixture) -> bool:
    """Whether the components can be read as right and wrong labels instead of as the shape of one group."""
    if isinstance(mixture, GaussianLosses) and mixture.mean[1] - mixture.mean[0] < _APART * mixture.deviation[0]:
        return False
    return mixture.weight[1] <= _LARGEST_NOISE


def held_out_likelihood(mixture: Mixture, losses: FloatN) -> float:
    """Return the mean log-probability (nats) of the cells that the losses fall in.

    The cells are the same for every mixture of the same losses, even in log odds between the smallest and the largest.
    """
    seen = log_odds(losses)
    edges = np.linspace(float(seen.min()), float(seen.max()), _CELLS + 1)[1:-1]
    counts = np.bincount(np.searchsorted(edges, seen, side="right"), minlength=_CELLS)
    below = _share_below(mixture, np.logaddexp(0.0, edges))
    mass = np.maximum(np.diff(below, prepend=0.0, append=1.0), 0.0)
    return float(counts @ np.log((1.0 - _SPREAD_EVENLY) * mass + _SPREAD_EVENLY / _CELLS) / counts.sum())


def null_gate(evidence: Evidence, *, counted: BoolN) -> NullGate:
    """Return how many given labels surprise the model, how many would by its own account, and what follows.

    The null, labels drawn from the model's predictions, is not simulated but summed up: each label of a sample counts
    by its probability. Labels that are not among the most probable ones surprise. The observed number counts less two
    sigma or so, that a handful of them may be chance.
    """
    losses, probs = evidence.losses[counted], evidence.top_probs[counted]
    observed = int((losses > _SURPRISE).sum())
    expected = float((1.0 - (probs * (probs >= np.exp(-_SURPRISE))).sum(axis=1)).clip(min=0.0).sum())
    certainly = max(observed - NORMAL_90 * np.sqrt(observed), 0.0)
    groups = fit_gaussian_losses(losses)
    two_groups = groups is not None and is_readable(groups)
    quiet, loud = _QUIET_LOUD_APART if two_groups else _QUIET_LOUD
    share = certainly / max(expected, 1.0)
    believed = float(np.clip((share - quiet) / (loud - quiet), 0.0, 1.0))
    reading: Literal["wrong labels", "unclear", "none"] = "unclear" if share >= _QUIETEST else "none"
    return NullGate(observed, expected, two_groups, "wrong labels" if believed > 0 else reading, believed)


def _share_below(mixture: Mixture, losses: FloatN) -> FloatN:
    if isinstance(mixture, GaussianLosses):
        return gaussian_share_below(mixture, losses)
    x = np.clip((losses - mixture.low) / (mixture.high - mixture.low), 0.0, 1.0)
    parts = zip(mixture.alpha, mixture.beta, mixture.weight, strict=True)
    return np.asarray(sum(weight * scipy.special.betainc(alpha, beta, x) for alpha, beta, weight in parts))
