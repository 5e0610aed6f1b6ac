"""How the samples fall into cells of a score, kept ones beside suspects, and what a mixture expects in each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betainc, logit, ndtr

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.judging.beta_mixture import BetaMixture
from labelaudit.judging.loss_mixture import GaussianLosses, log_odds
from labelaudit.judging.mixtures import KINDS, Mixture, fit_mixture, posterior_of

_CELLS = 48
_LARGEST_ODDS = 9.0  # log odds: probabilities of .0001 and .9999; what lies beyond counts in the outermost cells
_UNITS = (-2.0, 2.0)  # of disputes


@dataclass(frozen=True, slots=True)
class Curves:
    """What a mixture of two expects."""

    clean: FloatN  # (B,) samples in each cell
    noisy: FloatN  # (B,)
    kind: str
    is_of_audit: bool  # the verdicts rest on it; otherwise it was fitted for the picture


@dataclass(frozen=True, slots=True)
class Histogram:
    """N samples in B cells."""

    edges: FloatN  # (B + 1,) ascending
    kept: IntN  # (B,)
    suspects: IntN  # (B,)
    curves: Curves | None = None
    threshold: float | None = None  # from where on a label is rather wrong than right

    @property
    def samples(self) -> int:
        """N."""
        return int(self.kept.sum() + self.suspects.sum())


def loss_histogram(
    losses: FloatN, is_suspect: BoolN, mixture: Mapping[str, Any] | None, *, suspect_below: float
) -> Histogram:
    """Return the losses by the log odds of another label, with the mixture that describes them.

    Args:
        losses: (N,) nats.
        is_suspect: (N,).
        mixture: of audit.json; None = the verdicts rest on none, so one is fitted, for the picture only.
        suspect_below: clean_prob below which a label is a suspect.
    """
    edges = np.linspace(-_LARGEST_ODDS, _LARGEST_ODDS, _CELLS + 1)
    kept, suspects = counted(log_odds(losses), is_suspect, edges)
    read = None if mixture is None else mixture_of(mixture)
    drawn = read
    kind = str((mixture or {}).get("kind", ""))
    if read is None:
        drawn, kind = fit_mixture(losses, "log-odds"), "log-odds"
    curves = None if drawn is None else Curves(*expected(drawn, edges, len(losses)), kind, read is not None)
    believed = float((mixture or {}).get("believed", 1.0))
    at = None if read is None else threshold_of(read, believed=believed, suspect_below=suspect_below)
    return Histogram(edges, kept, suspects, curves, at)


def dispute_histogram(disputed: FloatN, is_suspect: BoolN, *, bar: float) -> Histogram:
    """Return how clearly the witnesses dispute the labels, in units of their certainty elsewhere.

    Args:
        disputed: (N,) units; above 0, they prefer another label.
        is_suspect: (N,).
        bar: units from which a label is rather wrong than right.
    """
    edges = np.linspace(*_UNITS, _CELLS + 1)
    return Histogram(edges, *counted(disputed, is_suspect, edges), threshold=bar)


def counted(values: FloatN, is_suspect: BoolN, edges: FloatN) -> tuple[IntN, IntN]:
    """Return (B,) how many kept samples and how many suspects each cell holds; the outermost hold all beyond them."""
    cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    kept, suspects = (np.bincount(cell[part], minlength=len(edges) - 1) for part in (~is_suspect, is_suspect))
    return kept.astype(np.int64), suspects.astype(np.int64)


def mixture_of(facts: Mapping[str, Any]) -> Mixture | None:
    """Return the mixture that audit.json tells of; None where it is of a kind that we do not know."""
    kind = facts.get("kind")
    if kind not in KINDS:
        return None
    known = BetaMixture if kind in ("published", "robust") else GaussianLosses
    stored = {name: facts[name] for name in known.__dataclass_fields__}
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in stored.items()}
    return known(**values)


def expected(mixture: Mixture, edges: FloatN, n: int) -> tuple[FloatN, FloatN]:
    """Return (B,) how many of n samples each component expects in each cell; the outermost hold all beyond them."""
    inner = edges[1:-1]
    if isinstance(mixture, GaussianLosses):
        below = [ndtr((inner - m) / s) for m, s in zip(mixture.mean, mixture.deviation, strict=True)]
    else:
        x = np.clip((np.logaddexp(0.0, inner) - mixture.low) / (mixture.high - mixture.low), 0.0, 1.0)
        below = [betainc(alpha, beta, x) for alpha, beta in zip(mixture.alpha, mixture.beta, strict=True)]
    masses = [np.diff(part, prepend=0.0, append=1.0) for part in below]
    clean, noisy = (n * weight * mass for weight, mass in zip(mixture.weight, masses, strict=True))
    return np.asarray(clean), np.asarray(noisy)


def threshold_of(mixture: Mixture, *, believed: float, suspect_below: float) -> float | None:
    """Return the log odds from which clean_prob is below the limit; None where no loss is so large."""
    odds = np.linspace(-_LARGEST_ODDS, _LARGEST_ODDS, 2001)
    wrong = believed * posterior_of(mixture, np.logaddexp(0.0, odds))
    over = np.flatnonzero(1.0 - wrong < suspect_below)
    return float(odds[over[0]]) if len(over) else None


def odds_of(prob: float) -> float:
    """Return the log odds of another label where the given one has this probability."""
    return -float(logit(prob))
