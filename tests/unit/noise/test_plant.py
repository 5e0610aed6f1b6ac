"""Planted noise: counts, destinations, names and messages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelaudit.noise.matrices import (
    CIFAR10_CLASSES,
    CIFAR100_CLASSES,
    block_matrix,
    cifar10_asym_matrix,
    pair_flip_matrix,
)
from labelaudit.noise.plant import plant, plant_by_matrix, plant_symmetric, wrong_rate
from labelaudit.noise.spec import NoiseSpec, parse_noise

CIFAR10_LABELS = np.repeat(np.arange(10), 500)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def flips(true, given_labels):
    """The (true, given) pairs that differ, with their counts."""
    wrong = true != given_labels
    pairs, sizes = np.unique(np.stack([true[wrong], given_labels[wrong]]), axis=1, return_counts=True)
    return {(int(a), int(b)): int(n) for a, b, n in zip(*pairs, sizes, strict=True)}


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.333, 0.8, 1.0])
def test_exact_symmetric_noise_without_the_true_class_has_exactly_the_rate(rate, rng):
    labels = rng.integers(0, 10, size=1_001)
    assert (plant_symmetric(labels, 10, rate, rng) != labels).sum() == round(rate * 1_001)


def test_symmetric_noise_with_the_true_class_is_wrong_less_often_than_its_rate(rng):
    labels = rng.integers(0, 10, size=50_000)
    assert wrong_rate(plant_symmetric(labels, 10, 0.8, rng, include_true=True), labels) == pytest.approx(0.72, abs=0.01)


def test_symmetric_noise_reaches_every_other_class_alike(rng):
    labels = np.zeros(100_000, dtype=np.int64)
    sizes = np.bincount(plant_symmetric(labels, 5, 1.0, rng), minlength=5)
    assert sizes[0] == 0
    assert sizes[1:] == pytest.approx(np.full(4, 25_000), rel=0.03)


def test_inexact_noise_hits_the_rate_in_expectation_only(rng):
    labels = rng.integers(0, 10, size=10_000)
    sizes = {int((plant_symmetric(labels, 10, 0.2, rng, exact=False) != labels).sum()) for _ in range(5)}
    assert len(sizes) > 1
    assert np.mean(list(sizes)) == pytest.approx(2_000, rel=0.05)
    by_matrix = plant_by_matrix(labels, pair_flip_matrix(10, 0.2), rng, exact=False)
    assert wrong_rate(by_matrix, labels) == pytest.approx(0.2, abs=0.02)


def test_cifar10_flips_are_the_five_of_the_published_code(rng):
    noisy = plant_by_matrix(CIFAR10_LABELS, cifar10_asym_matrix(0.4), rng)
    assert flips(CIFAR10_LABELS, noisy) == {(9, 1): 200, (2, 0): 200, (4, 7): 200, (3, 5): 200, (5, 3): 200}
    assert wrong_rate(noisy, CIFAR10_LABELS) == 0.2


def test_cifar10_flips_of_the_paper_s_text_leave_dogs_alone(rng):
    noisy = plant(CIFAR10_LABELS, parse_noise("asym_c10_paper:0.4", 10), rng)
    assert flips(CIFAR10_LABELS, noisy) == {(9, 1): 200, (2, 0): 200, (4, 7): 200, (3, 5): 200}
    assert wrong_rate(noisy, CIFAR10_LABELS) == pytest.approx(0.16)


def test_cifar100_flips_stay_in_the_superclass_and_wrap_round(rng):
    labels = np.repeat(np.arange(100), 10)
    noisy = plant(labels, parse_noise("asym:0.3", 100, CIFAR100_CLASSES), rng)
    moved = {CIFAR100_CLASSES[a]: CIFAR100_CLASSES[b] for a, b in flips(labels, noisy)}
    assert wrong_rate(noisy, labels) == pytest.approx(0.3)
    assert [moved[name] for name in ("beaver", "dolphin", "otter", "seal", "whale")] == [
        *("dolphin", "otter", "seal", "whale", "beaver")
    ]
    assert moved["orchid"] == "poppy"
    assert moved["tulip"] == "orchid"


def test_a_map_moves_the_classes_that_it_names(rng):
    labels = np.repeat(np.arange(3), 10)
    noisy = plant(labels, parse_noise("map:0.3: cat>dog, dog>cat ", 3, ("bird", "cat", "dog")), rng)
    assert flips(labels, noisy) == {(1, 2): 3, (2, 1): 3}


def test_confusion_noise_has_exactly_the_rate_and_goes_where_the_row_says(rng):
    labels = np.repeat(np.arange(3), 1_000)
    confusion = np.array([[90, 9, 1], [0, 50, 50], [0, 0, 0]])
    noisy = plant(labels, parse_noise("confusion:0.3", 3), rng, evidence=confusion)
    found = flips(labels, noisy)
    assert [int((noisy != labels)[labels == label].sum()) for label in range(3)] == [300] * 3
    assert found[0, 1] / (found[0, 1] + found[0, 2]) == pytest.approx(0.9, abs=0.05)
    assert found.get((1, 0), 0) <= 2  # only the 1e-5 that every cell gets
    assert found[2, 0] == pytest.approx(found[2, 1], rel=0.3)  # a row without counts is uniform


def test_confusion_noise_as_the_published_code_draws_it_has_its_rate_over_the_dataset_alone(rng):
    labels = np.repeat(np.arange(3), 1_000)
    noisy = plant(labels, parse_noise("confusion_whole:0.3", 3), rng, evidence=np.ones((3, 3)))
    per_class = [int((noisy != labels)[labels == label].sum()) for label in range(3)]
    assert sum(per_class) == 900
    assert per_class != [300] * 3


def test_chained_flips_take_some_cats_back_from_the_dogs(rng):
    labels = np.repeat(np.arange(10), 1_000)
    noisy = plant(labels, parse_noise("asym_c10_chained:0.4", 10), rng)
    found = flips(labels, noisy)
    assert {pair: found[pair] for pair in ((9, 1), (2, 0), (4, 7))} == {(9, 1): 400, (2, 0): 400, (4, 7): 400}
    taken_back = 400 - found[3, 5]
    assert found[5, 3] + taken_back == 560  # 40 % of 1,400 that were called dogs
    assert wrong_rate(noisy, labels) == pytest.approx(0.184, abs=0.003)


def test_noise_by_a_classifier_takes_its_answers(rng):
    labels, probs = np.array([0, 1, 1, 0]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    assert plant(labels, parse_noise("semantic:0.05", 2), rng, evidence=probs).tolist() == [0, 0, 1, 1]


def test_nothing_is_planted_where_nothing_is_asked_for(rng):
    assert plant(CIFAR10_LABELS, parse_noise("none", 10), rng).tolist() == CIFAR10_LABELS.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instance:0.2", "instance needs features"),
        ("semantic:0.2", "needs probs"),
        ("open_set:0.2", "replaces samples"),
    ],
)
def test_noise_without_its_evidence_is_refused(text, message, rng):
    with pytest.raises(ValueError, match=message):
        plant(CIFAR10_LABELS, parse_noise(text, 10), rng)


def test_pair_noise_moves_each_class_to_the_next(rng):
    labels = np.repeat(np.arange(3), 10)
    noisy = plant_by_matrix(labels, pair_flip_matrix(3, 0.3), rng)
    assert flips(labels, noisy) == {(0, 1): 3, (1, 2): 3, (2, 0): 3}


def test_block_noise_stays_in_its_block_and_wraps_round():
    matrix = block_matrix(12, 5, 0.4)
    targets = [int(np.flatnonzero(row == 0.4)[0]) for row in matrix]
    assert targets == [1, 2, 3, 4, 0, 6, 7, 8, 9, 5, 11, 10]


def test_matrix_noise_draws_destinations_from_the_row(rng):
    transition = np.array([[0.5, 0.4, 0.1], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    labels = np.repeat(np.arange(3), 10_000)
    noisy = plant_by_matrix(labels, transition, rng)
    found = flips(labels, noisy)
    assert found[0, 1] + found[0, 2] == 5_000
    assert found[0, 1] == pytest.approx(4_000, rel=0.05)
    assert found[2, 0] == 10_000
    assert (noisy[labels == 1] == 1).all()


@given(
    text=st.sampled_from(["sym:{}", "sym_incl:{}", "sym_excl:{}", "pair:{}", "block5:{}", "asym:{}"]),
    rate=st.floats(0, 1),
    n_classes=st.sampled_from([2, 3, 5, 10, 17]),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_planted_labels_are_always_classes(text, rate, n_classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, size=200)
    noisy = plant(labels, parse_noise(text.format(rate), n_classes), rng)
    assert noisy.dtype == np.int64
    assert noisy.shape == labels.shape
    assert 0 <= noisy.min() <= noisy.max() < n_classes


def test_the_same_generator_state_plants_the_same_noise_and_leaves_the_truth():
    before = CIFAR10_LABELS.copy()
    first, second, other = (
        plant(CIFAR10_LABELS, NoiseSpec("sym_excl", 0.2, 10), np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert first.tolist() == second.tolist() != other.tolist()
    assert CIFAR10_LABELS.tolist() == before.tolist()


@pytest.mark.parametrize(
    ("text", "classes", "name", "rate"),
    [
        ("sym:0.2", (), "sym_excl", 0.2),
        ("sym_excl:0.2", (), "sym_excl", 0.2),
        ("sym_incl: 0.4", (), "sym_incl", 0.4),
        ("asym:0.4", CIFAR10_CLASSES, "asym_c10", 0.4),
        ("asym:0.4", [c.title() for c in CIFAR10_CLASSES], "asym_c10", 0.4),
        ("asym:0.4", [str(c) for c in range(10)], "pair", 0.4),
        ("asym_c10:0.4", (), "asym_c10", 0.4),
        ("pair:0.3", (), "pair", 0.3),
        ("block5:1", (), "block5", 1.0),
        ("asym_c100_block5:0.2", (), "block5", 0.2),
        ("none", (), "none", 0.0),
        ("asym:0.3:counts.npy", (), "confusion", 0.3),
    ],
)
def test_noise_is_parsed_by_name_and_rate(text, classes, name, rate):
    spec = parse_noise(text, 10, classes)
    assert (spec.name, spec.rate, spec.n_classes) == (name, rate, 10)


def test_options_of_a_noise_are_parsed():
    assert parse_noise("confusion:0.3:counts.npy", 10) == NoiseSpec("confusion", 0.3, 10, file="counts.npy")
    assert parse_noise("asym:0.3:1>2", 3) == NoiseSpec("map", 0.3, 3, flips=((1, 2),))
    assert parse_noise("open_set:0.3:4", 10) == NoiseSpec("open_set", 0.3, 10, left_out=4)
    assert parse_noise("open_confusion:0.3", 10).left_out == 2
    assert parse_noise("open_set:0.3", 3).left_out == 1


@pytest.mark.parametrize(
    ("text", "n_classes", "message"),
    [
        (
            "salt:0.2",
            10,
            "unknown noise 'salt'; known: none, sym_excl, sym_incl, asym_c10, .*open_confusion_code, sym, asym_c1",
        ),
        ("sym", 10, r"needs a rate after a colon, such as 'sym_excl:0\.2', not nothing"),
        ("pair:lots", 10, r"needs a rate after a colon, such as 'pair:0\.2', not 'lots'"),
        ("sym:1.2", 10, r"lies in \[0, 1\], not at 1\.2"),
        ("sym:nan", 10, r"lies in \[0, 1\], not at nan"),
        ("asym_c10:0.2", 7, "10 CIFAR-10 classes; this dataset has 7"),
        ("block5:0.2", 11, "11 classes in blocks of 5 leave a class"),
        ("sym:0.2", 1, "at least 2 classes, not 1"),
        ("asym_c100_super:0.2", 10, "100 CIFAR-100 classes; this dataset has 10"),
        ("sym:0.2:3", 10, "sym_excl takes no option after its rate"),
        ("map:0.2", 10, "needs a map after its rate, such as 'map:0.3:cat>dog,dog>cat'"),
        ("map:0.2:1-2", 10, "flip '1-2' has no '>'"),
        ("map:0.2:1>x", 3, "flip '1>x': no class 'x'; classes: 0, 1, 2"),
        ("map:0.2:1>1", 3, "class '1' stays itself or moves twice"),
        ("map:0.2:1>2,1>0", 3, "class '1' stays itself or moves twice"),
        ("open_set:0.2:two", 10, "number of classes to leave out, not 'two'"),
        ("open_set:0.2:9", 10, "leaves out 1 to 8 of 10 classes, not 9"),
    ],
)
def test_noise_that_cannot_be_planted_says_why(text, n_classes, message):
    with pytest.raises(ValueError, match=message):
        parse_noise(text, n_classes)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 3], r"run from 0 to 3, outside 0\.\.2"), ([-1, 0], "run from -1 to 0"), ([0.5, 1.0], "must be integers")],
)
def test_labels_outside_the_classes_are_refused(labels, message, rng):
    with pytest.raises(ValueError, match=message):
        plant_symmetric(np.array(labels), 3, 0.2, rng)


@pytest.mark.parametrize(
    ("transition", "message"),
    [(np.ones((2, 3)) / 3, r"shape \(C, C\), not \(2, 3\)"), (np.ones((2, 2)), "sum to 1"), ([[2, -1], [0, 1]], "sum")],
)
def test_a_matrix_that_is_no_transition_is_refused(transition, message, rng):
    with pytest.raises(ValueError, match=message):
        plant_by_matrix(np.array([0, 1]), transition, rng)


def test_wrong_rate_counts_differences_and_is_nan_for_no_labels():
    assert wrong_rate(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.25
    assert np.isnan(wrong_rate(np.array([], dtype=int), np.array([], dtype=int)))
    with pytest.raises(ValueError, match="same shape"):
        wrong_rate(np.array([0, 1]), np.array([0]))


def test_no_labels_stay_no_labels(rng):
    assert plant(np.array([], dtype=np.int64), NoiseSpec("pair", 0.5, 3), rng).size == 0
