"""Which column of probabilities is which class, and what numbers are no probabilities."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import Probabilities
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.column_order import find_other_order
from labelaudit.sources.read import read_dataset

FISH = ("bream", "carp", "pike")


def drawn(n, n_classes, *, seed=0, noise=0.08, sure=4.0):
    """Return (N,) true and given labels and (N, C) logits of a good model."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n)
    given = np.where(rng.random(n) < noise, (true + 1) % n_classes, true)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), true] += sure
    return true, given, logits


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def read(root, values, given, names=FISH, **settings):
    """Return the dataset of labels beside an array, or beside columns {name: numbers}."""
    (root / "labels.csv").write_text("label\n" + "".join(f"{names[label]}\n" for label in given))
    if isinstance(values, dict):
        pq.write_table(pa.table(values), root / "probs.parquet")
        return read_dataset(root / "labels.csv", DataSettings(probs=str(root / "probs.parquet"), **settings))
    np.save(root / "probs.npy", values)
    return read_dataset(root / "labels.csv", DataSettings(probs=str(root / "probs.npy"), **settings))


def test_columns_in_another_order_are_refused_with_the_order_that_fits(tmp_path):
    _, given, logits = drawn(240, 3)
    shuffled = softmax(logits)[:, [2, 0, 1]]  # pike, bream, carp
    with pytest.raises(DataError) as caught:
        read(tmp_path, shuffled, given)
    text = str(caught.value)
    assert "seem to be in another order: predictions agree with 7 % of the labels, and with 93 % after" in text
    assert "after bream -> pike, carp -> bream, pike -> carp." in text
    assert "--prob-columns pike,bream,carp says so; --prob-columns bream,carp,pike keeps them as they are." in text
    mended = read(tmp_path, shuffled, given, prob_columns="pike,bream,carp")
    assert np.allclose(mended.content.values, softmax(logits), atol=1e-6)
    assert mended.remarks[-1].text == "probs.npy: columns are the classes of --prob-columns."
    kept = read(tmp_path, shuffled, given, prob_columns="bream,carp,pike")
    assert np.allclose(kept.content.values, shuffled, atol=1e-6)


def test_a_part_of_the_columns_in_another_order_is_found(tmp_path):
    names = ("Ant", "Zebra", "bee", "cat", "dog")
    _, given, logits = drawn(500, 5, noise=0.05)
    by_case = softmax(logits)[:, [0, 2, 3, 4, 1]]
    with pytest.raises(DataError, match=r"--prob-columns Ant,bee,cat,dog,Zebra says so"):
        read(tmp_path, by_case, given, names)


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_are_often_wrong_are_no_other_order(seed):
    true, _, logits = drawn(400, 4, seed=seed)
    swapped = np.where(np.random.default_rng(seed).random(400) < 0.45, true ^ 1, true)
    assert find_other_order(softmax(logits), swapped) is None


@pytest.mark.parametrize("seed", range(5))
def test_many_classes_with_few_samples_and_a_weak_model_are_no_other_order(seed):
    _, given, logits = drawn(120, 50, seed=seed, sure=1.0)
    assert find_other_order(softmax(logits), given) is None


def test_two_columns_of_many_that_change_places_are_found():
    _, given, logits = drawn(1000, 20)
    order = np.arange(20)
    order[[3, 11]] = 11, 3
    found = find_other_order(softmax(logits)[:, order], given)
    assert found is not None
    assert found.columns.tolist() == order.tolist()
    assert found.would_agree == pytest.approx((logits.argmax(axis=1) == given).mean())


@pytest.mark.parametrize("name", ["prob_{}", "p_{}", "{}", "{}_score", "proba[{}]", "Prob {}"])
def test_named_columns_are_matched_whatever_stands_around_the_class(tmp_path, name):
    _, given, logits = drawn(240, 3)
    probs = softmax(logits)
    dataset = read(tmp_path, {name.format(FISH[k]): probs[:, k] for k in (2, 0, 1)}, given)
    assert dataset.classes == FISH
    assert isinstance(dataset.content, Probabilities)
    assert np.allclose(dataset.content.values, probs, atol=1e-6)
    assert dataset.remarks[-1].text == "probs.parquet: columns are matched to classes by name."


def test_named_columns_that_hold_other_classes_are_refused(tmp_path):
    _, given, logits = drawn(240, 3)
    probs = softmax(logits)
    columns = {"prob_pike": probs[:, 0], "prob_bream": probs[:, 1], "prob_carp": probs[:, 2]}
    with pytest.raises(DataError, match=r"--prob-columns bream,carp,pike says so; --prob-columns pike,bream,carp"):
        read(tmp_path, columns, given)


@pytest.mark.parametrize("ids", [list(range(30)), [f"{i}.jpg" for i in range(30)]])
def test_a_column_of_ids_is_no_class(tmp_path, ids):
    _, given, logits = drawn(30, 3)
    dataset = read(tmp_path, {"id": ids, **{FISH[k]: softmax(logits)[:, k] for k in range(3)}}, given)
    assert dataset.classes == FISH
    assert np.allclose(dataset.content.values, softmax(logits), atol=1e-6)
    said = "" if isinstance(ids[0], str) else "; left out, as no class: 'id'"
    assert said in dataset.remarks[-1].text


def test_a_class_without_a_sample_is_no_id(tmp_path):
    _, given, logits = drawn(30, 3)
    dataset = read(tmp_path, {FISH[k]: softmax(logits)[:, k] for k in range(3)}, np.minimum(given, 1))
    assert dataset.classes == FISH


