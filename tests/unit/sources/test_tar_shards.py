"""WebDataset shards, local and behind URLs, against tarfile."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from labelaudit.sources.store import Store
from labelaudit.sources.tar_index import index_shard, split_name
from tests.unit.sources.conftest import image_bytes, images


def tar(files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def samples(start: int, count: int, *, label=lambda i: str(i % 2), extension="cls") -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for i in range(start, start + count):
        files[f"{i:06d}.png"] = image_bytes(i)
        files[f"{i:06d}.{extension}"] = label(i).encode()
    return files


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def remarks(dataset):
    return [remark.text for remark in dataset.remarks]


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_the_index_finds_the_bytes_that_tarfile_finds(tmp_path, kind):
    long = "folder/" * 12 + "x" * 90 + ".png"
    files = {"a.png": b"1" * 700, "./b.seg.png": b"", long: b"3" * 512, "c/d.json": b"{}"}
    if kind != tarfile.USTAR_FORMAT:
        files["n" * 300 + ".jpg"] = b"4"
        files["häßlich/ü.png"] = b"5" * 513
    path = tmp_path / "x.tar"
    path.write_bytes(tar(files, kind))
    with tarfile.open(path) as archive:
        expected = {split_name(m.name): content(archive, m) for m in archive}
    index = index_shard(path, Store(tmp_path))
    data = path.read_bytes()
    found = {
        (key, extension): data[member.offset : member.offset + member.size]
        for key, members in index.samples.items()
        for extension, member in members.items()
    }
    assert index.problem is None
    assert found == expected


def test_names_are_split_as_webdataset_splits_them():
    assert split_name("./a/b.c/17.seg.PNG") == ("a/b.c/17", "seg.png")
    assert split_name("a/b.c/17") is None
    assert split_name("a/.hidden") is None


def test_shards_of_a_folder_become_one_dataset(tmp_path):
    put(tmp_path, {"d/001.tar": tar(samples(3, 2)), "d/000.tar": tar(samples(0, 3)), "d/README.md": b"x"})
    dataset = read_dataset(tmp_path / "d", DataSettings())
    assert dataset.sample_ids[:2] == ("000.tar/000000.png", "000.tar/000001.png")
    assert dataset.sample_ids[-1] == "001.tar/000004.png"
    assert (dataset.classes, dataset.given.tolist()) == (("0", "1"), [0, 1, 0, 1, 0])
    assert dataset.source == tmp_path / "d"
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images(dataset).read, [*range(5)] * 20)) == [image_bytes(i) for i in range(5)] * 20
    assert remarks(dataset) == ["2 tar shards: labels from .cls."]


def test_patterns_single_files_and_folders_are_the_same_samples(tmp_path):
    put(tmp_path, {f"s/{i:03d}.tar": tar(samples(2 * i, 2)) for i in range(3)})
    ids = read_dataset(tmp_path / "s", DataSettings()).sample_ids
    assert read_dataset(f"{tmp_path}/s/{{000..002}}.tar", DataSettings()).sample_ids == ids
    assert read_dataset(f"{tmp_path}/s/*.tar", DataSettings()).sample_ids == ids
    assert read_dataset(tmp_path / "s" / "001.tar", DataSettings()).sample_ids == ids[2:4]


def test_labels_come_from_json_by_the_key_that_is_asked_for(tmp_path):
    def facts(i):
        return json.dumps({"width": 3, "species": f"s{i % 3}", "label": i % 2})

    put(tmp_path, {"a.tar": tar(samples(0, 6, label=facts, extension="json"))})
    assert read_dataset(tmp_path / "a.tar", DataSettings()).classes == ("0", "1")
    dataset = read_dataset(tmp_path / "a.tar", DataSettings(label_column="species"))
    assert dataset.classes == ("s0", "s1", "s2")
    with pytest.raises(
        ConfigError, match=r"'specie': there is no such .* keys of \.json are .*\nDid you mean 'species'"
    ):
        read_dataset(tmp_path / "a.tar", DataSettings(label_column="specie"))


def test_class_numbers_get_the_names_beside_them(tmp_path):
    put(tmp_path, {"d/0.tar": tar(samples(0, 4)), "d/classes.txt": b"cat\ndog\n"})
    dataset = read_dataset(tmp_path / "d", DataSettings())
    assert (dataset.classes, dataset.given.tolist()) == (("cat", "dog"), [0, 1, 0, 1])
    assert remarks(dataset)[-1] == f"Class names are from {tmp_path}/d/classes.txt."
    (tmp_path / "d/classes.txt").write_text("cat\n")
    with pytest.raises(DataError, match=r"classes\.txt: 1 names, but the shards have class numbers beyond: 1\."):
        read_dataset(tmp_path / "d", DataSettings())


def test_text_labels_and_samples_that_miss_something(tmp_path):
    files = {
        **samples(0, 2, label="cat\n".format, extension="txt"),
        **samples(2, 2, label="dog".format, extension="txt"),
    }
    files |= {"8.png": b"x", "9.txt": b"cat", "7.png": b"x", "7.txt": b" "}
    put(tmp_path, {"a.tar": tar(files)})
    dataset = read_dataset(tmp_path / "a.tar", DataSettings())
    assert (dataset.classes, len(dataset)) == (("cat", "dog"), 4)
    assert [(row.path, row.issue, row.detail) for row in dataset.set_aside] == [
        ("a.tar/8", "missing-label", "there is no 8.txt"),
        ("a.tar/9", "missing-file", "no member is an image, only .txt"),
        ("a.tar/7", "missing-label", "7.txt is empty"),
    ]


def test_a_truncated_shard_is_flagged_and_what_is_whole_is_kept(tmp_path):
    whole = tar(samples(0, 4))
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        cut = archive.getmembers()[4].offset_data + 10  # in the third image
    put(tmp_path, {"d/0.tar": whole[:cut], "d/1.tar": tar(samples(4, 2)), "d/2.tar": b"nonsense" * 200})
    dataset = read_dataset(tmp_path / "d", DataSettings())
    assert dataset.sample_ids == ("0.tar/000000.png", "0.tar/000001.png", "1.tar/000004.png", "1.tar/000005.png")
    assert [(row.path, row.issue) for row in dataset.set_aside] == [("0.tar", "unreadable"), ("2.tar", "unreadable")]
    assert "is damaged or cut off (unexpected end of data)" in dataset.set_aside[0].detail
    assert remarks(dataset)[1].startswith(
        "Shards that are not read, or not to their end: 2 (0.tar is damaged or cut off"
    )


def test_damage_in_the_middle_of_a_shard_is_flagged(tmp_path):
    data = bytearray(tar(samples(0, 3)))
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as archive:
        header = archive.getmembers()[4].offset
    data[header : header + 512] = b"\xff" * 512
    put(tmp_path, {"a.tar": bytes(data)})
    dataset = read_dataset(tmp_path / "a.tar", DataSettings())
    assert len(dataset) == 2
    assert dataset.set_aside[0].detail == f"is damaged at byte {header:,}: no header of a member"


def test_compressed_archives_name_the_next_step(tmp_path):
    put(tmp_path, {"a.tar.gz": gzip.compress(tar(samples(0, 2))), "e.tar": b""})
    with pytest.raises(DataError, match=r"a\.tar\.gz is compressed \(gzip\).*\nUnpack .*: gunzip a\.tar\.gz"):
        read_dataset(tmp_path / "a.tar.gz", DataSettings())
    with pytest.raises(DataError, match=r"e\.tar is empty \(0 bytes\)\."):
        read_dataset(tmp_path / "e.tar", DataSettings())


def test_a_missing_shard_of_a_pattern_is_flagged(tmp_path):
    put(tmp_path, {"0.tar": tar(samples(0, 2))})
    dataset = read_dataset(f"{tmp_path}/{{0..1}}.tar", DataSettings())
    assert [(row.path, row.issue, row.detail) for row in dataset.set_aside] == [
        ("1.tar", "missing-file", "there is no such file")
    ]


def test_the_names_of_shards_tell_the_split(tmp_path):
    put(tmp_path, {"train-0.tar": tar(samples(0, 2)), "val-0.tar": tar(samples(2, 2))})
    assert read_dataset(tmp_path, DataSettings()).sample_ids[0] == "train-0.tar/000000.png"
    dataset = read_dataset(tmp_path, DataSettings(split="val"))
    assert (dataset.split, dataset.sample_ids[0]) == ("val", "val-0.tar/000002.png")
    assert len(read_dataset(tmp_path, DataSettings(split="all"))) == 4
    assert len(read_dataset(tmp_path / "val-0.tar", DataSettings())) == 2
    put(tmp_path, {"more.tar": tar(samples(4, 2))})
    with pytest.raises(ConfigError, match=r"no split 'val': the names of the shards do not tell splits"):
        read_dataset(tmp_path, DataSettings(split="val"))


def test_a_folder_with_images_is_no_folder_of_shards(tmp_path):
    put(tmp_path, {"cat/1.png": b"x", "dog/1.png": b"x", "backup.tar": tar(samples(0, 2))})
    assert read_dataset(tmp_path, DataSettings()).classes == ("cat", "dog")


def test_shards_of_a_bucket_are_read_by_ranges_once(tmp_path, s3):
    s3.put({f"wds/{i}.tar": tar(samples(40 * i, 40)) for i in range(2)} | {"wds/classes.txt": b"cat\ndog"})
    for source in ("s3://pets/wds/", "s3://pets/wds/{0..1}.tar", "s3://pets/wds/*.tar"):
        dataset = read_dataset(source, DataSettings(), cache=tmp_path)
        assert [images(dataset).read(i) for i in (0, 41, 79)] == [image_bytes(i) for i in (0, 41, 79)]
        assert (dataset.classes, len(dataset)) == (("cat", "dog"), 80)
    assert sorted(s3.downloads()) == ["/pets/wds/0.tar", "/pets/wds/1.tar", "/pets/wds/classes.txt"]


def test_shards_of_a_web_server_are_read_by_ranges(tmp_path, web):
    web.files |= {f"/{i}.tar": tar(samples(2 * i, 2)) for i in range(2)}
    dataset = read_dataset(f"{web.url}/{{0..2}}.tar", DataSettings(), cache=tmp_path)
    assert [images(dataset).read(i) for i in range(4)] == [image_bytes(i) for i in range(4)]
    assert [(row.path, row.issue) for row in dataset.set_aside] == [("2.tar", "missing-file")]
    assert {wanted is not None for method, path, wanted in web.requests if method == "GET" and path != "/2.tar"} == {
        True
    }
