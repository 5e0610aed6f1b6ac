"""Which samples are shown beside a suspect: the nearest that are probably right, of both classes in question."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelaudit.core.arrays import IntN
from labelaudit.functional.nearest import nearest_of_class
from labelaudit.functional.standardise import standardised
from labelaudit.judging.policy import Verdicts
from labelaudit.scanning.load import Loaded
from labelaudit.training.batches import VectorInputs

_COUNT: Final = 4  # neighbours of each class
_MOST_SUSPECTS: Final = 20_000  # the worst; who looks at more has other means
_LARGEST_POOL: Final = 5_000  # samples of a class to choose from
_RIGHT: Final = 0.5  # the least clean probability of a neighbour


def neighbour_arrays(loaded: Loaded, verdicts: Verdicts) -> dict[str, NDArray[Any]] | None:
    """Return what `core/neighbours.py` reads, None where the samples have no vectors that tell what is alike.

    The worst samples that nobody flagged have neighbours, too: quiet audits are looked at as well.
    """
    vectors = loaded.vectors
    if vectors is None and isinstance(loaded.inputs, VectorInputs):
        vectors = loaded.inputs.values
    if vectors is None or not len(vectors):
        return None
    given = torch.from_numpy(loaded.dataset.given)
    clean = torch.from_numpy(verdicts.clean_prob)
    worst = np.sort(np.argsort(verdicts.clean_prob, kind="stable")[: _worth(verdicts)])
    asked = torch.from_numpy(worst)
    seen = vectors.cpu() if loaded.dataset.kind == "texts" else standardised(vectors.cpu())
    pools = {label: _pool(given, clean, label) for label in range(loaded.dataset.n_classes)}
    tables = [
        nearest_of_class(seen, asked, labels[asked], pools, count=_COUNT)
        for labels in (given, torch.from_numpy(_other(verdicts, loaded.dataset.given)))
    ]
    return {"sample": worst, "given": tables[0].numpy(), "suggested": tables[1].numpy()}


def _worth(verdicts: Verdicts) -> int:
    """Return how many of the worst samples are worth a neighbour: all suspects, and some of the rest."""
    flagged = int(np.isin(verdicts.action, ("relabel", "review")).sum())
    return min(len(verdicts.clean_prob), _MOST_SUSPECTS, max(2 * flagged, 200))


def _other(verdicts: Verdicts, given: IntN) -> IntN:
    return np.where(verdicts.suggested == given, -1, verdicts.suggested)


def _pool(given: Tensor, clean: Tensor, label: int) -> Tensor:
    """Return positions of samples of a class that are probably right, evenly spaced where they are many."""
    found = torch.nonzero((given == label) & (clean >= _RIGHT)).ravel()
    return found[:: -(-len(found) // _LARGEST_POOL) or 1]
