"""A share of some samples, with the interval that it lies in."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL_90 = 1.645  # standard deviations to either side that hold 90 % of a normal distribution
TAILS_90 = (0.05, 0.95)  # quantiles at the ends of a 90 % interval


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval, of 90 % or from certain to possible; where none is known, its ends are the share."""

    rate: float  # 0 to 1
    low: float
    high: float

    @property
    def is_point(self) -> bool:
        """Whether no interval is known: one that was estimated has a width."""
        return self.low == self.high


def point(rate: float) -> Share:
    """Return a share of which no interval is known."""
    return Share(rate, low=rate, high=rate)
