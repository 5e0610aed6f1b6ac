"""Folders whose labels are in a table, and tables that are one JSON object."""

from __future__ import annotations

import json

import pytest

from labelaudit.core.dataset import ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def labels(dataset):
    return {name: dataset.classes[label] for name, label in zip(dataset.sample_ids, dataset.given, strict=True)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,label\na.jpg,x\nb.jpg,y\n"),
        ("metadata.jsonl", '{"file_name": "a.jpg", "label": "x"}\n{"file_name": "b.jpg", "label": "y"}\n'),
        ("_classes.csv", "filename, x, y, z\na.jpg, 1, 0, 0\nb.jpg, 0, 1, 0\n"),
    ],
)
def test_a_table_in_each_split_labels_its_images(tmp_path, name, text):
    for split in ("train", "test"):
        put(tmp_path, f"{split}/a.jpg", f"{split}/b.jpg")
        (tmp_path / split / name).write_text(text)
    dataset = read(tmp_path)
    assert (labels(dataset), dataset.split) == ({"a.jpg": "x", "b.jpg": "y"}, "train")
    assert f"Labels of split train are from train/{name}; not test" in dataset.remarks[0].text
    assert isinstance(dataset.content, ImageFiles)
    assert read(tmp_path, split="test").content.files[0] == tmp_path / "test/a.jpg"
    both = read(tmp_path, split="all")
    assert labels(both) == {"test/a.jpg": "x", "test/b.jpg": "y", "train/a.jpg": "x", "train/b.jpg": "y"}
    assert both.content.files[2] == tmp_path / "train/a.jpg"
    assert both.split == "test,train"


def test_a_table_for_each_split_labels_the_images_beside_it(tmp_path):
    put(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    (tmp_path / "train.csv").write_text("image,label\na.jpg,x\nb.jpg,y\n")
    (tmp_path / "test.csv").write_text("image,label\nc.jpg,y\n")
    (tmp_path / "README.md").write_text("pets")
    assert labels(read(tmp_path)) == {"a.jpg": "x", "b.jpg": "y"}
    every = read(tmp_path, split="all")
    assert labels(every) == {"a.jpg": "x", "b.jpg": "y", "c.jpg": "y"}
    assert every.split == "test,train"


def test_several_tables_without_a_split_are_named(tmp_path):
    put(tmp_path, "images/a.jpg")
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("image,label\na.jpg,x\n")
    with pytest.raises(DataError, match=r"no class folders, and several tables: one\.csv, two\.csv\.\n.*one\.csv"):
        read(tmp_path)


def test_labels_beside_a_folder_of_images_are_read(tmp_path):
    put(tmp_path, "data/a.png", "data/b.png")
    text = json.dumps({"classes": ["x", "y"], "labels": {"a": 0, "b": 1}})
    (tmp_path / "labels.json").write_text(text)
    assert labels(read(tmp_path)) == {"a": "x", "b": "y"} == labels(read(tmp_path / "labels.json"))


def test_class_folders_win_over_a_table_beside_them(tmp_path):
    put(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\ncat/a.png,x\ndog/b.png,y\n")
    assert read(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize(
    "found",
    [
        {"a.png": "x", "b.png": "y"},
        {"path": ["a.png", "b.png"], "label": ["x", "y"]},
        {"path": {"0": "a.png", "1": "b.png"}, "label": {"0": "x", "1": "y"}},
        {
            "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
            "annotations": [{"image_id": 7, "category_id": 1}, {"image_id": 8, "category_id": 2}],
            "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
        },
    ],
)
def test_a_table_may_be_one_json_object(tmp_path, found):
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "table.json").write_text(json.dumps(found, indent=1))
    assert labels(read(tmp_path / "table.json")) == {"a.png": "x", "b.png": "y"}


def test_rows_by_id_have_the_id_as_a_column(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps({"u": {"x": 1, "label": "a"}, "v": {"x": 2, "label": "b"}}))
    assert labels(read(tmp_path / "rows.json")) == {"u": "a", "v": "b"}


def test_objects_in_images_are_refused(tmp_path):
    found = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "annotations": [{"image_id": 7, "category_id": 1}, {"image_id": 7, "category_id": 2}],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match=r"1 images have annotations of several categories, such as 'a\.png'"):
        read(tmp_path / "coco.json")
