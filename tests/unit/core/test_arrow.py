import math
import os

import numpy as np
import pyarrow as pa
import pytest

from labelaudit.core.arrow import numbers_of, text_array, truths_of


@pytest.mark.parametrize("cut", [slice(None), slice(3, 7), slice(9, None), slice(0, 0)])
def test_numbers_and_truths_are_those_that_pyarrow_gives(cut):
    numbers = pa.array([1, None, 3, 4, 5, None, 7, 8, 9, 10], pa.int64())[cut]
    assert numbers_of(numbers, -1).tolist() == [-1 if value is None else value for value in numbers.to_pylist()]
    floats = pa.array([0.5, None, 1.5] * 4, pa.float32())[cut]
    assert np.array_equal(numbers_of(floats, math.nan), floats.to_numpy(zero_copy_only=False), equal_nan=True)
    truths = pa.array([True, None, False, True, True, False, None, True, True, False])[cut]
    assert truths_of(truths).tolist() == [bool(value) for value in truths.to_pylist()]


def test_texts_keep_what_they_say():
    texts = ["", "cat", "\N{CAT FACE}", "a\tb\n"]
    assert text_array(texts).to_pylist() == texts
    assert text_array([]).to_pylist() == []
    assert text_array(["a"]).type == pa.string()


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made")
def test_bytes_that_are_not_utf8_are_escaped_as_in_the_findings():
    assert text_array([os.fsdecode(b"\xff.png")]).to_pylist() == ["\\udcff.png"]
