"""Folders and tables in an S3-compatible object store, and on a web server."""

from __future__ import annotations

import fsspec
import pytest

from labelaudit.core.dataset import ImageFiles, StreamedImages
from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.probe import check_dataset
from labelaudit.sources.read import read_dataset
from tests.unit.sources.conftest import image_bytes, images

FOLDER = {f"photos/{kind}/{i}.png": image_bytes(i + 100 * (kind == "dog")) for kind in ("cat", "dog") for i in range(3)}


def remarks(dataset):
    return [remark.text for remark in dataset.remarks]


def read_all(dataset):
    return [images(dataset).read(index) for index in range(len(dataset))]


def test_class_folders_of_a_bucket_are_read_as_local_ones(tmp_path, s3):
    s3.put({**FOLDER, "photos/notes.txt": b"x", "photos/cat/a.txt": b"x", "photos/.git/x/1.png": b"x"})
    dataset = check_dataset(read_dataset(f"{s3.url}/photos/", DataSettings(), cache=tmp_path))
    assert (dataset.source, dataset.classes, dataset.split) == ("s3://pets/photos/", ("cat", "dog"), None)
    assert dataset.sample_ids == tuple(name.removeprefix("photos/") for name in sorted(FOLDER))
    assert dataset.given.tolist() == [0, 0, 0, 1, 1, 1]
    assert "Files that Pillow does not read as images, left out: 2 (.txt 2)." in remarks(dataset)
    assert isinstance(dataset.content, StreamedImages)
    assert s3.downloads() == []
    assert read_all(dataset) == [FOLDER[name] for name in sorted(FOLDER)]
    assert images(dataset).take(dataset.given[:1] + 4).read(0) == FOLDER["photos/dog/1.png"]


def test_a_second_scan_fetches_nothing_but_what_changed(tmp_path, s3):
    s3.put(FOLDER)
    read_all(read_dataset("s3://pets/photos", DataSettings(), cache=tmp_path))
    assert len(s3.downloads()) == 6
    s3.requests.clear()
    read_all(read_dataset("s3://pets/photos", DataSettings(), cache=tmp_path))
    assert s3.downloads() == []
    assert all(method == "GET" for method, _ in s3.requests)  # listings only
    s3.put({"photos/cat/1.png": image_bytes(77)})
    again = read_all(read_dataset("s3://pets/photos", DataSettings(), cache=tmp_path))
    assert again[1] == image_bytes(77)
    assert s3.downloads() == ["/pets/photos/cat/1.png"]


def test_splits_of_a_bucket_are_chosen_as_locally(tmp_path, s3):
    s3.put({f"{split}/{kind}/1.png": b"x" for split in ("train", "val") for kind in "ab"})
    dataset = read_dataset(s3.url, DataSettings(split="val"), cache=tmp_path)
    assert (dataset.split, dataset.sample_ids) == ("val", ("val/a/1.png", "val/b/1.png"))
    assert remarks(dataset) == ["Reading split val; not train (--split picks another, or all)."]


def test_a_table_of_a_bucket_has_paths_relative_to_itself(tmp_path, s3, web):
    web.files["/extra.png"] = image_bytes(5)
    rows = ["path,label", "cat/0.png,cat", "cat/gone.png,cat", "s3://pets/photos/dog/1.png,dog"]
    rows += [f"{web.url}/extra.png,dog", "../photos/dog/2.png,dog", "/etc/passwd,dog", "file:///etc/passwd,cat"]
    s3.put({**FOLDER, "photos/labels.csv": "\n".join(rows).encode()})
    dataset = read_dataset("s3://pets/photos/labels.csv", DataSettings(), cache=tmp_path)
    assert dataset.sample_ids == (
        "cat/0.png",
        "s3://pets/photos/dog/1.png",
        f"{web.url}/extra.png",
        "../photos/dog/2.png",
    )
    assert read_all(dataset) == [
        FOLDER["photos/cat/0.png"],
        FOLDER["photos/dog/1.png"],
        image_bytes(5),
        FOLDER["photos/dog/2.png"],
    ]
    outside = "is a file of this machine, which data from elsewhere may not name"
    assert [(row.issue, row.detail) for row in dataset.set_aside] == [
        ("missing-file", "labels.csv:3: there is no file s3://pets/photos/cat/gone.png"),
        ("missing-file", f"labels.csv:7: /etc/passwd {outside}"),
        ("missing-file", f"labels.csv:8: file:///etc/passwd {outside}"),
    ]


