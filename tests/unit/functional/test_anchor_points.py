"""The noise as the surest samples tell it."""

import numpy as np
import pytest

from labelaudit.functional.anchor_points import anchor_transitions

TRUE = np.array([[0.8, 0.2, 0.0], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]])


def noisy_probs(n=3000, seed=0):
    """Return p(given | x) = T^T p(true | x) for samples whose true class is more or less certain."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet([0.05] * 3, size=n)
    return true @ TRUE


def test_the_surest_samples_give_the_rows_of_the_matrix():
    assert anchor_transitions(noisy_probs(), percentile=97) == pytest.approx(TRUE, abs=0.02)


def test_rows_are_those_of_the_samples_at_the_percentile():
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    assert anchor_transitions(probs, percentile=100).tolist() == [[0.9, 0.1], [0.2, 0.8]]
    assert anchor_transitions(probs, percentile=75).tolist() == [[0.6, 0.4], [0.3, 0.7]]


def test_an_outlier_is_left_out_below_the_top():
    probs = np.vstack([noisy_probs(), [[0.999, 0.001, 0.0]]])
    assert anchor_transitions(probs, percentile=100)[0, 0] == pytest.approx(0.999)
    assert anchor_transitions(probs, percentile=97)[0, 0] == pytest.approx(0.8, abs=0.02)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"not \(3,\) and 97"):
        anchor_transitions(np.ones(3), percentile=97)
    with pytest.raises(ValueError, match=r"and 0"):
        anchor_transitions(np.ones((2, 2)), percentile=0)
