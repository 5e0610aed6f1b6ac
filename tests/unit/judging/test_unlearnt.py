"""Classes that are never predicted, beside ones that are."""

import numpy as np
import pytest

from labelaudit.judging.unlearnt import credible_shares, learnt_shares


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
