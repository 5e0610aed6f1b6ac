"""What witnesses dispute: certain, likely and possible shares of wrong labels, and p(wrong) of every label.

People's mistakes are not a network's worst samples. They are second-best classes of hard samples, and from predictions
alone a dispute may be the label's fault or the witness's. Three things can be known all the same:

- **At most**: what a witness disputes, or nearly. A label that every witness would clearly give is nobody's suspect.
- **Certain**: clean labels are disputed too, but rarely with the certainty with which the same witness agrees
  elsewhere. Strong disputes beyond those that clean data show are wrong labels.
- **Likely**: between the two, where disputes are about as decided as a third of the agreement elsewhere. The bar is
  half of that for witnesses that are hardly ever torn between two classes, and twice that where nothing is certain:
  there the witness is weak, and its disputes are its own mistakes.

A witness is measured by itself: its log odds against a label count in units of the 90th percentile of the log odds with
which it agrees elsewhere. So networks and heads of any temperature can be compared, and averaged.

Source:
    Ours. Every constant was chosen on labels that people got wrong and on planted ones, 300 to 50,000 samples, and is
    measured again by `python -m labelaudit.lab.people`; the table is in docs/how-to/what-the-numbers-mean.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.core.evidence import Evidence, Witness
from labelaudit.core.shares import NORMAL_90, Share

_UNIT = 0.9  # quantile of the agreement that is one unit
_STRONG = 0.7  # units from which a dispute is strong
_CLEAN_STRONG = (
    0.12  # strong ones among the disputes of clean data, at most: .02 to .11 of witnesses that know the data
)
# The same by the share of labels that are disputed: who disputes more is wrong with more certainty, of many classes
# above all; who disputes nearly as many as guessing would is blind and proves nothing.
_DISPUTING = (0.32, 0.45, 0.59, 0.77)
_DISPUTING_STRONG = (_CLEAN_STRONG, 0.25, 0.43, 1.0)
_BLIND = 0.85  # disputes, as a share of those that guessing would have
_UNPROVEN = 0.05  # likely share up to which a witness beyond the first of these may flag what nothing proves
_SURELY = 2.5  # standard errors by which its disputes must exceed those of clean data to prove something
# Units from which a dispute is extreme, and how many of those of clean data are: up to .022, of a hundred classes.
# Labels that nobody would confuse are found by these where strong disputes prove nothing; the bar is high then.
_EXTREME, _CLEAN_EXTREME, _FAR_BAR = 2.0, 0.03, 1.5
_NO_PROOF, _PROOF = 0.5, 0.67  # of _CLEAN_STRONG: below it nothing is proven, and above it by this much the noise is
_NEARLY = 0.15  # units of agreement up to which a label is nearly disputed: people's mistakes are learnt in part
_MILD = 0.15  # units below which a dispute is mild
# Units from which a label is rather wrong than right, by the share of the disputes that are mild: witnesses that know
# what they say are hardly ever torn between two classes. Where nothing is proven the bar is the high one.
_MILD_SHARES, _BARS = (0.05, 0.13, 0.2), (0.05, 0.15, 0.3)
_HIGH_BAR = 0.6
_SLOPE = 8.0  # of p(wrong) in log odds per unit
_CAUTION = 1.28  # standard errors by which strong disputes must exceed those of clean data
_VOTES = 0.5  # of the best witness's skill, below which a witness has no vote
FEWEST_SAMPLES = 30  # samples below which nothing is said


@dataclass(frozen=True, slots=True)
class Opinion:
    """How far a witness can be believed."""

    is_taught: bool
    agreement: float  # share of the given labels that it would give, too
    chance: float  # the same of one that always names the largest class
    unit: float  # log odds that are one unit of its certainty
    has_vote: bool

    @property
    def skill(self) -> float:
        """Agreement above chance: 0 = it knows nothing, 1 = it agrees with every label."""
        return max(self.agreement - self.chance, 0.0) / max(1.0 - self.chance, 1e-9)


@dataclass(frozen=True, slots=True)
class Disputes:
    """What the witnesses say together."""

    opinions: Mapping[str, Opinion]
    disputed: FloatN  # (N,) units; positive = the witnesses prefer another label
    noise: Share  # likely share of wrong labels; its ends are what is certain and what is possible
    bar: float  # units at which a label is as likely wrong as right
    proof: float  # 0 = clean data would be disputed as well, 1 = it would not
    is_learnt: bool  # the witnesses know enough to judge by

    def wrong(self) -> FloatN:
        """Return (N,) p(wrong), which rises with the dispute; `judging/ends.py` has it at other rates."""
        return _wrong_at(self.disputed, self.bar)


def witnesses_of(evidence: Evidence) -> Mapping[str, Witness]:
    """Return the witnesses; of evidence that names none, what it says as a whole is one."""
    if evidence.witnesses or evidence.judges is None:
        return evidence.witnesses
    against = evidence.scores.get("evidence", -evidence.scores["margin"])
    is_taught = evidence.judges.weights is None and len(evidence.judges.labels) > 0
    predicted = evidence.top_labels[:, 0].astype(np.int32)
    return {"scan": Witness(against.astype(np.float32), predicted, is_taught=is_taught)}


def read_disputes(
    witnesses: Mapping[str, Witness], given: IntN, class_counts: IntN, *, counted: BoolN
) -> Disputes | None:
    """Return what the witnesses dispute, None where there are no witnesses or too few samples.

    Args:
        witnesses: by name.
        given: (N,) labels.
        class_counts: (C,) samples of each class.
        counted: (N,) samples that the shares are about; the others are judged alike.
    """
    n = int(counted.sum())
    if not witnesses or n < FEWEST_SAMPLES:
        return None
    chance = float(class_counts.max() / max(class_counts.sum(), 1))
    opinions = _with_votes({name: _opinion(each, given, chance, counted) for name, each in witnesses.items()})
    voting = [name for name, opinion in opinions.items() if opinion.has_vote]
    units = np.stack([witnesses[name].against / opinions[name].unit for name in voting])
    disputed: FloatN = units.mean(axis=0, dtype=np.float64)
    asked = disputed[counted]
    possible = max(1.0 - opinions[name].agreement for name in voting)
    share = float((asked > 0).mean())
    disputing = max(share, possible)
    clean = _strong_if_clean(disputing, len(class_counts))
    proof, bar = _proof_and_bar(asked, share, clean)
    if any(witnesses[name].is_directed for name in voting):
        proof, bar = 1.0, 0.0  # what flows one way and does not come back is noise, and the log odds know it
    certain, error = _excess(asked, _STRONG, clean * share)
    is_learnt = clean < 1.0
    is_weak = disputing > _DISPUTING[0] and _wrong_at(asked, bar).mean() > _UNPROVEN
    if is_weak and certain < _SURELY * error:
        bar = _FAR_BAR
        certain, error = _excess(asked, _EXTREME, _CLEAN_EXTREME * share)
        is_learnt = certain > _SURELY * error
    low = max(certain - NORMAL_90 * error, 0.0) if is_learnt else 0.0
    high = min(max(float((asked > -_NEARLY).mean()), possible) + NORMAL_90 * float(np.sqrt(0.25 / n)), 1.0)
    likely = float(np.clip(_wrong_at(asked, bar).mean(), low, high))
    return Disputes(opinions, disputed, Share(likely, low=low, high=high), bar, proof, is_learnt=is_learnt)


def _excess(disputed: FloatN, units: float, clean: float) -> tuple[float, float]:
    """Return which share of labels is disputed by more than some units, less that of clean data; its standard error."""
    found = float((disputed > units).mean())
    return found - clean, float(np.sqrt(found * (1.0 - found) / len(disputed)))


def _proof_and_bar(disputed: FloatN, share: float, clean: float) -> tuple[float, float]:
    """Return how far strong disputes prove noise, 0 to 1, and the bar that follows from it.

    Args:
        disputed: (N,) units.
        share: of the labels that are disputed.
        clean: the most strong ones among the disputes of clean data.
    """
    strong, error = _excess(disputed, _STRONG, 0.0)
    beyond = (strong - _CAUTION * error) / max(share, 1e-9) / clean  # 1 = as much as clean data may show
    proof = float(np.clip((beyond - _NO_PROOF) / (1.0 + _PROOF - _NO_PROOF), 0.0, 1.0))
    mild = 1.0 - float((disputed > _MILD).mean()) / max(share, 1e-9)
    proven_bar = float(np.interp(mild, _MILD_SHARES, _BARS))
    return proof, proven_bar + (_HIGH_BAR - proven_bar) * (1.0 - proof)


def _opinion(witness: Witness, given: IntN, chance: float, counted: BoolN) -> Opinion:
    agreeing = -witness.against[counted & (witness.against < 0)]
    unit = max(float(np.quantile(agreeing, _UNIT)), 1e-6) if len(agreeing) else 1.0
    agreement = float((witness.predicted == given)[counted].mean())
    return Opinion(witness.is_taught, agreement, chance, unit, has_vote=True)


def _with_votes(opinions: dict[str, Opinion]) -> dict[str, Opinion]:
    """Return the opinions; a witness that knows much less than the best has no vote."""
    best = max(opinion.skill for opinion in opinions.values())
    return {
        name: Opinion(each.is_taught, each.agreement, each.chance, each.unit, has_vote=each.skill >= _VOTES * best)
        for name, each in opinions.items()
    }


def _strong_if_clean(disputing: float, n_classes: int) -> float:
    """Return the most strong ones among the disputes of clean data; 1 where nothing can be proven.

    Args:
        disputing: share of the labels that are disputed.
        n_classes: C.
    """
    if disputing >= _BLIND * (1.0 - 1.0 / max(n_classes, 2)):
        return 1.0
    return float(np.interp(disputing, _DISPUTING, _DISPUTING_STRONG))


def _wrong_at(disputed: FloatN, bar: float) -> FloatN:
    return np.asarray(scipy.special.expit(_SLOPE * (disputed - bar)))
