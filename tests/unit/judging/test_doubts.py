"""What cannot be told: thresholds at and beside their values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from labelaudit.core.shares import Share
from labelaudit.judging.doubts import Doubt, credible_shares, find_doubts, is_quiet, learnt_shares, none_fits

GIVEN = np.arange(300) % 3


def doubts(noise=(0.1, 0.08, 0.12), confusions=None, predicted=GIVEN, given=GIVEN):
    table = np.zeros((3, 3)) if confusions is None else confusions
    return find_doubts(Share(*noise), table, given=given, predicted=predicted, smallest=5)


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


# Classes that are never predicted, beside ones that are


def believed(wrong, given, predicted, n_classes):
    return credible_shares(wrong, given, learnt_shares(wrong, given, predicted, n_classes))


def labels(*sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def test_what_learnt_classes_are_accused_of_is_believed():
    given = labels(50, 50, 50)
    wrong = np.linspace(0, 1, 150)
    assert believed(wrong, given, given, 3).tolist() == [1, 1, 1]


def test_a_class_that_is_never_predicted_beside_clean_ones_is_not_accused():
    given = labels(500, 500, 10)
    predicted = np.where(given == 2, 0, given)
    wrong = np.where(given == 2, 0.8, 0.02)
    assert believed(wrong, given, predicted, 3) == pytest.approx([1, 1, 0])


def test_a_class_that_is_half_learnt_is_accused_of_half():
    given = labels(500, 500, 40)
    predicted = given.copy()
    predicted[given == 2] = np.tile([0, 0, 0, 0, 2], 8)  # 8 of the 20 that are held for right; 16 would do
    wrong = np.where(given == 2, 0.5, 0.0)
    assert believed(wrong, given, predicted, 3) == pytest.approx([1, 1, 0.5])


@pytest.mark.parametrize(("rate", "certain"), [(0.04, 0.0), (0.075, 0.5), (0.1, 1.0), (0.15, 1.0)])
def test_as_many_wrong_labels_are_believed_as_learnt_classes_have(rate, certain):
    """Clean data may read as 5 %, so that from 5 % on they begin to be believed, and are from 10 % on."""
    given = labels(1000, 1000, 300)
    predicted = np.where(given == 2, 0, given)
    wrong = np.where(given == 2, 0.9, rate)
    elsewhere = np.array([1300 + 1000 * rate, 1300 + 1000 * rate, 2270])  # samples that are held for another class
    each = certain * 2000 * rate / (elsewhere[0] + elsewhere[1])  # into a learnt class, per sample of the others
    assert believed(wrong, given, predicted, 3) == pytest.approx([1, 1, each * elsewhere[2] / 270])


def test_a_rare_class_full_of_wrong_labels_is_believed_where_all_classes_have_them():
    given = labels(1000, 1000, 60)
    predicted = np.where(given == 2, 0, given)
    wrong = np.where(given == 2, 0.9, 0.2)
    assert believed(wrong, given, predicted, 3).tolist() == [1, 1, 1]


def test_classes_without_labels_change_nothing():
    given = labels(50, 0, 50)
    wrong = np.full(100, 0.1)
    assert learnt_shares(wrong, given, given, 3).tolist() == [1, 1, 1]
    assert believed(wrong, given, given, 3).tolist() == [1, 1, 1]


def test_no_samples():
    nothing = np.zeros(0, dtype=np.int64)
    assert believed(nothing.astype(float), nothing, nothing, 3).shape == (3,)
