"""Embeddings and probabilities beside a table of labels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def labels(root, *names):
    source = root / "labels.csv"
    source.write_text("x,label\n" + "".join(f"{i},{name}\n" for i, name in enumerate(names)))
    return source


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def npy(root, values, name="array.npy"):
    np.save(root / name, values)
    return str(root / name)


def parquet(root, columns):
    pq.write_table(pa.table(columns), root / "array.parquet")
    return str(root / "array.parquet")


def test_embeddings_follow_the_rows_of_the_table(tmp_path):
    values = np.arange(8, dtype=np.float64).reshape(4, 2)
    dataset = read(labels(tmp_path, "a", "", "b", "a"), embeddings=npy(tmp_path, values))
    assert dataset.kind == "embeddings"
    assert dataset.content.values.tolist() == [[0, 1], [4, 5], [6, 7]]
    assert dataset.content.values.dtype == np.float32
    assert dataset.given.tolist() == [0, 1, 0]
    assert dataset.sample_ids == ("0", "2", "3")
    assert dataset.paths == ("labels.csv:2", "labels.csv:4", "labels.csv:5")


def test_a_column_of_paths_names_the_embedded_samples(tmp_path):
    source = tmp_path / "labels.csv"
    source.write_text("path,label\nx/a.jpg,u\nx/b.jpg,v\n")  # the files need not exist
    dataset = read(source, embeddings=npy(tmp_path, np.eye(2)))
    assert dataset.sample_ids == dataset.paths == ("x/a.jpg", "x/b.jpg")


def test_rows_that_are_not_finite_are_put_aside(tmp_path):
    values = np.array([[1.0, 2.0], [np.nan, 0.0], [1e300, 0.0], [3.0, 4.0]])
    dataset = read(labels(tmp_path, "a", "b", "b", "b"), embeddings=npy(tmp_path, values))
    assert dataset.content.values.tolist() == [[1, 2], [3, 4]]
    assert [row.issue for row in dataset.set_aside] == ["unreadable", "unreadable"]
    assert dataset.set_aside[1].detail == "array.npy row 2: not a finite number"
    assert dataset.set_aside[1].given_label == "b"


def test_parquet_embeddings_are_columns_or_lists(tmp_path):
    source = labels(tmp_path, "a", "b")
    columns = read(source, embeddings=parquet(tmp_path, {"x": [1, 2], "y": [0.5, 1.5]}))
    assert columns.content.values.tolist() == [[1, 0.5], [2, 1.5]]
    fixed = pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2))
    assert read(source, embeddings=parquet(tmp_path, {"e": fixed})).content.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((5, 2)), r"array\.npy: 5 rows, but the table of labels has 3\.\nRow i of the array"),
        (np.zeros(3), r"shape \(3,\), but one row of numbers per sample is needed"),
        (np.array([["a"], ["b"], ["c"]]), r"type <U1, but numbers are needed"),
        (np.array([{}, {}, {}]), r"holds Python objects, which are not read: loading them could run code\."),
    ],
)
def test_arrays_that_do_not_fit_say_why(tmp_path, values, message):
    with pytest.raises(DataError, match=message):
        read(labels(tmp_path, "a", "b", "a"), embeddings=npy(tmp_path, values))


def test_files_that_are_no_arrays_say_so(tmp_path):
    source = labels(tmp_path, "a", "b")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match=r"bad\.npy: not a \.npy file, or damaged\."):
        read(source, embeddings=str(tmp_path / "bad.npy"))
    with pytest.raises(ConfigError, match=r"--embeddings \S+/bed\.npy does not exist\.\nDid you mean 'bad\.npy'\?"):
        read(source, embeddings=str(tmp_path / "bed.npy"))
    with pytest.raises(ConfigError, match=r"--probs \S+labels\.csv: only \.npy and \.parquet files are read\."):
        read(source, probs=str(source))
    with pytest.raises(DataError, match=r"columns that are no numbers: 'name'\."):
        read(source, embeddings=parquet(tmp_path, {"name": ["u", "v"], "x": [1.0, 2.0]}))
    with pytest.raises(DataError, match=r"lists of different lengths or empty ones: 1, 2\."):
        read(source, embeddings=parquet(tmp_path, {"e": [[1.0], [1.0, 2.0]]}))


def test_probability_columns_follow_the_sorted_classes(tmp_path):
    values = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    dataset = read(labels(tmp_path, "dog", "", "cat"), probs=npy(tmp_path, values))
    assert (dataset.kind, dataset.classes) == ("probs", ("cat", "dog"))
    assert np.allclose(dataset.content.values, [[0.9, 0.1], [0.2, 0.8]])
    assert dataset.given.tolist() == [1, 0]
    assert dataset.remarks[-1].text == "array.npy: columns are the classes in this order: cat, dog."


def test_named_columns_are_matched_to_classes_by_name(tmp_path):
    path = parquet(tmp_path, {"dog": [0.9, 0.3], "cat": [0.1, 0.6], "ant": [0.0, 0.1]})
    dataset = read(labels(tmp_path, "dog", "cat"), probs=path)
    assert dataset.classes == ("ant", "cat", "dog")
    assert np.allclose(dataset.content.values, [[0, 0.1, 0.9], [0.1, 0.6, 0.3]])
    assert dataset.given.tolist() == [2, 1]
    assert dataset.remarks[-1].text == "array.parquet: columns are matched to classes by name."


def test_numbered_classes_without_a_sample_keep_their_column(tmp_path):
    dataset = read(labels(tmp_path, "0", "3"), probs=npy(tmp_path, np.full((2, 4), 0.25)))
    assert dataset.classes == ("0", "1", "2", "3")
    assert dataset.given.tolist() == [0, 3]
    assert dataset.remarks[-1].text == "array.npy: column j is class j, for 0 to 3."


def test_another_number_of_columns_than_classes_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"3 columns for 2 classes: cat, dog\.\nOne column per class, in sorted order"):
        read(labels(tmp_path, "dog", "cat"), probs=npy(tmp_path, np.full((2, 3), 1 / 3)))


@pytest.mark.parametrize(
    ("row", "what", "hint"),
    [
        ([0.9, 0.2], r"row 2 sums to 1\.1\.", "Divide each row by its sum"),
        ([-3.0, 4.0], r"row 2 holds -3\.", "look like logits"),
        ([np.nan, 1.0], r"row 2 holds nan\.", "finite probabilities"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused(tmp_path, row, what, hint):
    values = np.array([[0.5, 0.5], [9.0, 9.0], row])
    with pytest.raises(DataError, match=rf"1 of 2 rows are no probabilities; {what}\n.*{hint}"):
        read(labels(tmp_path, "a", "", "b"), probs=npy(tmp_path, values))


def test_rounded_probabilities_are_accepted(tmp_path):
    dataset = read(labels(tmp_path, "a", "b"), probs=npy(tmp_path, np.array([[0.333, 0.66], [0.5, 0.509]])))
    assert len(dataset) == 2


def drawn(names, seed=0, n=120, noise=0.1):
    """Return given names and (n, C) probabilities of the true ones, in the order of the names."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, len(names), n)
    given = np.where(rng.random(n) < noise, (true + 1) % len(names), true)
    logits = rng.normal(size=(n, len(names)))
    logits[np.arange(n), true] += 4
    return [names[k] for k in given], np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_columns_in_another_order_are_refused_and_the_order_can_be_said(tmp_path):
    given, probs = drawn(["yak", "bat", "cow"])
    source = labels(tmp_path, *given)
    with pytest.raises(DataError, match=r"another order: \d+% .* in the order yak, bat, cow\.\n.*--class-names"):
        read(source, probs=npy(tmp_path, probs))
    (tmp_path / "order.txt").write_text("yak\nbat\ncow\n")
    dataset = read(source, probs=npy(tmp_path, probs), class_names=str(tmp_path / "order.txt"))
    assert dataset.classes == ("bat", "cow", "yak")
    assert np.allclose(dataset.content.values, probs[:, [1, 2, 0]])


