import numpy as np
import pytest

from labelaudit.functional.forest import forest_log_probs


def cloud(n, *, classes=3, seed=0):
    draw = np.random.default_rng(seed)
    given = np.arange(n) % classes
    return draw.normal(size=(n, 4)) + given[:, None], given, np.arange(n) // classes % 3


def asked(columns, given, folds, *, classes=3):
    return forest_log_probs(columns, given, classes, folds=folds, trees=40, draw=np.random.default_rng(5))


def test_rows_are_probabilities_and_nothing_is_ruled_out():
    found = asked(*cloud(60), classes=4)  # nobody has the last class
    assert np.exp(found).sum(axis=1) == pytest.approx(np.ones(60))
    assert np.exp(found[:, 3]) == pytest.approx(np.full(60, 0.5 / 42))


def test_no_forest_sees_the_labels_of_its_fold():
    columns, given, folds = cloud(90)
    other = np.where(folds == 0, (given + 1) % 3, given)
    before, after = asked(columns, given, folds), asked(columns, other, folds)
    assert np.array_equal(before[folds == 0], after[folds == 0])
    assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_a_fold_without_a_class_elsewhere_is_answered():
    columns, given, _ = cloud(30)
    found = asked(columns, given, (given == 0).astype(np.int64))
    assert np.exp(found[given == 0][:, 0]) == pytest.approx(np.full(10, 0.5 / 41.5))
