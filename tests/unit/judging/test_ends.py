"""Clean probabilities under both ends of the noise rate."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.judging.ends import clean_prob_ends

CLEAN = np.array([0.02, 0.3, 0.6, 0.9, 0.99, 0.999])
ALL = np.ones(6, dtype=np.bool_)


def test_the_mean_under_each_end_is_its_rate_and_the_order_stays():
    low, high = clean_prob_ends(CLEAN, counted=ALL, low=0.1, high=0.55)
    assert (1 - low).mean() == pytest.approx(0.55)
    assert (1 - high).mean() == pytest.approx(0.1)
    assert (low < CLEAN).all()
    assert (high > CLEAN).all()
    for ends in (low, high):
        assert (np.diff(ends) > 0).all()


def test_equal_samples_get_the_rates_themselves():
    low, high = clean_prob_ends(np.full(4, 0.8), counted=np.ones(4, dtype=np.bool_), low=0.05, high=0.4)
    assert low == pytest.approx(np.full(4, 0.6))
    assert high == pytest.approx(np.full(4, 0.95))


def test_only_counted_samples_are_what_the_rate_is_about():
    counted = np.array([True, True, False, False, False, True])
    low, _ = clean_prob_ends(CLEAN, counted=counted, low=0.1, high=0.6)
    assert (1 - low)[counted].mean() == pytest.approx(0.6)


def test_where_nothing_is_certain_every_label_may_be_right():
    low, high = clean_prob_ends(CLEAN, counted=ALL, low=0.0, high=1.0)
    assert (low == 0).all()
    assert (high == 1).all()
