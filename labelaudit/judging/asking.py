"""What answers of people say of all labels: whom to ask about, how many are wrong, how sure each verdict is.

The evidence ranks samples; how wrong the samples of a rank are is what nobody can tell from it. So a family of curves
p(wrong | evidence) is believed in before anybody answers, each as far as it fits what was seen on data with a known
truth, and answers move the belief among them (a Bayesian logistic regression on a grid, with a share of mistakes that
the evidence never shows and a share of right labels that it always accuses). The rate is the mean of a curve over all
samples, so it has a posterior of its own, and needs no large numbers.

Who is asked about is drawn by lot, with probabilities that the square root of p (1 - p) gives, which is what narrows
a rate fastest (Neyman's allocation), and a floor for all, so that mistakes where nobody expects them are found. The
probabilities are stored with the answers: whoever distrusts the curves can weigh by them (`weighed_rate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN
from labelaudit.core.shares import NORMAL_90, TAILS_90, Share

Table = NDArray[np.float64]  # (G, B), one row a curve and one column a bin of the evidence

# The family. Evidence is counted in units of what it is where it agrees with a label most clearly (its 90th
# percentile); in these units centres of .05 to .45 and slopes of 5 to 9 were seen on seven sets with a known truth.
_CENTRES = np.linspace(-0.6, 2.0, 27)
_SLOPES = np.geomspace(1.5, 18.0, 9)
_ACCUSED = np.array([0.01, 0.15, 0.4])  # share of labels that are right wherever the evidence is against them
_HIDDEN = np.array([0.0005, 0.03, 0.1])  # share of labels that are wrong wherever the evidence is for them
_CENTRE, _CENTRE_SPREAD, _RIGHTWARD = 0.27, 0.25, 1.6  # a network may well be weaker than thought; hardly better
_SLOPE, _SLOPE_SPREAD = np.log(6.0), 0.45
_ACCUSED_BELIEF, _HIDDEN_BELIEF = np.array([0.6, 0.25, 0.15]), np.array([0.6, 0.25, 0.15])
_ALL_RIGHT = 0.03  # belief that every label is right, beside the curves
_RATE_SPREAD = 1.5  # log odds by which a detector's noise rate is off, at least: networks call right labels wrong
_BINS = 80  # of the evidence; the curves are smooth
_AGREES = 0.9  # quantile of the evidence for labels that makes the unit

# Weight of an answer about a sample that was drawn, and about one that somebody chose to look at. The first is below 1
# because no curve of the family is quite the true one: with 1 the interval of 100 answers held the rate in 83 to 94 %.
_BLIND, _CHOSEN = 0.85, 0.45
_FLOOR = 0.15  # share of the questions that go anywhere alike
_MOST, _LEAST = 0.5, 0.2  # p(wrong) between which the threshold of a flag lies
_FEW = 10.0  # expected mistakes up to which their number is a Poisson one
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Answers:
    """What people said of A samples."""

    rows: IntN  # (A,) all different
    wrong: BoolN  # (A,) the given label is wrong
    blind: BoolN  # (A,) the sample was drawn by lot, not chosen


@dataclass(frozen=True, slots=True)
class Number:
    """How many labels are wrong, with a 90 % interval."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of N labels after some answers."""

    wrong: FloatN  # (N,) p(wrong); 0 or 1 where people said so
    flag_from: float  # p(wrong) from which a label is flagged: where F1 is expected to be highest
    bins: IntN  # (N,) place of each sample in the curves
    curves: Table  # (G, B) p(wrong) by bin
    weight: FloatN  # (G,) how far each curve is believed, adds up to 1
    known: BoolN  # (N,) people said so

    @property
    def rate(self) -> Share:
        """Share of the N labels that are wrong, with a 90 % interval."""
        found, size = self.expected(np.ones(len(self.wrong), dtype=bool)), max(len(self.wrong), 1)
        return Share(found.expected / size, found.low / size, found.high / size)

    def expected(self, rows: BoolN) -> Number:
        """Return how many of some labels are wrong.

        Args:
            rows: (N,) which.
        """
        sure = float(self.wrong[rows & self.known].sum())
        counts = np.bincount(self.bins[rows & ~self.known], minlength=self.curves.shape[1]).astype(np.float64)
        mean, variance = self.curves @ counts, (self.curves * (1 - self.curves)) @ counts
        low, high = _number_between(mean, variance, self.weight)
        middle = float(self.weight @ mean)
        return Number(sure + middle, sure + min(low, middle), sure + max(high, middle))


