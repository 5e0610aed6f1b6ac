"""What stands around the rows of a text table is told from the rows, and rows are never taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.csv_file import read_delimited


def read(text, name="table.csv"):
    return read_delimited(Path(name), text.encode(), DataSettings())


ARFF = "@relation pets\n@attribute x numeric\n@attribute y real\n@ATTRIBUTE 'label' {cat,dog}\n@DATA\n"
CELLS = {"x": ["1.5", "2.5"], "y": ["3", "4"], "label": ["cat", "dog"]}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# made by me\n# on Monday\nx,y,label\n1.5,3,cat\n2.5,4,dog\n", [4, 5]),
        ("My own table\nx,y,label\n1.5,3,cat\n2.5,4,dog\n", [3, 4]),
        ("My own table,,\n,,\nx,y,label\n1.5,3,cat\n2.5,4,dog\n", [4, 5]),
        ("x,y,label\n1.5,3,cat,\n2.5,4,dog,\n", [2, 3]),
        ("x^y^label\n1.5^3^cat\n2.5^4^dog\n", [2, 3]),
        ("x::y::label\n1.5::3::cat\n2.5::4::dog\n", [2, 3]),
        ("x   y label\n1.5 3 cat\n2.5   4  dog\n", [2, 3]),
        (f"{ARFF}1.5,3,cat\n2.5,4,dog", None),
    ],
)
def test_a_table_is_found_below_and_between_other_things(text, lines):
    found = read(text)
    assert found.columns == CELLS
    assert lines is None or found.lines == lines


def test_titles_and_comments_are_said():
    assert "lines above the table, left out: 'My own table'" in read("My own table\nx,y\n1,2\n").remarks[0].text
    assert read("# mine\nx,y\n1,2\n").remarks[0].text == "table.csv: comments above the table, left out: 1 line."


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (",x\n0,5\n1,6\n", ["unnamed: 0", "x"]),  # as pandas writes an index
        ("#id,label\n1,cat\n2,dog\n", ["#id", "label"]),
        ("#\na\nb\n", ["#"]),
        ("label\ngolden retriever\nblack cat\n", ["label"]),
        ("one name,\n1,2\n3,4\n", ["one name", "unnamed: 1"]),
        ("a b\nc d\ne f\n", ["a b"]),
    ],
)
def test_a_header_is_no_title_and_no_comment(text, header):
    assert [*read(text).columns] == header


def test_a_header_that_lacks_the_name_of_the_first_column_is_that_of_r():
    for text in ("x,label\nr1,1.5,cat\nr2,2.5,dog\n", '"x" "label"\n"r1" 1.5 "cat"\n"r2" 2.5 "dog"\n'):
        found = read(text)
        assert found.columns == {"id": ["r1", "r2"], "x": ["1.5", "2.5"], "label": ["cat", "dog"]}
        assert "lacks a name for the first column" in found.remarks[-1].text
    with pytest.raises(DataError, match="do not have the 2 fields"):  # names of rows do not repeat
        read("x,label\nr1,1.5,cat\nr1,2.5,dog\n")


def test_lines_of_fasttext_are_labels_and_a_text():
    found = read("__label__cat it purrs\n\n__label__dog __label__big it barks\n", "t.txt")
    assert found.columns == {"label": ["cat", "dog|big"], "text": ["it purrs", "it barks"]}
    assert found.lines == [1, 3]


def test_lines_of_libsvm_are_refused_with_the_way_out():
    with pytest.raises(DataError, match=r"look like LIBSVM: '1 1:0\.5 3:2'\.\n.*load_svmlight_file"):
        read("1 1:0.5 3:2\n0 2:1\n", "t.txt")
