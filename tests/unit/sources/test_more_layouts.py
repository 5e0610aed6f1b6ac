"""Siblings of the layouts in tests/layouts.py that are refused, or read with a word of warning."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.features import read_numbers
from labelaudit.sources.read import read_dataset
from tests.layouts import IDS, image, images


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def texts(dataset):
    return " ".join(remark.text for remark in dataset.remarks)


def table(root, header, row):
    lines = [row.format(id=key, label=key[:3], n=n, dog=int(key.startswith("dog"))) for n, key in enumerate(IDS)]
    (root / "t.csv").write_text("\n".join([header, *lines]))
    return root / "t.csv"


def test_boxes_of_objects_are_no_labels_of_images(tmp_path):
    images(tmp_path, "images/train/{id}.png")
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/cat0.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(DataError, match=r"12 images in images/ and no class folders.*\nlabels/ looks like boxes"):
        read(tmp_path)


def test_splits_within_class_folders_are_said(tmp_path):
    images(tmp_path, "{label}/train/{id}.png")
    images(tmp_path, "{label}/test/{id}.png")
    assert "Each class folder holds test and train, which are read together." in texts(read(tmp_path))


def test_one_folder_around_all_is_said_and_a_class_with_sub_folders_is_none(tmp_path):
    images(tmp_path, "archive/pets/{label}/{id}.png")
    found = read(tmp_path)
    assert found.sample_ids[0] == "archive/pets/cat/cat0.png"
    assert "All lies in archive/pets/" in texts(found)
    image(tmp_path / "archive/stray.png")
    assert read(tmp_path).classes == ("archive",)


def test_a_twin_of_the_label_is_not_learnt_from_unless_it_differs(tmp_path):
    found = read(table(tmp_path, "x,label,label_name", "{n},{dog},{label}"))
    assert [fact.name for fact in found.content.columns] == ["x"]
    assert "say the same as the label, not learnt from: 'label_name'" in texts(found)
    other = read(table(tmp_path, "x,label,class_size", "{n},{dog},s{n}0"), feature_columns="x,class_size")
    assert [fact.name for fact in other.content.columns] == ["x"]  # all different: no category
    ticket = read(table(tmp_path, "x,label,class", "{n},{dog},c{n}"), label_column="label")
    assert "say the same" not in texts(ticket)


def test_the_hint_names_columns_that_may_be_the_labels(tmp_path):
    with pytest.raises(ConfigError, match=r"--label-column, such as 'kind' \(2 different\), 'bit' \(2 different\)"):
        read(table(tmp_path, "x,bit,kind", "{n}.5,{dog},{label}"))


def test_nested_json_is_flat_and_lists_of_objects_are_no_labels(tmp_path):
    rows = [{"image": f"{key}.png", "meta": {"by": {"who": "me"}, "label": key[:3]}} for key in IDS]
    images(tmp_path, "{id}.png")
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read(tmp_path / "t.jsonl")
    assert (found.classes, [each.name for each in found.columns]) == (
        ("cat", "dog"),
        ["image", "meta.by.who", "meta.label"],
    )
    (tmp_path / "chat.jsonl").write_text('{"messages": [{"role": "user"}]}\n{"messages": [{"role": "user"}]}\n')
    with pytest.raises(ConfigError, match="no column looks like the labels; columns: messages"):
        read(tmp_path / "chat.jsonl")


@pytest.mark.parametrize(
    "value",
    [
        {"data": [{"x": 1, "label": "a"}, {"x": 2, "label": "b"}], "version": 3},
        {"columns": ["x", "label"], "index": [0, 1], "data": [[1, "a"], [2, "b"]]},
        {"train": [{"x": 1, "label": "a"}, {"x": 2, "label": "b"}], "test": [{"x": 9, "label": "b"}]},
    ],
)
def test_rows_within_an_object_are_found(tmp_path, value):
    (tmp_path / "t.json").write_text(json.dumps(value))
    found = read(tmp_path / "t.json")
    assert [found.classes[label] for label in found.given] == ["a", "b"]


def test_lists_of_different_lengths_are_refused(tmp_path):
    (tmp_path / "t.json").write_text('[["1.png", "cat"], ["2.png"]]')
    with pytest.raises(DataError, match=r"t\.json: row 1 has 1 values where 2 are expected"):
        read(tmp_path / "t.json")


def test_long_cells_do_not_fill_the_screen(tmp_path):
    with pytest.raises(DataError) as caught:
        read(table(tmp_path, "path,label", "y/" * 3000 + "{id}.png,{label}"))
    assert len(caught.value.problem) < 1500
    assert "characters)" in caught.value.problem


def test_pixels_on_another_scale_stay_numbers(tmp_path):
    header = ",".join(["label", *(f"pixel{k}" for k in range(64))])
    rows = [",".join([key[:3], *(str((n + k) % 17) for k in range(64))]) for n, key in enumerate(IDS)]
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    assert read(tmp_path / "t.csv").kind == "features"


def test_vectors_with_gaps_are_set_aside_by_row(tmp_path):
    vectors = [[1.0, 2.0], [3.0, float("nan")], [5.0, 6.0]]
    pq.write_table(pa.table({"e": vectors, "label": ["a", "b", "b"]}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert (found.kind, np.asarray(found.content.values).tolist()) == ("embeddings", [[1, 2], [5, 6]])
    assert found.set_aside[0].detail == "t.parquet:1: not a finite number in 'e'"


@pytest.mark.parametrize(
    ("cells", "values", "unit"),
    [
        (["12%", "7 %", "5.5%"], [12, 7, 5.5], "%"),
        (["$1,200", "$30", "$7"], [1200, 30, 7], "$"),
        (["12 cm", "7 cm", "n/a", "3 cm"], [12, 7, None, 3], "cm"),
        (["1'200", "12'300'000", "7"], [1200, 12300000, 7], "thousands apart"),
        (["12 cm", "7 kg", "3 cm"], None, ""),
        (["A1", "A2", "A3"], None, ""),
    ],
)
def test_numbers_with_one_unit_are_numbers(cells, values, unit):
    found = read_numbers(cells, decimal_comma=False)
    assert (found is None) == (values is None)
    if found is not None and values is not None:
        assert found.unit == unit
        assert [None if np.isnan(value) else value for value in found.values] == values
