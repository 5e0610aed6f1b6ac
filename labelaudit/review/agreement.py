"""How far people agree who looked at the same samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from labelaudit.core.decisions import Known
from labelaudit.review.book import meaning


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two people, the samples on which both decided, and on how many of them alike."""

    first: str
    second: str
    both: int
    alike: int


def agreements(opinions: Iterable[Mapping[str, Known]]) -> list[Agreement]:
    """Return every two people who looked at the same samples, those with the most in common first.

    Args:
        opinions: of each sample, what people say of it, by name.
    """
    both, alike = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for said in opinions:
        for pair in combinations(sorted(said), 2):
            both[pair] += 1
            alike[pair] += meaning(said[pair[0]]) == meaning(said[pair[1]])
    return [Agreement(*pair, n, alike[pair]) for pair, n in both.most_common()]
