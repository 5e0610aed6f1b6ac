"""A forest of randomised trees on the columns of a table, out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

FloatND = NDArray[np.floating[Any]]  # (N, D)
IntN = NDArray[np.int64]  # (N,)

_MOST_TAUGHT = 20_000  # samples that a forest learns from; more cost minutes and change little


def forest_log_probs(
    columns: FloatND, given: IntN, n_classes: int, *, folds: IntN, trees: int, draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return (N, C) log probabilities by forests that did not see the sample's fold.

    A class that no tree votes for gets half a vote, so that one forest alone rules nothing out.

    Args:
        columns: (N, D) finite values.
        given: (N,) labels in 0..C-1.
        n_classes: C.
        folds: (N,) fold of each sample, 0..K-1.
        trees: of each forest.
        draw: of the trees, and of the samples that they learn from where there are many.

    Source:
        Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees", Machine Learning 63.
    """
    from sklearn.ensemble import ExtraTreesClassifier  # late: most scans never ask a forest

    votes = np.zeros((len(given), n_classes))
    for fold in range(int(folds.max()) + 1):
        asked = folds == fold
        taught = np.flatnonzero(~asked)
        if len(taught) > _MOST_TAUGHT:
            taught = draw.choice(taught, _MOST_TAUGHT, replace=False)
        forest = ExtraTreesClassifier(trees, random_state=int(draw.integers(2**31)), n_jobs=torch.get_num_threads())
        forest.fit(columns[taught], given[taught])
        votes[np.ix_(asked, forest.classes_)] = forest.predict_proba(columns[asked])
    found: NDArray[np.float64] = np.log((votes * trees + 0.5) / (trees + 0.5 * n_classes))
    return found