def test_a_local_table_may_name_images_elsewhere(tmp_path, s3):
    s3.put(FOLDER)
    (tmp_path / "here.png").write_bytes(image_bytes(9))
    (tmp_path / "t.csv").write_text("path,label\ncat/1.png,cat\ndog/2.png,dog\n")
    settings = DataSettings(image_root="s3://pets/photos/")
    dataset = read_dataset(tmp_path / "t.csv", settings, cache=tmp_path / "c")
    assert read_all(dataset) == [FOLDER["photos/cat/1.png"], FOLDER["photos/dog/2.png"]]
    (tmp_path / "t.csv").write_text("path,label\ns3://pets/photos/cat/1.png,cat\nhere.png,dog\n")
    assert read_all(read_dataset(tmp_path / "t.csv", DataSettings(), cache=tmp_path / "c"))[1] == image_bytes(9)


def test_a_table_of_a_web_server_reports_what_it_does_not_have(tmp_path, web):
    web.files |= {"/d/labels.csv": b"path,label\nimg/a b.png,x\nimg/none.png,y\n", "/d/img/a%20b.png": image_bytes(1)}
    dataset = read_dataset(f"{web.url}/d/labels.csv", DataSettings(), cache=tmp_path)
    assert images(dataset).read(0) == image_bytes(1)
    with pytest.raises(OSError, match=rf"^{web.url}/d/img/none\.png: not found \(404\)$"):
        images(dataset).read(1)


def test_a_bucket_that_does_not_exist_names_the_next_step(tmp_path, s3):
    with pytest.raises(DataError) as caught:
        read_dataset("s3://no-such-bucket/x/", DataSettings(), cache=tmp_path)
    assert caught.value.problem == "s3://no-such-bucket/x/: not found (404)."
    assert caught.value.hint == "Check the address: the bucket or host, the path, and upper and lower case."


def test_no_credentials_name_the_next_step(tmp_path, s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"s3://pets/x: .*credentials.*\n.*AWS_PROFILE") as caught:
        read_dataset("s3://pets/x", DataSettings(), cache=tmp_path)
    assert caught.value.problem.startswith("s3://pets/x: ")


def test_an_empty_folder_of_a_bucket_is_an_error(tmp_path, s3):
    s3.put({"loose/1.png": b"x", "loose/2.png": b"x"})
    with pytest.raises(DataError, match=r"s3://pets/loose: 2 images, but none in a class folder: no labels\."):
        read_dataset("s3://pets/loose", DataSettings(), cache=tmp_path)
    with pytest.raises(DataError, match=r"s3://pets/nothing: no images in class folders\."):
        read_dataset("s3://pets/nothing", DataSettings(), cache=tmp_path)


def test_one_class_too_high_suggests_the_folder_below(tmp_path, s3):
    s3.put(FOLDER)
    dataset = read_dataset(s3.url, DataSettings(), cache=tmp_path)
    with pytest.raises(DataError, match=r"look like classes \(cat, dog\); scan s3://pets/photos instead\."):
        check_dataset(dataset)


def test_memory_and_file_urls_are_read(tmp_path):
    memory = fsspec.filesystem("memory")
    for name, data in FOLDER.items():
        memory.pipe_file(f"/la-test/{name}", data)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    there = read_dataset("memory://la-test/photos", DataSettings(), cache=tmp_path / "c")
    here = read_dataset(f"file://{tmp_path}/photos", DataSettings(), cache=tmp_path / "c")
    assert there.sample_ids == here.sample_ids
    assert read_all(there) == read_all(here)
    assert isinstance(here.content, ImageFiles)
