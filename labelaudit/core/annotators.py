"""What several people's answers say of the people, where the given labels are what their answers add up to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_LISTED = 1000  # samples that need another look, in audit.json


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person."""

    name: str
    answers: int
    accuracy: float  # share of the answers that agree with the consensus, as far as that is believed
    low: float  # ends of its 90 % interval
    high: float


@dataclass(frozen=True, slots=True)
class Annotators:
    """All people who answered."""

    persons: tuple[Annotator, ...]  # the least accurate first
    answers: int
    agreement: float | None  # share of pairs of answers to one sample that are the same; None without such pairs
    look_again: tuple[str, ...]  # ids of samples that need another answer, the most doubtful first
    model_weight: float  # of given probabilities, in persons; 0 = they had no say

    def facts(self) -> dict[str, Any]:
        """Return all of it, ready for JSON; of samples to look at again the most doubtful."""
        return asdict(self) | {
            "persons": [asdict(person) for person in self.persons],
            "look_again": {"count": len(self.look_again), "first": list(self.look_again[:_LISTED])},
        }
