"""How an audit's numbers read as words: the same in the terminal, in a notebook and in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelaudit.core.issues import has_general_doubt

Summary = Mapping[str, Any]  # what `summarise` returns


def percent(share: float) -> str:
    """Return a share as "21.3 %", and very small ones as "< 0.1 %"."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{share:.1%}".replace("%", " %")


def range_of(interval: Sequence[float] | None) -> str:
    """Return an interval as "8.9 to 11.4 %"; "-" for none."""
    return "-" if interval is None else f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f} %"


def duration(seconds: float) -> str:
    """Return "0.4 s", "12 s", "3 min 05 s" or "2 h 10 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def is_lost(summary: Summary) -> bool:
    """Whether nothing can be told of any label."""
    return has_general_doubt(summary["noise"]["doubts"])


def headline(summary: Summary) -> str:
    """Return how noisy the labels are, as one sentence without a full stop."""
    noise = summary["noise"]
    if is_lost(summary):
        return "Cannot tell right labels from wrong ones"
    if noise["quiet"]:
        return quiet_headline(summary)
    return f"Likely {percent(noise['rate'])} wrong labels, about {round(noise['expected']):,} of {noise['labels']:,}"


def quiet_headline(summary: Summary) -> str:
    """Return what can be said where there is no evidence of wrong labels."""
    interval = summary["noise"]["interval"]
    if not interval:
        return "No wrong label found; this method cannot tell that there is none (the default can)"
    high = percent(interval[1])
    if not summary["witnesses"]:
        return f"No evidence of label noise: at most {high} of the labels are wrong, with 90 % certainty"
    return f"No evidence of label noise: none is certain, at most {high} are wrong"


def ends_of(summary: Summary) -> str:
    """Return what is known of the rate besides the likely one; "" for nothing.

    It is what witnesses prove and dispute, or the interval of known-wrong labels.
    """
    interval = summary["noise"]["interval"]
    if not interval:
        return ""
    if not summary["witnesses"]:
        return f"{range_of(interval)} with 90 % certainty"
    return f"certain {percent(interval[0])}, at most {percent(interval[1])}"