def test_two_swapped_columns_among_many_are_refused(tmp_path):
    given, probs = drawn(["a", "b", "c", "d", "e", "f"])
    with pytest.raises(DataError, match=r"in the order a, b, d, c, e, f\."):
        read(labels(tmp_path, *given), probs=npy(tmp_path, probs[:, [0, 1, 3, 2, 4, 5]]))


@pytest.mark.parametrize("noise", [0.0, 0.4, 0.55])
def test_noise_is_not_taken_for_another_order(tmp_path, noise):
    given, probs = drawn(["a", "b", "c"], noise=noise)
    assert read(labels(tmp_path, *given), probs=npy(tmp_path, probs)).kind == "probs"


@pytest.mark.parametrize("pattern", ["prob_{}", "{}_prob", "P({})"])
def test_names_with_the_same_beginning_and_end_are_matched(tmp_path, pattern):
    path = parquet(tmp_path, {pattern.format("Dog"): [0.9, 0.2], pattern.format("Cat"): [0.1, 0.8]})
    dataset = read(labels(tmp_path, "Dog", "Cat"), probs=path)
    assert np.allclose(dataset.content.values, [[0.1, 0.9], [0.8, 0.2]])
    assert pattern.format("NAME") in dataset.remarks[-1].text


def test_a_column_of_ids_is_no_class(tmp_path):
    path = parquet(tmp_path, {"id": [0, 1], "v": [0.1, 0.8], "u": [0.9, 0.2]})
    dataset = read(labels(tmp_path, "u", "v"), probs=path)
    assert dataset.classes == ("u", "v")
    assert dataset.remarks[-1].text.endswith("by name; not a class: 'id'.")


def test_names_that_are_no_classes_are_refused_unless_they_are_places(tmp_path):
    path = parquet(tmp_path, {"left": [0.9, 0.2], "right": [0.1, 0.8]})
    with pytest.raises(DataError, match=r"are called 'left', 'right', and the classes u, v\.\n.*--class-names"):
        read(labels(tmp_path, "u", "v"), probs=path)
    places = parquet(tmp_path, {"p0": [0.9, 0.2], "p1": [0.1, 0.8]})
    assert read(labels(tmp_path, "u", "v"), probs=places).kind == "probs"


def test_logits_whose_first_row_is_positive_are_told_as_such(tmp_path):
    with pytest.raises(DataError, match=r"row 1 holds -2\.\n.*look like logits"):
        read(labels(tmp_path, "u", "v"), probs=npy(tmp_path, np.array([[3.0, 1.0], [-2.0, 1.0]])))
