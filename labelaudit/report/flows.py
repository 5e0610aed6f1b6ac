"""Which class is taken for which: the suspects by given and suggested label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelaudit.core.arrays import IntN

OTHERS = "all others"


@dataclass(frozen=True, slots=True)
class Flows:
    """Suspects by label."""

    classes: tuple[str, ...]  # (M,) those with the most suspects, in the order of the dataset
    counts: IntN  # (M, M) given label by suggested one; where `has_others`, the last of both stands for all others
    pairs: tuple[tuple[str, str, int], ...]  # (given, suggested, suspects), the most frequent first
    has_others: bool


def flows_of(given: Sequence[str], suggested: Sequence[str], classes: Sequence[str], *, most: int = 14) -> Flows:
    """Return how many suspects flow from which class to which.

    Args:
        given: (S,) labels of suspects that have a suggestion.
        suggested: (S,) these.
        classes: (C,) in the order to show.
        most: rows of the matrix; the classes beyond are counted together.
    """
    pairs = Counter(zip(given, suggested, strict=True))
    size = Counter(given) + Counter(suggested)
    named = sorted(size, key=lambda name: (-size[name], name))
    has_others = len(named) > most
    chosen = set(named[: most - 1] if has_others else named)
    order = {name: place for place, name in enumerate(classes)}
    shown = sorted(chosen, key=lambda name: (order.get(name, len(order)), name))
    place = {name: at for at, name in enumerate(shown)}
    labels = (*shown, OTHERS) if has_others else tuple(shown)
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for (here, there), n in pairs.items():
        counts[place.get(here, len(shown)), place.get(there, len(shown))] += n
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return Flows(labels, counts, tuple((*pair, n) for pair, n in ranked), has_others)