def believe(against: FloatN, answers: Answers, *, detector: Share | None = None) -> Belief:
    """Return what is believed of N labels.

    Args:
        against: (N,) evidence against each label, such as log p(best other) - log p(given); 0 = as much for as against.
        answers: of people; none is fine.
        detector: the noise rate that the evidence alone suggests; None = it suggests none.
    """
    scaled, bins = _binned(against)
    centres = np.bincount(bins, scaled) / np.maximum(np.bincount(bins), 1)
    curves, weight = _family(centres)
    if detector is not None:
        weight = _normalised(
            weight + _agreement(curves @ np.bincount(bins, minlength=len(centres)), detector, len(bins))
        )
    answered, place = np.unique(bins[answers.rows], return_inverse=True)
    at = np.clip(curves[:, answered], 1e-5, 1 - 1e-3)
    counted = np.where(answers.blind, _BLIND, _CHOSEN)
    n_wrong = np.bincount(place, counted * answers.wrong, minlength=len(answered))
    n_right = np.bincount(place, counted * ~answers.wrong, minlength=len(answered))
    weight = weight + np.log(at) @ n_wrong + np.log1p(-at) @ n_right
    share = np.exp(_normalised(weight))
    wrong = (share @ curves)[bins]
    wrong[answers.rows] = answers.wrong
    known = np.zeros(len(bins), dtype=bool)
    known[answers.rows] = True
    return Belief(wrong, flag_threshold(wrong), bins, curves, share, known)


def flag_threshold(wrong: FloatN) -> float:
    """Return the p(wrong) from which flags have the highest expected F1, from 0.2 to 0.5.

    The best F1 is reached by flagging what is likelier wrong than half of it.

    Args:
        wrong: (N,) calibrated p(wrong).
    """
    ordered = np.sort(wrong)[::-1]
    found = np.cumsum(ordered)
    f1 = 2 * found / (np.arange(1, len(ordered) + 1) + max(float(found[-1]) if len(found) else 0.0, _TINY))
    return float(np.clip(f1.max(initial=0.0) / 2, _LEAST, _MOST))


@dataclass(frozen=True, slots=True)
class Questions:
    """Samples to ask about, in the order in which they are asked."""

    rows: IntN  # (Q,)
    probability: FloatN  # (Q,) with which one question, drawn by lot, is about this sample


def draw_questions(belief: Belief, n: int, *, rng: np.random.Generator, without: BoolN | None = None) -> Questions:
    """Return whom to ask about next: up to n samples that nobody has decided on, in random order.

    Args:
        belief: as answers so far leave it.
        n: how many.
        rng: draws them.
        without: (N,) samples that nobody can answer.
    """
    open_ = ~belief.known if without is None else ~belief.known & ~without
    rows = np.flatnonzero(open_)
    if not len(rows):
        return Questions(rows, np.zeros(0))
    doubt = np.sqrt(np.maximum(belief.wrong[rows] * (1 - belief.wrong[rows]), 1e-6))
    probability = (1 - _FLOOR) * doubt / doubt.sum() + _FLOOR / len(rows)
    n = min(n, len(rows))
    order = rng.permutation(len(rows))
    ends = np.cumsum(_inclusion(probability, n)[order])  # systematic sampling: each as often as it should, none twice
    picked = order[np.minimum(np.searchsorted(ends, rng.random() + np.arange(n), side="right"), len(rows) - 1)]
    picked = rng.permutation(np.unique(picked))
    return Questions(rows[picked], probability[picked])


def weighed_rate(expected: FloatN, wrong: BoolN, probability: FloatN, *, mean_expected: float, n_open: int) -> Share:
    """Return the share of wrong labels by the sampling alone, unbiased whatever the curve.

    Args:
        expected: (A,) p(wrong) that was expected of each answered sample before it was.
        wrong: (A,) the answers.
        probability: (A,) with which one question was about it.
        mean_expected: mean p(wrong) that was expected of all samples that could be asked about.
        n_open: their number.

    Source:
        The difference estimator of survey sampling with the variance of Hansen and Hurwitz 1943, "On the Theory of
        Sampling from Finite Populations", for draws with replacement.
    """
    each = mean_expected + (wrong - expected) / (probability * n_open)
    error = NORMAL_90 * float(each.std(ddof=1)) / np.sqrt(len(each)) if len(each) > 1 else 1.0
    rate = float(np.clip(each.mean(), 0, 1))
    return Share(rate, float(np.clip(rate - error, 0, rate)), float(np.clip(rate + error, rate, 1)))


