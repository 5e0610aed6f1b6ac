"""Pickles are read, never run: plain data comes out, anything that would have to be called is refused by name."""

from __future__ import annotations

import os
import pickle  # noqa: TID251  (to write what is read here)
import struct

import numpy as np
import pytest

from labelaudit.core.errors import DataError
from labelaudit.sources.plain_pickle import read_plain_pickle


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def written(tmp_path, value, protocol):
    path = tmp_path / f"{protocol}.pickle"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def by_python_2(labels, rows):
    """Return the bytes that cPickle of Python 2 wrote for CIFAR: keys and pixels are text without an encoding."""
    n, width = rows.shape

    def text(value):
        return b"U" + bytes([len(value)]) + value

    dtype = b"cnumpy\ndtype\nq\x02U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    state = b"(K\x01K" + bytes([n]) + b"M" + struct.pack("<H", width) + b"\x86" + dtype + b"\x89"
    state += b"T" + struct.pack("<i", n * width) + rows.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}q\x01(" + text(b"data") + array + state + text(b"labels") + numbers + b"u."


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_comes_out_as_it_went_in(tmp_path, protocol):
    value = {
        "labels": [1, 2, -3, 300, 70_000, 2**40],
        "mean": (0.5, None, True, "ä"),
        "nested": {"deep": [[], {}, (), (1,), (1, 2), (1, 2, 3, 4)]},
        "name": b"\x00\xff",
    }
    if protocol < 3:
        del value["name"]  # bytes() of nothing is a call there
    assert read_plain_pickle(written(tmp_path, value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", ["u1", "<i8", ">i4", "<f4", "?"])
def test_arrays_of_numbers_come_out_as_they_went_in(tmp_path, protocol, kind):
    rows = (np.arange(12).reshape(3, 4) % 7).astype(kind)
    found = read_plain_pickle(written(tmp_path, {"data": rows, "turned": np.asfortranarray(rows)}, protocol))
    assert found["data"].dtype == rows.dtype
    assert found["data"].tolist() == rows.tolist() == found["turned"].tolist()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_number_of_numpy_comes_out_as_a_number(tmp_path, protocol):
    assert read_plain_pickle(written(tmp_path, [np.int64(7), np.float32(0.5)], protocol)) == [7, 0.5]


def test_what_python_2_wrote_is_read(tmp_path):
    rows = np.arange(2 * 300, dtype=np.uint8).reshape(2, 300)
    path = tmp_path / "data_batch_1"
    path.write_bytes(by_python_2([3, 9], rows))
    assert pickle.loads(path.read_bytes(), encoding="bytes")[b"labels"] == [3, 9]  # noqa: S301  (our own bytes)
    found = read_plain_pickle(path)
    assert found["labels"] == [3, 9]
    assert found["data"].dtype == np.uint8
    assert found["data"].tolist() == rows.tolist()


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_refused_by_name_and_not_made(tmp_path, protocol):
    path = written(tmp_path, {"labels": Harmful(tmp_path / "made")}, protocol)
    with pytest.raises(DataError, match=r"without running code in it: it asks for (posix|nt)\.mkdir\.") as caught:
        read_plain_pickle(path)
    assert str(path) in str(caught.value)
    assert "numpy.savez" in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_an_array_of_objects_is_refused(tmp_path):
    path = written(tmp_path, np.array([Harmful(tmp_path / "made")], dtype=object), 4)
    with pytest.raises(DataError, match=r"it asks for (arrays of type 'O8'|posix\.mkdir|nt\.mkdir)"):
        read_plain_pickle(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("module", ["numpy", "builtins", "numpy.core.multiarray"])
def test_names_that_look_like_numpys_are_refused(tmp_path, module):
    path = tmp_path / "names.pickle"
    path.write_bytes(f"c{module}\nload\n(S'x'\ntR.".encode())
    with pytest.raises(DataError, match=rf"it asks for {module}\.load\."):
        read_plain_pickle(path)


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"\x80\x04]", b"}K\x01s.", b"e."])
def test_damage_is_an_error_with_the_name_of_the_file(tmp_path, content):
    path = tmp_path / "torn"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"torn (is no pickle file, or damaged|cannot be read without)"):
        read_plain_pickle(path)


def test_a_torn_batch_is_an_error_at_any_length(tmp_path):
    whole = by_python_2([3, 9], np.zeros((2, 300), dtype=np.uint8))
    path = tmp_path / "torn"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="damaged"):
            read_plain_pickle(path)
