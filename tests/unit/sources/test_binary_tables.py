"""Tables in other files than text and Parquet, and data that a program has at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.images import decode_image
from labelaudit.sources.in_memory import stored_source
from labelaudit.sources.read import read_dataset
from tests.unit.sources.conftest import images

FRAME = pd.DataFrame({"x": [1.0, 2.0, 4.0], "label": ["a", "b", "a"]})


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


def labels(dataset):
    return [dataset.classes[label] for label in dataset.given]


@pytest.mark.parametrize("suffix", ["feather", "arrow", "ipc"])
def test_arrow_and_feather_files_are_tables(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    table = pa.Table.from_pandas(FRAME)
    if suffix == "arrow":
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
    else:
        feather.write_feather(table, str(path))
    assert labels(read(path)) == ["a", "b", "a"]
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"not an Arrow or Feather file, or damaged"):
        read(path)


def test_the_first_sheet_of_a_workbook_is_the_table(tmp_path):
    pytest.importorskip("python_calamine", reason="needs the extra sheets")
    openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl to write a workbook")
    book = openpyxl.Workbook()
    book.active.title = "labels"
    for row in [["x", "label"], [1.5, "a"], [2, 'b "or" c'], [None, "a"]]:
        book.active.append(row)
    book.create_sheet("notes")
    book.save(tmp_path / "t.xlsx")
    dataset = read(tmp_path / "t.xlsx")
    assert labels(dataset) == ["a", 'b "or" c', "a"]
    assert dataset.paths[1] == "t.xlsx:3"
    assert dataset.remarks[0].text == "t.xlsx: read sheet 'labels'; not 'notes'."


def test_arrays_of_numbers_and_labels_are_a_table(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.arange(8.0).reshape(4, 2) ** 2, y=np.array([0, 1, 0, 1]))
    dataset = read(tmp_path / "t.npz")
    assert dataset.content.values.shape == (4, 2)
    assert labels(dataset) == ["0", "1", "0", "1"]
    np.savez(tmp_path / "bad.npz", x=np.arange(3), y=np.arange(4))
    with pytest.raises(DataError, match=r"bad\.npz: arrays of different lengths: x 3, y 4\."):
        read(tmp_path / "bad.npz")
    np.savez(tmp_path / "code.npz", x=np.array([{}, {}]), y=np.arange(2))
    with pytest.raises(DataError, match=r"code\.npz: cannot be read as arrays.*Object"):
        read(tmp_path / "code.npz")


@pytest.mark.parametrize("shape", [(6, 5, 5), (6, 5, 5, 3)])
def test_arrays_of_images_with_splits_are_read(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    kind = np.array([[0], [1], [0], [1], [0], [1]])
    arrays = {"train_images": pixels[:4], "train_labels": kind[:4], "test_images": pixels[4:], "test_labels": kind[4:]}
    np.savez(tmp_path / "t.npz", **arrays)
    dataset = read(tmp_path / "t.npz")
    assert (dataset.kind, dataset.split, len(dataset)) == ("images", "train", 4)
    decoded = decode_image(images(dataset).read(2), "x", 5).pixels
    assert np.array_equal(decoded if len(shape) == 4 else decoded[..., 0], pixels[2])
    assert len(read(tmp_path / "t.npz", split="test")) == 2


def save_to_disk(folder, frame, names):
    folder.mkdir(parents=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as stream:
        stream.write_table(table)
    features = {"label": {"_type": "ClassLabel", "names": names}, "x": {"_type": "Value", "dtype": "float64"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))


def test_a_dataset_that_was_saved_to_disk_is_read_with_its_class_names(tmp_path):
    frame = FRAME.assign(label=[0, 1, 0])
    save_to_disk(tmp_path / "one", frame, ["cat", "dog"])
    assert labels(read(tmp_path / "one")) == ["cat", "dog", "cat"]
    for split in ("train", "test"):
        save_to_disk(tmp_path / "two" / split, frame, ["cat", "dog"])
    (tmp_path / "two/dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    dataset = read(tmp_path / "two")
    assert (len(dataset), dataset.split) == (3, "train")
    assert len(read(tmp_path / "two", split="all")) == 6
    (tmp_path / "one/state.json").write_text("{")
    with pytest.raises(DataError, match=r"state\.json: cannot be read"):
        read(tmp_path / "one")


class Saved:
    """What a `datasets.Dataset` offers, as far as it is used."""

    features = ("x", "label")

    def with_format(self, kind):
        assert kind == "arrow"
        return self

    def __getitem__(self, rows):
        return pa.Table.from_pandas(FRAME, preserve_index=False)


@pytest.mark.parametrize(
    "data", [FRAME, pa.Table.from_pandas(FRAME), {"x": [1.0, 2.0, 4.0], "label": ["a", "b", "a"]}, Saved()]
)
def test_data_at_hand_becomes_a_file_of_its_content(tmp_path, data):
    path = Path(stored_source(data, tmp_path))
    assert path == stored_source(data, tmp_path)
    assert isinstance(path, Path)
    assert path.parent == tmp_path / ".labelaudit" / "data"
    assert labels(read(path)) == ["a", "b", "a"]
    assert pq.read_table(path).column("x").to_pylist() == [1.0, 2.0, 4.0]


def test_other_objects_say_what_can_be_given(tmp_path):
    assert stored_source("photos/", tmp_path) == "photos/"
    with pytest.raises(ConfigError, match=r"list cannot be scanned\.\nGive a path, a DataFrame"):
        stored_source([1, 2], tmp_path)
    with pytest.raises(ConfigError, match=r"a dictionary of splits: 'train'\.\nGive one: data\['train'\]"):
        stored_source({"train": Saved()}, tmp_path)
