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


# A call by each way that the format knows; %s is where it would leave a folder.
CALLS = {
    "a name": b"cos\nmkdir\n(S'%s'\ntR.",
    "a name from the stack": b"\x80\x04\x8c\x02os\x8c\x05mkdirS'%s'\n\x85\x93R.",
    "eval": b'cbuiltins\neval\n(S\'__import__("os").mkdir("%s")\'\ntR.',
    "getattr": b"cbuiltins\ngetattr\n(cos\nS'mkdir'\ntR(S'%s'\ntR.",
    "an instance": b"(S'%s'\nios\nmkdir\n.",
    "an object": b"(cos\nmkdir\nS'%s'\no.",
    "a new object": b"\x80\x02cos\nmkdir\n(S'%s'\nt\x81.",
    "a new object with names": b"\x80\x04cos\nmkdir\n(S'%s'\nt}\x92.",
    "a persistent id": b"\x80\x02S'%s'\nQ.",
    "a persistent id in text": b"P%s\n.",
    "an extension": b"\x80\x02\x82\x01(S'%s'\ntR.",
    "copyreg": b"ccopyreg\n_reconstructor\n(cos\nmkdir\nS'%s'\nNtR.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0bdtype.mkdir\x93(S'%s'\ntR.",
    "another of numpy": b"cnumpy.core.multiarray\nfromfile\n(S'%s'\ntR.",
    "a state of a name": b"cos\nmkdir\n}S'__code__'\nS'%s'\nsb.",
    "a call of text": b"S'%s'\n)R.",
    "a buffer from outside": b"\x80\x05\x97S'%s'\n.",
}


@pytest.mark.parametrize("name", CALLS)
def test_no_way_to_call_something_is_taken(tmp_path, name):
    path = tmp_path / "call.pickle"
    path.write_bytes(CALLS[name].replace(b"%s", str(tmp_path / "made").encode()))
    with pytest.raises(DataError, match=r"cannot be read without running code|is no pickle file, or damaged"):
        read_plain_pickle(path)
    assert not (tmp_path / "made").exists()


def array_with(shape=b"(K\x02t", kind=b"u1", raw=b"\x01\x02", made=b"cnumpy\nndarray\nK\x00\x85U\x01b"):
    dtype = b"cnumpy\ndtype\n(U" + bytes([len(kind)]) + kind + b"K\x00K\x01tR(K\x03U\x01|NNNK\x00K\x00K\x00tb"
    state = b"(K\x01" + shape + dtype + b"\x89U" + bytes([len(raw)]) + raw + b"tb"
    return b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(" + made + b"tR" + state + b"."


def test_an_array_by_hand_is_read(tmp_path):
    path = tmp_path / "array"
    path.write_bytes(array_with())
    assert read_plain_pickle(path).tolist() == [1, 2]


@pytest.mark.parametrize(
    "odd",
    [
        {"shape": b"(J\xff\xff\xff\x7ft"},
        {"shape": b"(K\x00J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"},
        {"shape": b"N"},
        {"kind": b"O8"},
        {"kind": b"V9"},
        {"kind": b"u9"},
        {"kind": b"u1,u1"},
        {"kind": b"M8[s]"},
        {"kind": b"S1"},
        {"raw": b"\x01"},
    ],
)
def test_an_array_with_odd_arguments_is_refused(tmp_path, odd):
    path = tmp_path / "array"
    path.write_bytes(array_with(**odd))
    with pytest.raises(DataError):
        read_plain_pickle(path)


def shared(n, one, two):
    """Return a value that holds another twice, which holds another twice, n times over: 2^n where it is written out."""
    return one + b"".join(b"q" + bytes([i]) + two.replace(b"%", bytes([i])) for i in range(n))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x80\x02]q\x00h\x00a.", "asks for a value that holds itself"),
        (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "its lists are nested too deeply"),
        (b"\x80\x02}" + shared(60, b"N\x85", b"h%\x86") + b"K\x01s.", "asks for a key of type tuple"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.", "damaged"),
        (b"\x80\x05\x8e" + struct.pack("<Q", 2**62) + b"x.", "damaged"),
        (b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.", "damaged"),
    ],
)
def test_a_small_file_cannot_take_much_time_or_memory(tmp_path, content, problem):
    path = tmp_path / "bomb"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_plain_pickle(path)


def test_what_is_shared_is_read_once_and_stays_shared(tmp_path):
    path = tmp_path / "shared"
    path.write_bytes(b"\x80\x02" + shared(60, b"]", b"]h%ah%a") + b".")  # written out, 2^60 lists
    value, depth = read_plain_pickle(path), 0
    while value:
        assert value[0] is value[1]
        value, depth = value[0], depth + 1
    assert depth == 60


def test_a_far_place_in_the_memory_of_a_pickle_costs_nothing(tmp_path):
    path = tmp_path / "far"
    path.write_bytes(b"\x80\x02K\x07r" + struct.pack("<I", 2**32 - 1) + b".")  # 9 bytes: pickle.load takes 64 GiB
    assert read_plain_pickle(path) == 7


def test_changed_bytes_are_read_or_refused_but_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.arange(60, dtype=np.uint8).reshape(2, 30)
    kinds = [pickle.dumps({"data": rows, "labels": [1, 2]}, protocol=protocol) for protocol in range(6)]
    path, refused = tmp_path / "changed", 0
    for turn in range(1_200):
        content = bytearray(kinds[turn % 6])
        for place in rng.integers(len(content), size=1 + turn % 3):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            read_plain_pickle(path)
        except DataError:
            refused += 1
    assert refused > 300
