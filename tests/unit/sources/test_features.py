"""Tables of numbers and categories as vectors."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import Vectors
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def write(root, header, rows, name="data.csv"):
    source = root / name
    source.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return source


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def test_numbers_are_standardised_and_categories_one_hot(tmp_path):
    rows = [(1, "red", "a"), (3, "blue", "b"), (1, "red", "a"), (3, "red", "b")]
    dataset = read(write(tmp_path, "x,colour,label", rows))
    assert isinstance(dataset.content, Vectors)
    assert dataset.content.values.dtype == np.float32
    assert dataset.content.values.tolist() == [[-1, 0, 1], [1, 1, 0], [-1, 0, 1], [1, 0, 1]]
    assert (dataset.kind, dataset.classes) == ("features", ("a", "b"))
    assert dataset.sample_ids == ("0", "1", "2", "3")
    assert dataset.paths == ("data.csv:2", "data.csv:3", "data.csv:4", "data.csv:5")
    assert dataset.remarks[1].text == "Learning from 1 columns of numbers and 1 of categories (3 inputs)."


def test_gaps_are_filled_with_the_median_and_the_most_frequent(tmp_path):
    rows = [(0, "u", "a"), ("NA", "", "b"), (10, "u", "a"), (20, "v", "b"), ("inf", "u", "a")]
    values = read(write(tmp_path, "x,c,label", rows)).content.values
    assert np.isfinite(values).all()
    assert values[1, 0] == values[2, 0] == values[4, 0]
    assert values[1, 1:].tolist() == [1, 0]


def test_columns_of_no_use_are_left_out_and_named(tmp_path):
    header = "Unnamed: 0,serial,one,when,prose,flag,x,label"
    rows = [(i, f"s{i}", 5, f"2024-01-{i % 28 + 1:02}", f"t{i // 2}", i % 2 == 0, i, i % 2) for i in range(60)]
    dataset = read(write(tmp_path, header, [(*row[:4], row[4] if row[0] else "t1", *row[5:]) for row in rows]))
    text = dataset.remarks[1].text
    assert text == (
        "Learning from 2 columns of numbers and 1 of categories (32 inputs); left out: "
        "Unnamed: 0 (row id), serial (all different), one (constant), when (date)."
    )
    prose = [(*row[:4], f"t{row[0] if row[0] > 1 else 1}", *row[5:]) for row in rows]
    assert "prose (free text)" in read(write(tmp_path, header, prose)).remarks[1].text


def test_rare_categories_share_an_input(tmp_path):
    rows = [(f"c{i % 3}" if i < 990 else f"rare{i // 2}", i % 2) for i in range(1000)]
    assert read(write(tmp_path, "c,label", rows)).content.values.shape == (1000, 4)


def test_an_id_column_names_the_rows_and_is_not_learnt_from(tmp_path):
    dataset = read(write(tmp_path, "id,x,label", [("p1", 1, "a"), ("p2", 2, "b"), ("p3", 5, "")]))
    assert dataset.sample_ids == ("p1", "p2")
    assert dataset.content.values.tolist() == [[-1], [1]]  # the row without a label does not count
    assert (dataset.set_aside[0].sample_id, dataset.set_aside[0].path) == ("p3", "data.csv:4")


def test_typed_parquet_columns_are_read(tmp_path):
    day = datetime.date(2024, 1, 1)
    columns = {
        "x": [1.0, None, 3.0, 4.0],
        "flag": [True, False, True, None],
        "day": [day] * 4,
        "tags": [["a"]] * 4,
        "target": [0, 1, 0, 1],
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    dataset = read(tmp_path / "data.parquet")
    assert dataset.content.values.shape == (4, 2)
    assert dataset.content.values[1, 0] == pytest.approx(dataset.content.values[2, 0])
    assert dataset.remarks[1].text.endswith("left out: day (date), tags (type list<element: string>).")
    assert dataset.paths[0] == "data.parquet:0"


def test_no_column_to_learn_from_is_an_error(tmp_path):
    source = write(tmp_path, "one,two,label", [(5, 6, "a"), (5, 6, "b")])
    with pytest.raises(
        DataError, match=r"no column to learn from; left out: one \(constant\), two \(constant\)\.\nGive"
    ):
        read(source)


def test_a_measured_label_is_refused(tmp_path):
    source = write(tmp_path, "x,price", [(i, i * 1.5) for i in range(60)])
    with pytest.raises(
        DataError, match=r"'price' holds 60 different numbers in 60 rows, such as 0\.0, 1\.5, 3\.0 and 57"
    ):
        read(source, label_column="price")
    few = write(tmp_path, "x,price", [(i, i % 40) for i in range(60)])
    assert read(few, label_column="price").n_classes == 40


def test_plain_numbers_are_read_alike_fast_and_one_by_one(tmp_path):
    cells = ["1.5", "-2e3", "", "nan", "inf", ".5", "7", "0.1", "123456789.123456789", "1e-320"]
    fast = read(write(tmp_path, "x,label", [(cell, "ab"[i % 2]) for i, cell in enumerate(cells)])).content.values
    slow = read(write(tmp_path, "x,label", [(f" {cell}", "ab"[i % 2]) for i, cell in enumerate(cells)])).content.values
    assert fast.tolist() == slow.tolist()
