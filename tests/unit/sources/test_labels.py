"""Class names and their numbers."""

from __future__ import annotations

import pytest

from labelaudit.sources.labels import class_order, encode_labels, similar_names, tidy_numbers


def test_labels_become_numbers_in_class_order():
    given, classes, remarks = encode_labels(["dog", "cat", "dog"], fold=False)
    assert given.tolist() == [1, 0, 1]
    assert (classes, remarks) == (("cat", "dog"), ())


def test_numbers_are_ordered_by_value_unless_a_word_is_among_them():
    assert class_order(["10", "9", "-1"]) == ("-1", "9", "10")
    assert class_order(["10", "9", "nan"]) == ("10", "9", "nan")


def test_a_fixed_class_list_keeps_classes_without_a_sample():
    given, classes, _ = encode_labels(["b"], fold=False, classes=["a", "b", "c"])
    assert (given.tolist(), classes) == ([1], ("a", "b", "c"))


def test_folding_takes_the_most_frequent_spelling():
    labels = ["hot dog", "Hot-Dog", "Hot-Dog", "cat"]
    given, classes, remarks = encode_labels(labels, fold=True)
    assert classes == ("Hot-Dog", "cat")
    assert given.tolist() == [0, 0, 0, 1]
    assert remarks[0].text == "--fold-labels reads 'hot dog' as 'Hot-Dog'."
    assert len(encode_labels(labels, fold=False).classes) == 3


@pytest.mark.parametrize("names", [("A", "A-"), ("1", "-1"), ("12", "1-2"), ("cat", "cats"), ("C", "C++")])
def test_different_names_are_not_similar(names):
    assert similar_names(names) == []


@pytest.mark.parametrize("names", [("Cat", "cat "), ("T-shirt", "t_shirt"), ("Caf\u00e9", "Cafe\u0301"), ("_x", "x")])
def test_names_that_differ_in_case_blanks_and_hyphens_are_similar(names):
    assert similar_names(names) == [tuple(sorted(names))]


def test_whole_floats_are_tidied_only_among_numbers():
    assert tidy_numbers(["3.0", None, "4"]) == ["3", None, "4"]
    assert tidy_numbers(["3.0", "v3.0"]) == ["3.0", "v3.0"]


def test_decimal_class_names_stay_as_they_are_written():
    assert tidy_numbers(["1.05", "0.50", None, "15", "15.0"]) == ["1.05", "0.50", None, "15", "15.0"]
    assert tidy_numbers(["1.0", "15.00", None, "2", "3."]) == ["1", "15", None, "2", "3"]
    assert similar_names(["15", "15.0", "1.5", "12345678901234567", "12345678901234568"]) == [("15", "15.0")]
