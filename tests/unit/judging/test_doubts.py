"""What cannot be told: thresholds at and beside their values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from labelaudit.judging.calibration import NoiseRate
from labelaudit.judging.doubts import Doubt, find_doubts, is_quiet, none_fits

GIVEN = np.arange(300) % 3


def doubts(noise=(0.1, 0.08, 0.12), confusions=None, predicted=GIVEN, given=GIVEN):
    table = np.zeros((3, 3)) if confusions is None else confusions
    return find_doubts(NoiseRate(*noise), table, given=given, predicted=predicted, smallest=5)


def test_ordinary_noise_leaves_no_doubt():
    assert doubts() == ()


@pytest.mark.parametrize(("high", "found"), [(0.59, ()), (0.61, (Doubt("near-chance"),))])
def test_nearly_as_many_wrong_labels_as_by_lot_cannot_be_told(high, found):
    assert doubts((0.5, 0.45, high)) == found  # nine tenths of two thirds
    assert all(doubt.is_general for doubt in found)


@pytest.mark.parametrize(("low", "found"), [(0.11, ()), (0.09, (Doubt("wide-interval"),))])
def test_a_useless_interval_cannot_be_told(low, found):
    assert doubts((0.2, low, 0.4)) == found


@pytest.mark.parametrize(("labels", "found"), [(39, ()), (41, (Doubt("pair", (0, 1)),))])
def test_a_pair_that_may_have_changed_places_is_named(labels, found):
    given = np.repeat([0, 1, 2], [60, 140, 100])  # 60 of class 0 are labelled rightly
    confusions = np.zeros((3, 3))
    confusions[0, 1] = labels / 300
    assert doubts(confusions=confusions, given=given, predicted=given) == found
    assert not any(doubt.is_general for doubt in found)


def test_a_class_that_is_hardly_predicted_is_named_unless_it_is_tiny():
    assert doubts(predicted=np.where(GIVEN == 1, 2, GIVEN)) == (Doubt("class-not-learnt", (1,)),)
    given = np.repeat([0, 1, 2], [148, 4, 148])
    assert doubts(given=given, predicted=np.where(given == 1, 2, given)) == ()


@pytest.mark.parametrize(
    ("low", "flagged", "quiet"), [(0.009, 0.01, True), (0.011, 0.0, False), (0.0, 0.011, False), (0.0, 0.0, True)]
)
def test_there_is_no_evidence_where_little_is_certain_and_little_is_flagged(low, flagged, quiet):
    assert is_quiet(low, flagged) is quiet


def sure(n: int = 200, strange: int = 10, held: float = 0.35) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    probs = np.tile([0.99, 0.005, 0.003], (n, 1))
    probs[:strange] = [held, held, 0.2]
    return probs, np.where(np.arange(n) < strange, 0.3, 0.99)


def strange_of(strange: int = 10, held: float = 0.35) -> NDArray[np.bool_]:
    probs, given = sure(strange=strange, held=held)
    return none_fits(probs, given, 10)


def test_samples_that_no_two_classes_hold_fit_none():
    assert np.flatnonzero(strange_of()).tolist() == list(range(10))


def test_nothing_is_strange_to_an_unsure_network_or_between_two_classes_or_as_seldom_as_in_clean_data():
    probs, given = sure()
    assert not none_fits(probs * 0.95, given, 10).any()
    assert not none_fits(probs, given, 2).any()
    assert not strange_of(strange=2).any()
    assert not strange_of(held=0.4).any()  # two classes share it
