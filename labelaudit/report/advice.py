"""What to do with an audit, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labelaudit.core.errors import count
from labelaudit.core.wording import is_lost

_CATCH = 0.8  # share of the errors that a review is planned for
_MANY = 0.15  # share of all suspects that one pair of classes has, from which it is worth a word
_FEW = 4  # suspects of a pair below which it is not


def advice_for(summary: Mapping[str, Any], pairs: tuple[tuple[str, str, int], ...]) -> list[str]:
    """Return what to do next, the first thing first.

    Args:
        summary: of the audit.
        pairs: (given, suggested, suspects), the most frequent first.
    """
    return [*_about_labels(summary, pairs), *_about_files(summary)]


def _about_labels(summary: Mapping[str, Any], pairs: tuple[tuple[str, str, int], ...]) -> Iterator[str]:
    noise = summary["noise"]
    if is_lost(summary):
        yield "Check ten labels of each class by hand, and scan again with them: `labelaudit scan DATA --trusted FILE`."
        yield "The order of the samples below is still the best guess there is; do not rely on the suggestions."
        return
    if noise["quiet"]:
        yield "Nothing has to be done. The samples below are the least certain ones: worth a look, no more."
        yield "`labelaudit ask` draws 30 samples for you to decide on, and narrows the estimate."
        return
    yield from _about_review(summary)
    if summary["actions"]["relabel"]:
        yield (
            f"For {count(summary['actions']['relabel'], 'sample')} the suggested label is more likely right than not;"
            " `labelaudit apply --confident` writes the data with these suggestions applied."
        )
    if pairs and pairs[0][2] >= max(_FEW, _MANY * summary["suspects"]):
        given, suggested, n = pairs[0]
        yield f"{n:,} suspects are labelled {given} and look like {suggested}: does everybody tell the two apart alike?"


def _about_review(summary: Mapping[str, Any]) -> Iterator[str]:
    review, answers = summary["review"], summary.get("answers")
    if answers:
        left = answers["errors_left_among_suspects"]
        yield (
            f"{answers['looked_at']:,} of {count(answers['suspects'], 'suspect')} are looked at;"
            f" {round(left['low']):,} to {round(left['high']):,} wrong labels are left among them."
        )
    looks = [row["looks"] for row in (review or {}).get("catch", []) if row["share"] == _CATCH]
    if looks:
        yield (
            f"Look at the {looks[0]:,} most suspicious samples, with `labelaudit review`: they should hold"
            + f" {_CATCH:.0%} of the".replace("%", " %")
            + f" {review['errors']:,.0f} wrong labels that are expected."
        )


def _about_files(summary: Mapping[str, Any]) -> Iterator[str]:
    aside = summary["set_aside"]["count"]
    if aside:
        yield f"{count(aside, 'sample')} could not be scanned; they are listed at the end."
