"""Images as bytes in Parquet files, as the Hugging Face hub has them."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import EmbeddedImages, ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(root, images, labels, *, names=None, kind=IMAGE):
    table = pa.table({"image": pa.array(images, kind), "label": pa.array(labels)})
    if names:
        info = {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    source = root / "train.parquet"
    pq.write_table(table, source, row_group_size=2)
    return source


def test_hugging_face_images_keep_their_bytes_and_class_names(tmp_path):
    images = [{"bytes": bytes([i]), "path": f"{i}.png"} for i in range(5)]
    dataset = read_dataset(write(tmp_path, images, [1, 0, 1, -1, 0], names=["cat", "dog"]), DataSettings())
    assert isinstance(dataset.content, EmbeddedImages)
    assert [dataset.content.read(i) for i in range(4)] == [b"\0", b"\1", b"\2", b"\4"]
    assert dataset.content.names == ("0.png", "1.png", "2.png", "4.png")
    assert (dataset.classes, dataset.given.tolist()) == (("cat", "dog"), [1, 0, 1, 0])
    assert dataset.sample_ids == ("0.png", "1.png", "2.png", "4.png")
    assert dataset.paths[3] == "train.parquet:4"
    assert dataset.set_aside[0].detail == "train.parquet:3: column 'label' says '-1'"
    assert dataset.remarks[0].text == "train.parquet: labels from column 'label', images in column 'image'."


def test_a_class_number_without_a_name_is_refused(tmp_path):
    source = write(tmp_path, [{"bytes": b"x", "path": None}] * 2, [0, 7], names=["cat", "dog"])
    with pytest.raises(DataError, match=r"column 'label' has class numbers beyond its 2 names: train\.parquet:1 7\."):
        read_dataset(source, DataSettings())


def test_a_plain_column_of_bytes_is_images_with_row_numbers(tmp_path):
    dataset = read_dataset(write(tmp_path, [b"a", None, b"c"], ["x", "x", "y"], kind=pa.binary()), DataSettings())
    assert dataset.sample_ids == ("0", "2")
    assert isinstance(dataset.content, EmbeddedImages)
    assert dataset.content.read(1) == b"c"
    aside = dataset.set_aside[0]
    assert (aside.sample_id, aside.issue, aside.detail) == (
        "1",
        "missing-file",
        "train.parquet:1: the cell holds no image",
    )


def test_structs_without_bytes_are_paths(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    images = [{"bytes": None, "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}]
    dataset = read_dataset(write(tmp_path, images, ["x", "y"]), DataSettings())
    assert dataset.content == ImageFiles((tmp_path / "a.jpg", tmp_path / "b.jpg"))
    assert dataset.sample_ids == ("a.jpg", "b.jpg")


def test_paths_in_parquet_are_files(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    table = pa.table({"path": ["a.jpg", "b.jpg"], "label": pa.array(["x", "y"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "t.pq")
    dataset = read_dataset(tmp_path / "t.pq", DataSettings())
    assert dataset.sample_ids == ("a.jpg",)
    assert dataset.set_aside[0].detail == f"t.pq:1: there is no file {tmp_path}/b.jpg"


def test_a_damaged_parquet_file_is_an_error_with_its_name(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"x\.parquet: not a Parquet file, or damaged: "):
        read_dataset(tmp_path / "x.parquet", DataSettings())