def test_an_array_that_counts_its_rows_says_so(tmp_path):
    _, given, logits = drawn(30, 3)
    with pytest.raises(DataError, match=r"4 columns for 3 classes: bream, carp, pike\. Column 1 counts the rows"):
        read(tmp_path, np.column_stack([np.arange(30), softmax(logits)]), given)


def test_a_column_is_left_out_by_the_user(tmp_path):
    _, given, logits = drawn(30, 3)
    values = np.column_stack([np.arange(30), softmax(logits)])
    assert np.allclose(
        read(tmp_path, values, given, prob_columns="-,bream,carp,pike").content.values, softmax(logits), atol=1e-6
    )


def test_a_class_that_no_column_names_is_told(tmp_path):
    _, given, logits = drawn(30, 3)
    columns = {"p_bream": softmax(logits)[:, 0], "p_carp": softmax(logits)[:, 1], "p_pikes": softmax(logits)[:, 2]}
    with pytest.raises(DataError, match=r"no column for the class 'pike'\.\nDid you mean 'p_pikes'\?"):
        read(tmp_path, columns, given)


def test_columns_of_a_csv_are_matched_by_name(tmp_path):
    _, given, logits = drawn(60, 3)
    probs = softmax(logits)
    (tmp_path / "labels.csv").write_text("label\n" + "".join(f"{FISH[label]}\n" for label in given))
    rows = "".join(f"{i}.jpg,{row[2]},{row[0]},{row[1]}\n" for i, row in enumerate(probs.tolist()))
    (tmp_path / "probs.csv").write_text("file,prob_pike,prob_bream,prob_carp\n" + rows)
    dataset = read_dataset(tmp_path / "labels.csv", DataSettings(probs=str(tmp_path / "probs.csv")))
    assert isinstance(dataset.content, Probabilities)
    assert np.allclose(dataset.content.values, probs, atol=1e-6)


def test_logits_become_probabilities_and_are_named(tmp_path):
    _, given, logits = drawn(60, 3)
    dataset = read(tmp_path, logits, given)
    assert np.allclose(dataset.content.values, softmax(logits), atol=1e-6)
    assert dataset.remarks[-1].level == "warning"
    assert dataset.remarks[-1].text == "probs.npy holds logits; a softmax of each row made them probabilities."
    logs = read(tmp_path, np.log(softmax(logits)), given)
    assert np.allclose(logs.content.values, softmax(logits), atol=1e-6)
    assert logs.remarks[-1].text.startswith("probs.npy holds log-probabilities;")


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_column_is_the_second_of_two_classes(tmp_path, shape):
    _, given, logits = drawn(60, 2)
    probs = softmax(logits)
    dataset = read(tmp_path, probs[:, 1].reshape(shape), given, ("no", "yes"))
    assert isinstance(dataset.content, Probabilities)
    assert np.allclose(dataset.content.values, probs, atol=1e-6)
    assert dataset.remarks[-1].text == "probs.npy: one column: the probability of yes, the second of no and yes."
    with pytest.raises(DataError, match=r"--prob-columns no says so; --prob-columns yes keeps them"):
        read(tmp_path, probs[:, 0].reshape(shape), given, ("no", "yes"))
    first = read(tmp_path, probs[:, 0].reshape(shape), given, ("no", "yes"), prob_columns="no")
    assert np.allclose(first.content.values, probs, atol=1e-6)


def test_one_column_named_after_a_class_is_of_that_class(tmp_path):
    _, given, logits = drawn(60, 2)
    dataset = read(tmp_path, {"prob_no": softmax(logits)[:, 0]}, given, ("no", "yes"))
    assert np.allclose(dataset.content.values, softmax(logits), atol=1e-6)


def test_sums_that_rounding_explains_are_accepted(tmp_path):
    _, given, logits = drawn(60, 3)
    dataset = read(tmp_path, np.floor(softmax(logits) * 100) / 100, given)  # sums of 0.98 to 1
    assert len(dataset) == 60
    with pytest.raises(DataError, match=r"60 of 60 rows are no probabilities; row 0 sums to 0\.97\."):
        read(tmp_path, softmax(logits) * 0.97, given)


def test_prob_columns_that_do_not_fit_say_why(tmp_path):
    _, given, logits = drawn(30, 3)
    probs = softmax(logits)
    with pytest.raises(DataError, match=r"--prob-columns names 2 columns, and \S+probs\.npy has 3\."):
        read(tmp_path, probs, given, prob_columns="bream,carp")
    with pytest.raises(DataError, match=r"--prob-columns has no 'pike'\.\nDid you mean 'pikes'\?"):
        read(tmp_path, probs, given, prob_columns="bream,carp,pikes")
    with pytest.raises(DataError, match=r"--prob-columns has 'carp' twice\."):
        read(tmp_path, np.column_stack([probs, probs[:, 0]]), given, prob_columns="bream,carp,pike,carp")
    with pytest.raises(ConfigError, match=r"data\.prob_columns"):
        DataSettings(prob_columns="a,b")


def test_prob_columns_may_be_a_file_with_one_class_a_line(tmp_path):
    _, given, logits = drawn(30, 3)
    (tmp_path / "names.txt").write_text("pike\nbream\ncarp\n")
    dataset = read(tmp_path, softmax(logits)[:, [2, 0, 1]], given, prob_columns=str(tmp_path / "names.txt"))
    assert np.allclose(dataset.content.values, softmax(logits), atol=1e-6)
