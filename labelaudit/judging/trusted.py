"""What a scan says of labels that are known to be right: false alarms, calibration, and the noise rate.

Known right labels show what the scan itself cannot know: how often it would accuse a right label, and whether its
probabilities mean what they say. If clean_prob c is calibrated, right labels have the density of all labels times
c / E[c], so that their mean clean_prob is E[c^2] / E[c] of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from labelaudit.core.arrays import BoolN, FloatN
from labelaudit.core.shares import NORMAL_90, TAILS_90, Share
from labelaudit.judging.calibration import FEWEST_PLANTED

_PLACE = 0.7  # share of trusted losses below the limit: more lets wrong labels in, less makes the interval wide


@dataclass(frozen=True, slots=True)
class TrustedCheck:
    """How a scan did on the trusted samples."""

    trusted: int  # samples
    false_alarms: int  # of them that would be suspects if they were not trusted
    false_alarm_share: Share
    clean_prob: float  # their mean
    expected_clean_prob: float  # what it would be if clean_prob were calibrated, by the samples that are not trusted
    tolerance: float  # by how much the two may differ by chance, at 90 %
    noise_rate: Share | None  # share of wrong labels among the others; None where too few are trusted

    @property
    def is_calibrated(self) -> bool:
        """Whether the trusted samples give no reason to doubt clean_prob."""
        return abs(self.clean_prob - self.expected_clean_prob) <= self.tolerance


def check_on_trusted(
    losses: FloatN, clean_prob: FloatN, trusted: BoolN, *, suspect_below: float = 0.5
) -> TrustedCheck | None:
    """Return how the evidence and the probabilities of a scan fit labels that are right, None where there are none.

    Only for methods that learn from trusted samples as from any other, or where the job was not told of them: where a
    method leans on them (ieg), or holds on to their labels, their losses are lower than those of other right labels,
    false alarms are counted too few and the noise rate too high.

    Args:
        losses: (N,) nats of the given labels.
        clean_prob: (N,) as the evidence alone has it, before trusted labels are declared right.
        trusted: (N,) labels that are known to be right; chosen at random, or nearly so.
        suspect_below: clean_prob under which a sample is a suspect.
    """
    n = int(trusted.sum())
    if not n or n == len(trusted):
        return None
    of_trusted, of_others = clean_prob[trusted], clean_prob[~trusted]
    alarms = int((of_trusted < suspect_below).sum())
    mean = float(of_others.mean())
    expected = float((of_others**2).mean()) / mean if mean else 0.0
    # variance of one right label's clean_prob under the same density: E[c^3] / E[c] - (E[c^2] / E[c])^2
    variance = max(0.0, float((of_others**3).mean()) / mean - expected**2) if mean else 0.0
    return TrustedCheck(
        trusted=n,
        false_alarms=alarms,
        false_alarm_share=wilson_interval(alarms, n),
        clean_prob=float(of_trusted.mean()),
        expected_clean_prob=expected,
        tolerance=NORMAL_90 * math.sqrt(variance / n),
        noise_rate=noise_rate_by_trusted(losses, trusted),
    )


def noise_rate_by_trusted(losses: FloatN, trusted: BoolN) -> Share | None:
    """Return the share of wrong labels among those that are not trusted with its 90 % interval, None for a few trusted.

    The share of the others whose loss is at most that of seven in ten trusted samples, over the share of all right
    labels that have so low a loss, is the share of right labels. The latter is a Beta quantile, as of any sample's
    order statistics. The place is fixed: where it is chosen for the smallest ratio, chance chooses it, and the rate was
    too high by a quarter with 60 trusted samples. Wrong labels with a low loss are taken for right ones, so that
    the rate is rather too low where the two overlap.

    Args:
        losses: (N,) nats.
        trusted: (N,) labels that are known to be right.
    """
    right, others = np.sort(losses[trusted]), losses[~trusted]
    n = len(right)
    if n < FEWEST_PLANTED or not len(others):
        return None
    limit = right[math.ceil(_PLACE * n) - 1]
    k = int(np.searchsorted(right, limit, side="right"))
    below = k / (n + 1)  # of all right labels
    least, most = scipy.special.betaincinv(k, n + 1 - k, TAILS_90)
    seen = float((others <= limit).mean())
    chance = NORMAL_90 * math.sqrt(max(seen * (1.0 - seen), 1.0 / len(others)) / len(others)) / below
    share = seen / below
    low = share - math.hypot(share - seen / most, chance)
    high = share + math.hypot(seen / least - share, chance)
    rate, low, high = (min(max(1.0 - each, 0.0), 1.0) for each in (share, high, low))
    return Share(rate, low=low, high=high)


def wilson_interval(hits: int, n: int) -> Share:
    """Return a share of n samples with its 90 % interval, which stays between 0 and 1 and is never empty.

    Source:
        Wilson 1927, the score interval.
    """
    rate, z = hits / n, NORMAL_90
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return Share(rate, low=max(0.0, middle - half), high=min(1.0, middle + half))
