"""Noise that depends on the sample, open sets and long tails."""

import numpy as np
import pytest

from labelaudit.noise.by_sample import long_tail, plant_ambiguous, plant_by_part, plant_open_set
from labelaudit.noise.matrices import confusion_matrix
from labelaudit.noise.plant import wrong_rate


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_most_doubtful_labels_flip_to_the_second_choice():
    labels = np.array([0, 0, 1, 2])
    probs = np.array([[0.9, 0.1, 0.0], [0.4, 0.2, 0.4], [0.1, 0.6, 0.3], [0.0, 0.7, 0.3]])
    assert plant_ambiguous(labels, probs, 0.5).tolist() == [0, 2, 1, 1]
    assert plant_ambiguous(labels, probs, 0.25).tolist() == [0, 0, 1, 1]
    assert labels.tolist() == [0, 0, 1, 2]


# the mean of a normal distribution around the rate, deviation 0.1, that is cut off at 0 and 1
@pytest.mark.parametrize(("rate", "actual"), [(0.0, 0.0), (0.1, 0.1288), (0.3, 0.3004), (0.6, 0.6)])
def test_instance_noise_has_the_mean_of_its_flip_rates(rate, actual, rng):
    labels = rng.integers(0, 5, size=20_000)
    noisy = plant_by_part(labels, rng.standard_normal((20_000, 8)), 5, rate, rng)
    assert wrong_rate(noisy, labels) == pytest.approx(actual, abs=0.01)
    assert 0 <= noisy.min() <= noisy.max() <= 4


def test_instance_noise_depends_on_the_features_and_not_on_the_class_alone(rng):
    labels = np.zeros(4_000, dtype=np.int64)
    features = np.repeat(np.eye(2)[:, None] * 30.0, 2_000, axis=1).reshape(4_000, 2)
    noisy = plant_by_part(labels, features, 4, 0.5, rng)
    first, second = (np.bincount(part[part > 0], minlength=4) for part in (noisy[:2_000], noisy[2_000:]))
    assert first.argmax() != second.argmax()
    assert first.max() > 0.95 * first.sum()


def test_an_open_set_leaves_the_last_classes_out_and_shows_each_of_their_samples_once(rng):
    labels = rng.integers(0, 5, size=1_000)
    stay, content = plant_open_set(labels, 5, 2, 0.2, rng)
    replaced = content != stay
    assert stay.tolist() == np.flatnonzero(labels < 3).tolist()
    assert replaced.sum() == round(0.2 * len(stay))
    assert (labels[content[replaced]] >= 3).all()
    assert len(set(content.tolist())) == len(content)


@pytest.mark.parametrize(("by_column", "expected"), [(False, {(0, 2), (1, 3)}), (True, {(0, 3), (1, 2)})])
def test_an_open_set_by_confusion_follows_the_row_of_the_label_or_as_published_its_column(by_column, expected, rng):
    labels = np.repeat(np.arange(4), 100)
    confusion = np.zeros((4, 4))
    confusion[0, 2] = confusion[1, 3] = 1.0  # our classes 0 and 1 are taken for 2 and 3
    confusion[3, 0] = confusion[2, 1] = 1.0  # class 3 is taken for 0, and 2 for 1
    stay, content = plant_open_set(labels, 4, 2, 0.3, rng, confusion=confusion, by_column=by_column)
    replaced = content != stay
    pairs = set(zip(labels[stay[replaced]].tolist(), labels[content[replaced]].tolist(), strict=True))
    assert pairs == expected
    per_class = np.bincount(labels[stay[replaced]]).tolist()
    assert per_class == [30, 30] or (by_column and sum(per_class) == 60)


def test_an_open_set_goes_on_with_another_class_when_one_is_used_up(rng):
    labels = np.array([0] * 20 + [1] * 20 + [2] * 2 + [3] * 20)
    confusion = np.zeros((4, 4))
    confusion[:2, 2] = 1.0
    stay, content = plant_open_set(labels, 4, 2, 0.25, rng, confusion=confusion)
    shown = labels[content[content != stay]]
    assert sorted(shown.tolist()) == [2, 2] + [3] * 8


def test_an_open_set_without_enough_samples_says_how_many_there_are(rng):
    with pytest.raises(ValueError, match="10 samples are to be replaced, and the 1 classes left out have 2"):
        plant_open_set(np.array([0] * 10 + [1] * 10 + [2] * 2), 3, 1, 0.5, rng)


def test_a_long_tail_shrinks_exponentially_and_keeps_the_order(rng):
    labels = np.tile(np.arange(3), 1_000)
    kept = long_tail(labels, 3, 100, rng)
    assert np.bincount(labels[kept]).tolist() == [1_000, 100, 10]
    assert (np.diff(kept) > 0).all()
    assert long_tail(labels, 3, 1, rng).tolist() == list(range(3_000))
    with pytest.raises(ValueError, match=r"1 or more, not 0\.5"):
        long_tail(labels, 3, 0.5, rng)


def test_a_class_that_is_small_already_is_kept_whole(rng):
    labels = np.array([0] * 100 + [1] * 3 + [2] * 50)
    assert np.bincount(labels[long_tail(labels, 3, 4, rng)]).tolist() == [100, 3, 25]


def test_a_confusion_is_the_mean_of_a_class_s_probabilities():
    probs = np.array([[0.8, 0.2, 0.0], [0.6, 0.2, 0.2], [0.0, 1.0, 0.0]])
    found = confusion_matrix(probs, np.array([0, 0, 1]))
    assert found == pytest.approx(np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
