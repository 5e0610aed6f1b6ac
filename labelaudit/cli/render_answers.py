"""How far people have come with an audit, and what is left to find, as text on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labelaudit.core.errors import count

if TYPE_CHECKING:
    from rich.console import Console


def print_answers(console: Console, answers: Mapping[str, Any]) -> None:
    """Print how many suspects were looked at, the errors left, and what the next looks would find.

    Args:
        console: where to.
        answers: of a summary.
    """
    left, upcoming = answers["errors_left_among_suspects"], answers["next"]
    looked = f"{answers['looked_at']:,} of {count(answers['suspects'], 'suspect')} looked at"
    console.print(f"Looked at        {looked}, {count(answers['answers'], 'answer')} in all", markup=False)
    console.print(f"                 expected errors left among them {_between(left)}", markup=False)
    if upcoming["looks"]:
        expected = f"{_between(upcoming)} wrong labels, with 90 % probability"
        console.print(f"                 the next {upcoming['looks']:,} looks: {expected}", markup=False)
        console.print(f"                 in all of the data: {_between(answers['errors_left'])} left", markup=False)


def _between(number: Mapping[str, float]) -> str:
    low, high = round(number["low"]), round(number["high"])
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
