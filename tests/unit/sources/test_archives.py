"""Archives of class folders."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from labelaudit.core.errors import DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.unit.sources.conftest import image_bytes, images

FILES = {f"{label}/img.00{i}.png": image_bytes(10 * k + i) for k, label in enumerate(("cat", "dog")) for i in range(3)}


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(source, **settings):
    return read_dataset(source, DataSettings(**settings))


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize("top", ["", "pets/", "./pets/"])
def test_an_archive_of_class_folders_is_read_where_it_is(tmp_path, write, top):
    if write is write_zip and top.startswith("."):
        pytest.skip("names in a .zip do not begin with a dot")
    path = write(tmp_path / ("a.zip" if write is write_zip else "a.tar"), {top + k: v for k, v in FILES.items()})
    dataset = read(path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.sample_ids == tuple(sorted(FILES))
    assert [images(dataset).read(i) for i in range(6)] == [FILES[name] for name in dataset.sample_ids]


def test_splits_in_an_archive_are_splits(tmp_path):
    files = {f"{split}/{name}": data for split in ("train", "test") for name, data in FILES.items()}
    dataset = read(write_zip(tmp_path / "a.zip", {**files, "__MACOSX/x.png": b"", "train/notes.csv": b"x"}))
    assert (len(dataset), dataset.split, dataset.classes) == (6, "train", ("cat", "dog"))
    assert "left out: 1 (.csv 1)" in " ".join(remark.text for remark in dataset.remarks)


def test_a_damaged_archive_says_so(tmp_path):
    path = write_zip(tmp_path / "a.zip", FILES)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"a\.zip: not a \.zip file, or damaged"):
        read(path)
    with pytest.raises(DataError, match=r"no images in class folders; 1 other files\."):
        read(write_zip(tmp_path / "b.zip", {"a/readme.md": b"x"}))


def test_a_member_that_is_damaged_is_an_error_of_its_own(tmp_path):
    path = write_zip(tmp_path / "a.zip", FILES)
    data = bytearray(path.read_bytes())
    at = data.index(b"cat/img.000.png") + 40
    data[at : at + 8] = b"\0" * 8
    path.write_bytes(bytes(data))
    dataset = read(path)
    with pytest.raises(OSError, match=r"cat/img\.000\.png"):
        images(dataset).read(0)
    assert images(dataset).read(1) == FILES["cat/img.001.png"]


def test_images_without_a_suffix_are_told_by_their_content(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "0a1b").write_bytes(image_bytes(1))
        (tmp_path / label / "README").write_bytes(b"text")
    dataset = read(tmp_path)
    assert dataset.sample_ids == ("cat/0a1b", "dog/0a1b")
    assert "left out: 2 (no suffix 2)." in dataset.remarks[0].text


def test_images_that_need_more_than_pillow_say_what(tmp_path):
    for name in ("cat/1.png", "dog/1.png", "dog/2.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(image_bytes(1))
    remark = read(tmp_path).remarks[0]
    assert (remark.level, "convert .dcm (DICOM) to PNG first" in remark.text) == ("warning", True)
