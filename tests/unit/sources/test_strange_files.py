# ruff: noqa: PTH102, PTH103, PTH109
"""Files that are no files, links that lead out, folders without end, and names that are no text."""

import os
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from labelaudit.sources.remote_paths import PlacedImages
from labelaudit.sources.store import Store
from labelaudit.sources.table_file import Table
from labelaudit.sources.urls import Url


def picture(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), shade, dtype=np.uint8)).save(path, "PNG")


@pytest.fixture
def photos(tmp_path):
    for number in range(6):
        picture(tmp_path / "photos" / ("cat", "dog")[number % 2] / f"{number}.png", 40 * number)
    (tmp_path / "secret").write_text("TOP SECRET")
    return tmp_path / "photos"


def words_of(dataset):
    texts = [remark.text for remark in dataset.remarks] + [row.detail for row in dataset.set_aside]
    return " ".join([*texts, *dataset.sample_ids, *dataset.classes])


def test_pipes_and_devices_among_images_are_left_out_with_a_word(photos):
    os.mkfifo(photos / "cat" / "pipe.png")
    (photos / "cat" / "endless.png").symlink_to("/dev/zero")
    dataset = read_dataset(photos, DataSettings(follow_links=True))
    assert len(dataset) == 6
    assert "Pipes, sockets and devices, left out: 1." in words_of(dataset)


@pytest.mark.parametrize(
    "name", ["table.csv", "table.parquet", "table.npz", "table.jsonl", "table.arrow", "table.xlsx"]
)
def test_a_pipe_for_a_table_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="is neither a file nor a folder"):
        read_dataset(tmp_path / name, DataSettings())


@pytest.mark.parametrize("name", ["embeddings", "probs", "class_names", "trusted", "image_root"])
def test_a_pipe_for_another_file_is_refused_at_once(tmp_path, name):
    (tmp_path / "table.csv").write_text("x,label\n1,a\n2,b\n3,a\n4,b\n")
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises((ConfigError, DataError)):
        read_dataset(tmp_path / "table.csv", DataSettings(**cast("dict[str, Any]", {name: str(tmp_path / "pipe.npy")})))


def test_folders_without_end_are_left_out_with_a_word(photos):
    here = os.getcwd()
    os.chdir(photos / "cat")
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(here)
    try:
        assert "levels deep, left out: 1." in words_of(read_dataset(photos, DataSettings()))
    finally:
        subprocess.run(["rm", "-rf", str(photos / "cat" / "d")], check=True)


def test_links_in_circles_end(photos):
    (photos / "cat" / "up").symlink_to("..")
    (photos / "dog" / "loop").symlink_to("loop")
    assert len(read_dataset(photos, DataSettings(follow_links=True))) == 6


@pytest.mark.parametrize("name", ["classes.txt", "metadata.csv", "dataset_info.json", "labels.json", "state.json"])
def test_no_file_that_nobody_named_is_read_through_a_link(photos, name):
    (photos / name).symlink_to("../secret")
    assert "SECRET" not in words_of(read_dataset(photos, DataSettings()))


@pytest.fixture
def table(photos):
    """Write a table of these paths beside the photos, and return how it is read."""

    def read(*paths, **settings):
        rows = [*(f"{('cat', 'dog')[n % 2]}/{n}.png" for n in range(6)), *paths]
        lines = "".join(f'"{path}",{("a", "b")[n % 2]}\n' for n, path in enumerate(rows))
        (photos / "labels.csv").write_text(f"path,label\n{lines}")
        return read_dataset(photos / "labels.csv", DataSettings(**settings))

    return read


def test_absolute_paths_to_images_are_read_as_ever(photos, table, tmp_path):
    picture(tmp_path / "elsewhere" / "x.png", 9)
    dataset = table(tmp_path / "elsewhere" / "x.png", "../elsewhere/x.png")
    assert (len(dataset), dataset.set_aside) == (8, ())


@pytest.mark.parametrize("path", ["{root}/secret", "../secret", "link.png", "linked/secret"])
def test_what_lies_outside_and_is_not_named_as_an_image_is_set_aside(photos, table, tmp_path, path):
    (photos / "link.png").symlink_to("../secret")
    (photos / "linked").symlink_to("..")
    dataset = table(path.format(root=tmp_path))
    assert len(dataset) == 6
    (row,) = dataset.set_aside
    assert "--follow-links reads it" in row.detail
    assert "SECRET" not in words_of(dataset)