def would_narrow(against: FloatN, n: int, *, detector: Share | None = None) -> float:
    """Return about how far from the rate the ends of its interval will be after n answers, where there are none yet.

    Args:
        against: (N,) as in `believe`.
        n: answers.
        detector: as in `believe`.
    """
    nobody = Answers(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    belief = believe(against, nobody, detector=detector)
    counts = np.bincount(belief.bins, minlength=belief.curves.shape[1]) / max(len(belief.bins), 1)
    doubt = belief.weight @ (np.sqrt(belief.curves * (1 - belief.curves)) @ counts)  # as Neyman's allocation leaves it
    return NORMAL_90 * float(doubt) / float(np.sqrt(max(n, 1)))


def as_ranked(against: FloatN, rank: IntN) -> FloatN:
    """Return (N,) evidence in the order of some ranks, with the values of another evidence: the worst has the most.

    Args:
        against: (M,) evidence against labels, of some or all of the samples.
        rank: (N,) places from 1, 1 = most suspicious, all different.
    """
    known, n = np.sort(against), len(rank)
    if len(known) != n:
        known = np.interp((np.arange(n) + 0.5) / max(n, 1), (np.arange(len(known)) + 0.5) / max(len(known), 1), known)
    ranked = np.empty(n)
    ranked[np.argsort(-rank)] = known
    return ranked


def _binned(against: FloatN) -> tuple[FloatN, IntN]:
    """Return (N,) the evidence in units of clear agreement, and its bin."""
    agrees = -against[against < 0]
    unit = float(np.quantile(agrees, _AGREES)) if len(agrees) else 1.0
    scaled = against / max(unit, 1e-3)
    edges = np.unique(np.quantile(scaled, np.linspace(0, 1, _BINS + 1)))
    bins = np.clip(np.searchsorted(edges, scaled, side="right") - 1, 0, max(len(edges) - 2, 0))
    _, bins = np.unique(bins, return_inverse=True)  # none is empty
    return scaled, bins.astype(np.int64)


def _family(centres: FloatN) -> tuple[Table, FloatN]:
    """Return (G, B) curves at (B,) evidence, the last of which says that all is right, and (G,) log beliefs."""
    axes = np.meshgrid(_CENTRES, _SLOPES, range(len(_ACCUSED)), range(len(_HIDDEN)), indexing="ij")
    centre, slope, accused, hidden = (axis.ravel() for axis in axes)
    accused_share, hidden_share = _ACCUSED[accused], _HIDDEN[hidden]
    steep = 1 / (1 + np.exp(-np.clip(slope[:, None] * (centres - centre[:, None]), -40, 40)))
    curves = hidden_share[:, None] + (1 - accused_share - hidden_share)[:, None] * steep
    off = (centre - _CENTRE) / (_CENTRE_SPREAD * np.where(centre > _CENTRE, _RIGHTWARD, 1.0))
    belief = -2.5 * np.log1p(off**2 / 4) - 0.5 * ((np.log(slope) - _SLOPE) / _SLOPE_SPREAD) ** 2
    belief += np.log(_ACCUSED_BELIEF)[accused] + np.log(_HIDDEN_BELIEF)[hidden]
    belief = np.append(_normalised(belief) + np.log1p(-_ALL_RIGHT), np.log(_ALL_RIGHT))
    return np.concatenate([curves, np.full((1, len(centres)), 1e-6)]), belief


def _agreement(expected: FloatN, detector: Share, n: int) -> FloatN:
    """Return (G,) how well curves with these numbers of mistakes fit a detector's rate; far off counts little more."""
    low, rate, high = _log_odds(np.array([detector.low, detector.rate, detector.high]), n).tolist()
    spread = max(_RATE_SPREAD, (high - low) / (2 * NORMAL_90))
    off = (_log_odds(expected / n, n) - rate) / spread
    return np.asarray(-np.log1p(off**2 / 4))


def _log_odds(share: FloatN, n: int) -> FloatN:
    bounded = np.clip(share, 0.5 / n, 1 - 0.5 / n)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))


def _normalised(belief: FloatN) -> FloatN:
    return np.asarray(belief - np.logaddexp.reduce(belief))


def _inclusion(probability: FloatN, n: int) -> FloatN:
    """Return how often each is among n questions: n times its probability, at most once; the rest share what is cut."""
    expected = np.minimum(n * probability, 1.0)
    for _ in range(50):
        missing = n - float(expected.sum())
        room = expected < 1
        if missing < 1e-9 or not room.any():
            break
        expected = np.where(room, np.minimum(expected * (1 + missing / float(expected[room].sum())), 1.0), 1.0)
    return expected


def _number_between(mean: FloatN, variance: FloatN, weight: FloatN) -> tuple[float, float]:
    """Return the 5 and 95 % quantiles of a number of mistakes.

    Args:
        mean: (G,) expected by each curve.
        variance: (G,) of the number, the mistakes being independent.
        weight: (G,) belief in each curve.
    """
    from scipy.special import ndtr, pdtr

    believed = weight > 1e-7 * weight.max()
    mean, variance, weight = mean[believed], variance[believed], weight[believed] / weight[believed].sum()

    def share_up_to(k: int) -> float:
        few = pdtr(k, mean)
        many = ndtr((k + 0.5 - mean) / np.sqrt(np.maximum(variance, _TINY)))
        return float(weight @ np.where(mean < _FEW, few, many))

    most = int(mean.max() + 6 * np.sqrt(mean.max() + 1)) + 2
    low, high = (_first_at_least(share_up_to, tail, most) for tail in TAILS_90)
    return float(low), float(high)


def _first_at_least(share_up_to: Callable[[int], float], share: float, most: int) -> int:
    """Return the first number up to which a share is reached, by halving."""
    below, reached = -1, most
    while reached - below > 1:
        middle = (below + reached) // 2
        below, reached = (below, middle) if share_up_to(middle) >= share else (middle, reached)
    return reached
