"""Parquet shards with images, as the Hugging Face hub has them, read row group by row group."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import ImageFiles, StreamedImages, Vectors
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources import table_file
from labelaudit.sources.parquet_file import ParquetImages, RowGroup, read_light
from labelaudit.sources.read import read_dataset
from labelaudit.sources.store import Store
from tests.unit.sources.conftest import image_bytes, images

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def shard(path, start, count, *, kind=IMAGE, with_path=False, rows=3):
    contents = [image_bytes(i) for i in range(start, start + count)]
    cells: list[object] = [*contents]
    if kind == IMAGE:
        cells = [{"bytes": b, "path": f"{start + i}.png" if with_path else None} for i, b in enumerate(contents)]
    table = pa.table({"image": pa.array(cells, kind), "label": [i % 2 for i in range(start, start + count)]})
    features = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)


@pytest.mark.parametrize("kind", [IMAGE, pa.binary(), pa.large_binary()])
def test_shards_are_one_table_whose_images_are_read_later(tmp_path, kind):
    for number in range(2):
        shard(tmp_path / f"data/train-{number:05d}-of-00002.parquet", 7 * number, 7, kind=kind)
    shard(tmp_path / "data/test-00000-of-00001.parquet", 50, 2, kind=kind)
    (tmp_path / "README.md").write_text("x")
    dataset = read_dataset(tmp_path, DataSettings())
    assert (dataset.split, dataset.classes, len(dataset)) == ("train", ("cat", "dog"), 14)
    assert dataset.given.tolist() == [i % 2 for i in range(14)]
    assert dataset.sample_ids == tuple(map(str, range(14)))
    assert dataset.paths[8] == "data/train-00001-of-00002.parquet:1"
    assert isinstance(dataset.content, StreamedImages)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images(dataset).read, [*range(14)] * 10)) == [image_bytes(i) for i in range(14)] * 10
    remarks = [remark.text for remark in dataset.remarks]
    assert remarks[:2] == ["Reading split train; not test (--split picks another, or all).", "2 Parquet shards."]
    assert len(read_dataset(f"{tmp_path}/data/train-*.parquet", DataSettings())) == 14


def test_only_the_row_groups_in_use_are_in_memory(tmp_path):
    shard(tmp_path / "a.parquet", 0, 9)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    groups = [RowGroup(tmp_path / "a.parquet", metadata, number) for number in range(3)]
    reader = ParquetImages(groups, "image.bytes", Store(tmp_path), keep=1)
    assert [reader.read(i) for i in (8, 0, 4, 1)] == [image_bytes(i) for i in (8, 0, 4, 1)]
    assert list(reader._loaded) == [0]


def test_the_bytes_of_images_are_not_loaded_with_the_table(tmp_path):
    shard(tmp_path / "a.parquet", 0, 9)
    light = read_light([tmp_path / "a.parquet"], Store(tmp_path))
    assert light.columns["image"].type == IMAGE
    assert all(cell["bytes"] is None for cell in light.columns["image"].to_pylist())
    assert light.columns["label"].to_pylist() == [i % 2 for i in range(9)]


def test_a_large_file_is_streamed_as_shards_are(tmp_path, monkeypatch):
    shard(tmp_path / "big.parquet", 0, 5, with_path=True)
    small = read_dataset(tmp_path / "big.parquet", DataSettings())
    monkeypatch.setattr(table_file, "STREAM_FROM", 100)
    large = read_dataset(tmp_path / "big.parquet", DataSettings())
    assert isinstance(large.content, StreamedImages)
    assert large.sample_ids == small.sample_ids == tuple(f"{i}.png" for i in range(5))
    assert (large.paths, large.classes) == (small.paths, small.classes)
    assert [images(large).read(i) for i in range(5)] == [images(small).read(i) for i in range(5)]


def test_a_damaged_shard_is_flagged_and_the_others_are_read(tmp_path):
    shard(tmp_path / "0.parquet", 0, 4)
    whole = (tmp_path / "0.parquet").read_bytes()
    (tmp_path / "1.parquet").write_bytes(whole[:-20])
    shard(tmp_path / "2.parquet", 4, 4)
    dataset = read_dataset(tmp_path, DataSettings())
    assert (len(dataset), dataset.paths[4]) == (8, "2.parquet:0")
    assert [(row.path, row.issue) for row in dataset.set_aside] == [("1.parquet", "unreadable")]
    assert dataset.remarks[1].text.startswith("Shards that are not read: 1 (")
    assert dataset.remarks[1].level == "warning"


def test_shards_with_other_columns_are_an_error(tmp_path):
    pq.write_table(pa.table({"image": [b"a"], "label": ["x"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"image": [b"a"], "label": [[1, 2]]}), tmp_path / "1.parquet")
    with pytest.raises(DataError, match=r"0\.parquet and the files beside it have different columns: .*\nName those"):
        read_dataset(tmp_path, DataSettings())


def test_shards_with_paths_only_lead_to_files(tmp_path):
    (tmp_path / "img").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "img" / name).write_bytes(b"x")
    cells = pa.array([{"bytes": None, "path": "img/a.png"}, {"bytes": None, "path": "img/b.png"}], IMAGE)
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"image": cells, "label": ["x", "y"]}), tmp_path / "data/0.parquet")
    settings = DataSettings(image_root=str(tmp_path))
    dataset = read_dataset(f"{tmp_path}/data/*.parquet", settings)
    assert dataset.content == ImageFiles((tmp_path / "img/a.png", tmp_path / "img/b.png"))


def test_shards_of_numbers_are_one_table(tmp_path):
    for number in range(2):
        table = pa.table({"a": [1.0, 2.0, 3.0], "label": ["x", "y", "x"]})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    dataset = read_dataset(tmp_path, DataSettings())
    assert isinstance(dataset.content, Vectors)
    assert len(dataset) == 6


def test_parquet_shards_of_a_bucket_are_read_by_ranges_once(tmp_path, s3):
    for number in range(2):
        shard(tmp_path / f"{number}.parquet", 5 * number, 5)
    s3.put({f"hf/train-{n}.parquet": (tmp_path / f"{n}.parquet").read_bytes() for n in range(2)})
    for source in ("s3://pets/hf", "s3://pets/hf/train-{0..1}.parquet"):
        dataset = read_dataset(source, DataSettings(), cache=tmp_path / "c")
        assert [images(dataset).read(i) for i in range(10)] == [image_bytes(i) for i in range(10)]
    assert len(read_dataset("s3://pets/hf/train-1.parquet", DataSettings(), cache=tmp_path / "c")) == 5
    assert sorted(s3.downloads()) == ["/pets/hf/train-0.parquet", "/pets/hf/train-1.parquet"]
