"""Label cells: missing ones, several labels in one, and names for numbers."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import Vectors
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def table(root, labels, name="table.csv"):
    rows = [f'{i},"{label}"' for i, label in enumerate(labels)]
    source = root / name
    source.write_text("\n".join(["x,label", *rows]) + "\n")
    return source


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def texts(dataset):
    return [remark.text for remark in dataset.remarks]


def test_minus_one_means_no_label_beside_three_numbered_classes_only(tmp_path):
    some = read(table(tmp_path, ["0", "1", "2", "-1", "0", "-1"]))
    assert some.classes == ("0", "1", "2")
    assert len(some.set_aside) == 2
    assert "taken for missing: '-1' (2); --labels-as-written" in " ".join(texts(some))
    assert read(table(tmp_path, ["-1", "0", "1", "0"])).classes == ("-1", "0", "1")
    assert read(table(tmp_path, ["-1", "0", "1", "2"]), labels_as_written=True).classes == ("-1", "0", "1", "2")


@pytest.mark.parametrize(
    ("labels", "between"),
    [
        (["rust scab", "scab rust", "ok", "rust", "ok"], "blanks"),
        (["rust", "scab", "ok", "rust scab", "rust ok"], "blanks"),
        (["red,blue", "blue,red", "green"], "commas"),
        (["a|b", "b|c", "a|c", "a|b|c", "d"], "bars"),
        (["a; b", "b; c", "a; c", "d"], "semicolons"),
        (["['a', 'b']", "['a']", "['b']"], "lists"),
    ],
)
def test_several_labels_in_a_cell_are_refused_with_a_way_out(tmp_path, labels, between):
    with pytest.raises(DataError, match=rf"several labels, (separated by|as) {between}: .*\n.*--labels-as-written"):
        read(table(tmp_path, labels))
    assert len(read(tmp_path / "table.csv", labels_as_written=True).classes) == len(set(labels))


def test_sets_of_labels_become_pairs_where_they_may(tmp_path):
    source = table(tmp_path, ["rust scab", "scab rust", "ok", "rust", "", "ok"])
    found = read_dataset(source, DataSettings(), several=True)
    several = found.samples.several
    assert several is not None
    assert (several.names, several.kind, several.between) == (("ok", "rust", "scab"), "cells", " ")
    assert several.has.astype(int).tolist() == [[0, 1, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert found.sample_ids[:3] == ("0#ok", "0#rust", "0#scab")
    assert [found.classes[label] for label in found.given[:3]] == ["not ok", "rust", "scab"]
    assert [row.issue for row in found.set_aside] == ["missing-label"]
    assert "up to 2 of 3 labels" in " ".join(texts(found))


def test_columns_of_bits_may_leave_a_sample_without_a_label(tmp_path):
    source = tmp_path / "table.csv"
    source.write_text("id,rust,scab,spot\na,1,1,0\nb,0,0,0\nc,0,1,1\n")
    several = read_dataset(source, DataSettings(embeddings=vectors(tmp_path, 3)), several=True).samples.several
    assert several is not None
    assert (several.names, several.kind) == (("rust", "scab", "spot"), "columns")
    assert several.has.astype(int).tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]


def test_names_of_labels_may_be_in_a_file(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\nelk\n")
    source = table(tmp_path, ["0;1", "1;2", "0;2", "2;1", "0"])
    several = read_dataset(source, DataSettings(), several=True).samples.several
    assert several is not None
    assert several.names == ("cat", "dog", "elk")


def vectors(root, n):
    np.save(root / "vectors.npy", np.arange(2.0 * n).reshape(n, 2))
    return str(root / "vectors.npy")


def test_labels_that_may_mean_none_are_said(tmp_path):
    found = read(table(tmp_path, ["cat", "dog", "?", "cat", "dog"]))
    assert found.classes == ("?", "cat", "dog")
    assert "may mean that there is none, read as classes: '?' (1)" in " ".join(texts(found))


@pytest.mark.parametrize(
    "labels",
    [
        ["golden retriever", "black cat", "cat", "retriever"],
        ["apple healthy", "apple rust", "plum healthy", "plum rust"],
        ["tench, Tinca tinca", "goldfish, Carassius auratus", "shark"],
        ["animal|dog", "animal|cat", "plant|rose"],
        ["black cat", "black", "cat"],
    ],
)
def test_names_of_several_words_stay_classes(tmp_path, labels):
    assert read(table(tmp_path, labels)).classes == tuple(sorted(labels))


def test_lists_of_one_label_are_the_label(tmp_path):
    assert read(table(tmp_path, ["['cat']", "['dog']", "[]"])).classes == ("cat", "dog")
    path = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [["cat"], ["dog"]]}), path)
    assert read(path).classes == ("cat", "dog")
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [["cat", "dog"], ["dog"]]}), path)
    with pytest.raises(DataError, match=r"seem to hold several labels, as lists: 'cat\|dog'\.\n.*--label-column"):
        read(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("labels.txt", "0 cat\n1 dog\n"),
        ("labels.txt", "0: cat\n1: dog\n"),
        ("id2label.json", json.dumps({"0": "cat", "1": "dog"})),
        ("class_indices.json", json.dumps({"cat": 0, "dog": 1})),
        ("classes.json", json.dumps(["cat", "dog"])),
    ],
)
def test_names_beside_the_data_are_those_of_the_numbers(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    dataset = read(table(tmp_path, ["0", "1", "0"]))
    assert dataset.classes == ("cat", "dog")
    assert f"Class names are from {tmp_path / name}, such as 'cat' for '0'." in texts(dataset)


def test_numbers_from_one_are_named_from_the_first(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert read(table(tmp_path, ["1", "2"])).classes == ("cat", "dog")


def test_a_file_about_something_else_is_passed_over(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "labels.txt").write_text("a.jpg 0\nb.jpg 1\n")
    assert read(table(tmp_path, ["0", "1"])).classes == ("0", "1")
    assert read(table(tmp_path, ["x", "y"])).classes == ("x", "y")


def test_a_file_of_names_can_be_given_and_must_fit(tmp_path):
    names = tmp_path / "mine.lst"
    names.write_text("cat\ndog\n")
    assert read(table(tmp_path, ["0", "1"]), class_names=str(names)).classes == ("cat", "dog")
    with pytest.raises(DataError, match=r"its 2 names \(cat, dog\) do not fit the 3 classes: 0, 1, 7"):
        read(table(tmp_path, ["0", "1", "7"]), class_names=str(names))
    with pytest.raises(ConfigError, match=r"--class-names \S+/mein\.lst does not exist"):
        read(table(tmp_path, ["0", "1"]), class_names=str(tmp_path / "mein.lst"))


def test_columns_of_labels_can_be_listed_beside_columns_to_learn_from(tmp_path):
    source = tmp_path / "table.csv"
    source.write_text("x,bit,rust,scab\n1,0,1,1\n2,1,0,1\n3,0,0,0\n4,1,1,0\n")
    found = read_dataset(source, DataSettings(label_column="rust,scab"), several=True).samples
    assert found.several is not None
    assert isinstance(found.content, Vectors)
    assert (found.several.names, found.several.has.sum(axis=0).tolist()) == (("rust", "scab"), [2, 2])
    assert [fact.name for fact in found.content.columns] == ["x", "bit"]
    source.write_text("x,rust,scab\n1,1,0\n2,0,1\n")
    assert read(source, label_column="rust, scab").classes == ("rust", "scab")
    with pytest.raises(ConfigError, match=r"columns that must hold 0 and 1: 'x'\."):
        read(source, label_column="x,rust")
    with pytest.raises(ConfigError, match=r"--label-column 'rost': there is no such column.*\n.*'rust'"):
        read(source, label_column="rost,scab")


def test_more_pairs_than_memory_is_for_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.sources.label_sets._MOST_PAIRS", 14)
    source = table(tmp_path, ["rust scab", "scab rust", "ok", "rust", "ok"])
    with pytest.raises(DataError, match=r"5 samples with 3 labels are 15 pairs; 14 are audited at most"):
        read_dataset(source, DataSettings(), several=True)


@pytest.mark.parametrize("between", [" and ", " & ", "+", "/", "_", " "])
def test_a_class_that_seems_to_be_several_is_said_and_can_be_read_as_such(tmp_path, between):
    source = table(tmp_path, ["rust", "scab", f"rust{between}scab"] * 4)
    found = read(source)
    assert found.n_classes == 3
    (said,) = (text for text in texts(found) if "seem to be several" in text)
    assert f"'rust{between}scab' (4); --label-separator" in said
    several = read_dataset(source, DataSettings(label_separator=between), several=True).samples.several
    assert several is not None
    assert (several.names, several.has[:3].tolist()) == (("rust", "scab"), [[True, False], [False, True], [True, True]])
    assert not any("several" in text for text in texts(read(source, labels_as_written=True)))


def test_names_of_other_words_are_not_asked_about(tmp_path):
    found = read(table(tmp_path, ["hot_dog", "dog", "black and white", "cat", "New York", "sit-in"] * 4))
    assert not any("several" in text for text in texts(found))


def test_a_separator_that_no_label_holds_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"--label-separator ';': it stands in no label of column 'label'"):
        read(table(tmp_path, ["rust", "scab"] * 4), label_separator=";")


def test_words_that_may_mean_no_label_are_said(tmp_path):
    found = read(table(tmp_path, ["cat", "dog", "None", "NA"] * 4))
    assert (found.n_classes, found.set_aside) == (4, ())
    assert "that there is none, read as classes: 'None' (4), 'NA' (4)" in " ".join(texts(found))
