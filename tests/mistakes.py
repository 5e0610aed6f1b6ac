"""Kinds of wrong labels as transition tables, and labels drawn from them."""

from typing import Any

import numpy as np


def even(rate: float, n_classes: int) -> Any:
    """Return p(given | true) where every mistake is as likely."""
    return np.eye(n_classes) * (1 - rate) + (1 - np.eye(n_classes)) * rate / (n_classes - 1)


def cycle(rate: float, n_classes: int) -> Any:
    """Return p(given | true) where each class is taken for the next."""
    return np.eye(n_classes) * (1 - rate) + np.roll(np.eye(n_classes), 1, axis=1) * rate


def drawn(rng: Any, probs: Any) -> Any:
    """Return a label for each row of probabilities."""
    return (rng.random((len(probs), 1)) < probs.cumsum(axis=1)).argmax(axis=1)
