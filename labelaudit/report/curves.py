"""What an audit kept of its training, and what looking at suspects brings: lines over epochs and over looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.arrays import FloatN
from labelaudit.core.decisions import Known
from labelaudit.core.errors import DataError
from labelaudit.core.files import parse_json, read_own

_MOST_POINTS = 240  # of a line: more cannot be seen


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its name."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def read_events(path: Path) -> list[dict[str, Any]]:
    """Return the events of an audit; lines that a crash cut off are left out, and a missing file has none."""
    try:
        texts = read_own(path).decode("utf-8", errors="replace").splitlines()
    except (DataError, OSError):
        return []
    return [event for event in map(_event, texts) if event is not None]


def training_lines(events: Iterable[Mapping[str, Any]], kind: str, value: str) -> list[Line]:
    """Return one line per stage over its epochs; an epoch that was done twice counts as it was done last.

    Args:
        events: of an audit.
        kind: EpochFinished or EpochTested.
        value: what of it: mean_loss or accuracy.
    """
    titles: dict[str, str] = {}
    stages: dict[str, dict[int, float]] = {}
    for event in events:
        if event.get("event") == "StageStarted":
            titles[str(event.get("stage"))] = str(event.get("title"))
        number = event.get(value)
        if event.get("event") == kind and isinstance(number, int | float) and np.isfinite(number):
            epoch = event.get("epoch")
            stages.setdefault(str(event.get("stage")), {})[epoch if isinstance(epoch, int) else 0] = float(number)
    return [
        Line(titles.get(stage, stage), tuple(map(float, sorted(seen))), tuple(seen[epoch] for epoch in sorted(seen)))
        for stage, seen in stages.items()
    ]


def expected_line(clean_prob: FloatN) -> Line:
    """Return the errors expected among the first looks, the most suspicious sample first, from (0, 0) on.

    Args:
        clean_prob: (N,).
    """
    found = np.concatenate([[0.0], np.cumsum(1.0 - np.sort(clean_prob))])
    at = np.unique(np.linspace(0, len(found) - 1, _MOST_POINTS).astype(np.int64))
    # a line through evenly spaced looks would cut off the bend at its beginning
    at = np.union1d(at, np.unique(np.geomspace(1, max(len(found) - 1, 1), _MOST_POINTS // 4).astype(np.int64)))
    at = at[at < len(found)]
    return Line("expected, the most suspicious first", tuple(at.astype(float).tolist()), tuple(found[at].tolist()))


def decided_line(decisions: Sequence[Known]) -> Line:
    """Return how many labels people found wrong with their looks, in the order in which they looked, from (0, 0) on."""
    looked = (known for known in decisions if known.decision != "open" or known.kind)  # ambiguous: looked at, and open
    looks = sorted(looked, key=lambda known: known.when)
    found = np.cumsum([0, *(known.decision == "wrong" for known in looks)])
    return Line("decided by people", tuple(map(float, range(len(found)))), tuple(map(float, found)))


def _event(text: str) -> dict[str, Any] | None:
    try:
        event = parse_json(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