def test_links_out_are_read_where_the_user_says_so(photos, table, tmp_path):
    picture(tmp_path / "blobs" / "0a1b", 9)
    (photos / "x.png").symlink_to("../blobs/0a1b")
    assert len(table("x.png").set_aside) == 1
    assert len(table("x.png", follow_links=True)) == 7


def test_an_address_that_cannot_be_fetched_is_one_row():
    class Store:
        def read(self, place):
            raise ConfigError(f"{place}: reading http:// needs the extra http.")

    images = PlacedImages([Url("http://127.0.0.1/x.png")], cast("Any", Store()))
    with pytest.raises(OSError, match="needs the extra http"):
        images.read(0)


def test_names_that_are_no_text_are_spelled_out_and_stay_apart(photos):
    raw = os.fsencode(photos)
    for name in (b"caf\xe9.png", rb"caf\xe9.png", b"a\nb.png"):
        os.link(photos / "cat" / "0.png", raw + b"/cat/" + name)
    os.makedirs(raw + b"/b\xffrd")
    os.link(photos / "cat" / "0.png", raw + b"/b\xffrd/1.png")
    dataset = read_dataset(photos, DataSettings())
    assert {r"cat/caf\xe9.png", r"cat/caf\\xe9.png", r"cat/a\x0ab.png", r"b\xffrd/1.png"} <= set(dataset.sample_ids)
    assert r"b\xffrd" in dataset.classes
    "".join(dataset.sample_ids + dataset.classes).encode("utf-8")
    images = cast("Any", dataset.content)
    assert all(images.read(index) for index in range(len(dataset)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", b"[" * 200_000),
        ("t.jsonl", b'{"x": ' + b"9" * 5000 + b', "label": "a"}\n'),
        ("t.jsonl", b'{"x": "\\ud800", "label": "\\udc00"}\n' * 4),
        ("t.csv", b"x,label\n\xff\xfe,a\n"),
        ("t.parquet", b"PAR1" + b"\xff" * 64 + b"PAR1"),
        ("t.arrow", b"ARROW1\0\0" + b"\xff" * 64),
        ("t.npz", b"PK\x03\x04" + b"\0" * 60),
        ("t.xlsx", b"PK\x03\x04" + b"\0" * 60),
        ("t.zip", b"PK\x03\x04" + b"\0" * 60),
        ("t.tar", b"\xff" * 1024),
        ("t.json", b'{"images": 3, "annotations": [[]], "categories": {"id": null}}'),
    ],
)
def test_strange_bytes_are_an_error_of_the_data(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, ConfigError)) as caught:
        read_dataset(tmp_path / name, DataSettings())
    assert str(tmp_path / name) in str(caught.value)


def test_large_images_take_a_bound_of_memory(tmp_path):
    """An image of 36 million pixels with transparency: the peak was 19 bytes a pixel, with whole copies."""
    Image.new("RGBA", (6000, 6000), (1, 2, 3, 4)).save(tmp_path / "large.png", compress_level=1)
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom labelaudit.functional.images import decode_image\n"
        "data = Path(sys.argv[1]).read_bytes()\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decode_image(data, 'large.png', 32)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 36e6)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "large.png"], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 12


def test_a_column_that_is_there_twice_is_named(tmp_path):
    table = pa.table([pa.array([1, 2, 3, 4]), pa.array([1, 2, 3, 4]), pa.array(["a", "b"] * 2)], ["x", "x", "label"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="a column is there twice: 'x'"):
        read_dataset(tmp_path / "t.parquet", DataSettings())


def test_a_column_whose_offsets_lie_is_damaged_and_no_crash(tmp_path):
    offsets = pa.py_buffer(np.array([0, 1, 10**9, 3, 4], dtype=np.int32).tobytes())
    lying = pa.Array.from_buffers(pa.string(), 4, [None, offsets, pa.py_buffer(b"abcd")])
    with pytest.raises(DataError, match="column 'label' is damaged"):
        Table(tmp_path / "t", {"label": pa.chunked_array([lying])}, np.arange(4), Store(None))
