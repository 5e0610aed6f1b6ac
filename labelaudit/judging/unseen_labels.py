"""How likely a label is right that no network has learnt from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)

# Of labels that come later, where an audit found fewer wrong ones or none: new data may be worse than old data.
LEAST_NOISE = 0.02


def unseen_clean_prob(given_probs: FloatN, n_classes: int, *, noise_rate: float) -> FloatN:
    """Return (N,) p(label is right | sample, label) by Bayes' rule, from predictions that never saw the label.

    A wrong label is any of the others with the same probability: p(g | true class j) = noise_rate / (C - 1) for j != g.
    A network is not sure of samples that it has not learnt from, so that a fixed limit on their loss would accuse many
    right labels: measured on digits with 20 % wrong labels, docs/how-to/update.md.

    Args:
        given_probs: (N,) model probability of the given label.
        n_classes: C.
        noise_rate: share of wrong labels to expect; held to `LEAST_NOISE` to 0.5.
    """
    rate = float(np.clip(noise_rate, LEAST_NOISE, 0.5))
    right = given_probs * (1.0 - rate)
    wrong = (1.0 - given_probs) * rate / (n_classes - 1)
    found: FloatN = right / np.maximum(right + wrong, 1e-12)
    return found
